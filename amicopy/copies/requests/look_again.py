"""Looking again at what AWS didn't show when a request was submitted, so that whoever decides knows it: by itself while
the request waits for a decision, and when somebody asks.

What a later look finds is added to the request's look-ups. The source and the keys as they are seen then are what an
approval binds to, and the content hash changes with them, as long as nobody has approved: people approve what the page
shows them. After a first approval a look only adds to what is shown, so that no vote is voided by a look.

What a request was submitted in spite of is looked at too: whether it is still so. So is what a closer look told of the
source, where it came late or is old (`closer_looks`): whoever decides, and the facts that chips are drawn from, know it
as it is now. The approvals that rules ask for stay those of submission.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies import rules
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import RequestState
from amicopy.copies.lifecycle import source_binding
from amicopy.copies.lifecycle.transitions import lock_request
from amicopy.copies.lookups import async_queries, closer_looks, snapshot
from amicopy.copies.lookups.snapshot_members import Kept
from amicopy.copies.rules import known_problems
from amicopy.copies.voting import estimates, fact_evidence, fact_table

# The first look comes soon; then the pauses grow with the request's age, as long as it waits.
SOON = timedelta(seconds=5)
LONGEST = timedelta(hours=1)
# How long a look may take, and how long one that was begun keeps others from it.
SECONDS = 10.0
CLAIMED = timedelta(minutes=1)


def due() -> QuerySet[CopyRequest]:
    """The requests that it is time to look at again."""
    return CopyRequest.objects.filter(state=RequestState.PENDING, look_again_at__lte=timezone.now())


def claim_next() -> int | None:
    """The number of a request that is due, kept from other workers for a minute; None when there is none."""
    for number, at in due().order_by("look_again_at").values_list("pk", "look_again_at")[:10]:
        mine = CopyRequest.objects.filter(pk=number, look_again_at=at)
        if mine.update(look_again_at=timezone.now() + CLAIMED):
            return number
    return None


def look(number: int, *, actor: Actor, until: float | None = None, as_worker: bool = False) -> bool:
    """Asks AWS, until a deadline or for some seconds, and stores what is new; False when that is nothing. A worker
    enters the account by its own role.

    Makes no call while a transaction is open. Never raises for what AWS does.
    """
    request = CopyRequest.objects.select_related("account").get(pk=number)
    if request.state != RequestState.PENDING or not _wanted(request):
        CopyRequest.objects.filter(pk=number).update(look_again_at=_next(request, request.lookups))
        return False
    until = until or async_queries.deadline(SECONDS)
    copies = list(request.copies_of_round())
    steps = [copy.approved_steps for copy in copies]
    calls = [copy.call() for copy in copies]
    found = snapshot.gather(request.account, calls, until=until, as_worker=as_worker, steps=steps)
    with transaction.atomic():
        locked = lock_request(number)
        if (locked.state, locked.round) != (RequestState.PENDING, request.round):
            return False
        return _store(locked, found, actor=actor)


def first_look(lookups: Mapping[str, Any], now: datetime, *, anyway: bool) -> datetime | None:
    """When a request that is submitted now is to be looked at again; None: never."""
    soon = anyway or snapshot.incomplete(lookups) or closer_looks.lacking(lookups)
    return now + SOON if soon else closer_looks.due_at(lookups)


def _wanted(request: CopyRequest) -> bool:
    known = request.lookups
    return snapshot.incomplete(known) or bool(request.anyway) or closer_looks.wanted(known, timezone.now())


def _next(request: CopyRequest, known: Mapping[str, Any]) -> datetime | None:
    """When it is looked at again: with growing pauses while something is missing, then when the closer look is old."""
    if request.state != RequestState.PENDING:
        return None
    now = timezone.now()
    soon = now + min(LONGEST, max(SOON, (now - request.submitted_at) / 2))
    if snapshot.incomplete(known) or request.anyway or closer_looks.lacking(known):
        return soon
    # One that is due and that AWS didn't answer stays due.
    old = closer_looks.due_at(known)
    return max(old, soon) if old else None


def _store(request: CopyRequest, found: Kept, *, actor: Actor) -> bool:
    known: Mapping[str, Any] = request.lookups
    if snapshot.incomplete(known):
        known = snapshot.completed(known, found)
    if closer_looks.wanted(known, timezone.now()):
        known = closer_looks.renewed(known, found)
    renewed = closer_looks.changed(request.lookups, known) if request.lookups.get("source") else set[str]()
    before, left = snapshot.missing_parts(request.lookups), snapshot.missing_parts(known)
    looked = _in_the_way(request, found)
    fields: dict[str, Any] = {
        "lookups": dict(known),
        "anyway_looked": looked,
        "look_again_at": _next(request, known),
    }
    if left != before or renewed:
        # The approvals that are asked for stay those of submission; whoever decides sees what it costs by now.
        fields["estimate"] = estimates.estimate_for(request.account, request.requester, request.calls(), known)
        fields["risky"] = _risky(request, known, fields["estimate"])
    changed = left != before or renewed or looked.get("over", []) != request.anyway_looked.get("over", [])
    if bool(looked) != bool(request.anyway_looked):
        fields["version"] = F("version") + 1
    if changed:
        fields |= _bound(request, known) | {"version": F("version") + 1}
        record(
            "request.looked_again",
            actor=actor,
            request=request.pk,
            requester=request.requester_id,
            account=request.account.account_id,
            image_id=request.SourceImageId,
            data={
                "found": sorted(before - left),
                "missing": sorted(left),
                **({"renewed": sorted(renewed)} if renewed else {}),
                **({"in_the_way": looked["still"], "no_longer": looked["over"]} if looked else {}),
                "source_seen": fields.get("source_seen", request.source_seen),
                "estimate": fields.get("estimate", request.estimate),
                "content_hash": fields.get("content_hash", request.content_hash),
            },
        )
    CopyRequest.objects.filter(pk=request.pk).update(**fields)
    return bool(changed)


def _risky(request: CopyRequest, known: Mapping[str, Any], estimate: Mapping[str, Any]) -> bool:
    """Whether it has to be looked at closely, by what is known now."""
    request.lookups, request.estimate = dict(known), dict(estimate)
    copies = list(request.copies_of_round())
    evidence = fact_evidence.evidence_of([(request, copies)])[0]
    return fact_table.risky(fact_table.tell([copy.call() for copy in copies], evidence))


def _in_the_way(request: CopyRequest, found: Kept) -> dict[str, Any]:
    """What of a request's known problems is still so and what is over, by their keys; empty without any, or where no
    answer came so far. What this look had no answer about stays as the last one saw it."""
    earlier, problems = request.anyway_looked, request.anyway.get("problems", ())
    looked = [each for each in problems if known_problems.looked_at(each, found)]
    if not looked:
        return dict(earlier)
    calls = request.calls_as_asked()
    now = {known_problems.key_of(each, calls) for each in rules.found_in_the_way(calls, lookups=found)}
    asked = {known_problems.key_of_kept(each) for each in looked}
    still = {*(set(earlier.get("still", ())) - asked), *(asked & now)}
    over = {*(set(earlier.get("over", ())) - asked), *(asked - now)}
    return {"at": timezone.now().isoformat(), "still": sorted(still), "over": sorted(over)}


def _bound(request: CopyRequest, known: Mapping[str, Any]) -> dict[str, Any]:
    """What an approval binds to from now on, where nobody has approved; nothing where it stays. The key behind an
    alias is bound at its copy."""
    if request.decisions.filter(round__gte=request.votes_from_round).exists():
        return {}
    copies = list(request.copies_of_round())
    calls = [copy.call() for copy in copies]
    for copy, key in zip(copies, source_binding.keys_seen(dict(known), calls), strict=True):
        if key and not copy.key_seen:
            ImageCopy.objects.filter(pk=copy.pk).update(key_seen=key)
            copy.key_seen = key
    request.source_seen = request.source_seen or source_binding.seen(dict(known), calls)
    return {"source_seen": request.source_seen, "content_hash": request.hash_of_content(copies)}
