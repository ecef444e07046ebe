"""The entries of a queue: each request with what sets it apart, what the person can do about it, and what others did.

One of them is open and has a panel with all that deciding takes; only that one's is put together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.utils import timezone

from amicopy.copies.core import permissions
from amicopy.copies.core.models import CopyRequest, CopyRequestQuerySet, Decision, ImageCopy
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.lifecycle import holds
from amicopy.copies.voting import demands, left_out, voters, votes
from amicopy.web import approval_queue, chips
from amicopy.web.call_members import calls_of
from amicopy.web.review_summary import edits_of, found_of, names_of
from amicopy.web.status import current

# So many chips stand in a row of the queue, the riskiest; the panel has all of them.
CHIPS_IN_A_ROW = 2
# What every request has stands in its row in words.
MEASURES = ("large", "costs", "starts-later")
# An expiry this close is said in words of warning.
SOON = timedelta(days=2)
Entry = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """What came of a decision that wasn't taken: the request it was about, what is wrong, and what was typed. `field`:
    it is the reason that is wrong."""

    number: int
    words: str
    typed: str = ""
    field: bool = False


def drawn(rows: CopyRequestQuerySet) -> CopyRequestQuerySet:
    """The rows with all that entries are made of."""
    decisions = Decision.objects.select_related("decided_by", "on_behalf_of")
    return rows.select_related("requester__service", "account").prefetch_related(
        "requester__service__owners", "copies", Prefetch("decisions", decisions)
    )


def entries_of(user: User, rows: Sequence[CopyRequest]) -> list[Entry]:
    """An entry for each request, in their order."""
    pending_rows = [row for row in rows if row.state == RequestState.PENDING]
    mine, given = voters.votes_of(user, pending_rows), voters.counted(pending_rows)
    not_counted = left_out.not_counted_beside(user, pending_rows, given) | left_out.not_counted(user, pending_rows)
    shown = [(row, sorted(current(row), key=lambda copy: copy.position)) for row in rows]
    found = chips.chips_of(shown)
    entries = []
    for row, copies in shown:
        decisions = approval_queue.decisions_that_stand(row)
        pending = row.pk in given
        missing = votes.missing(row.plan, given[row.pk].groups) if pending else []
        wanted = sum(each["count"] for each in row.plan)
        vote = mine.get(row.pk)
        standing_out = chips.standing_out(found[row.pk])
        own_decision = next((each for each in reversed(decisions) if each.decided_by_id == user.pk), None)
        entries.append(
            {
                "row": row,
                "copies": copies,
                "chips": found[row.pk],
                "standing_out": standing_out[:CHIPS_IN_A_ROW],
                "more_chips": len(standing_out[CHIPS_IN_A_ROW:]),
                "measures": [chip for chip in found[row.pk] if chip.code in MEASURES and not chip.risk],
                "may_approve": vote is not None,
                "may_decide": pending
                and permissions.may_decide(user, row)
                and not approval_queue.voted(user, decisions, row),
                "own": row.requester_id == user.pk,
                "decisions": decisions,
                "own_decision": own_decision,
                "undo_until": _undo_until(row, copies, own_decision),
                "not_counted": not_counted.get(row.pk, ""),
                "needed": votes.words(missing) if pending else "",
                "vote": (wanted - sum(each["count"] for each in missing), wanted) if pending else None,
                "rules": ", ".join(rule["name"] for rule in row.rules),
                "asked_by": ", ".join(vote.asked_by(row.rules)) if vote else "",
                "wants": demands.of(row.rules).words if vote else "",
                "for_whom": vote.owner.get_username() if vote and vote.owner.pk != user.pk else "",
                "pending": pending,
                "expires_soon": row.expires_at is not None and row.expires_at - timezone.now() < SOON,
            }
        )
    return entries


def fill(entries: Sequence[Entry]) -> None:
    """Adds what deciding on these takes: what was found out, what changes, what is sent."""
    names = names_of([(entry["row"], entry["copies"]) for entry in entries])
    for entry in entries:
        row, copies = entry["row"], entry["copies"]
        entry["found"] = found_of(row, copies, names)
        entry["calls"] = calls_of(copies)
        entry["edits"] = edits_of(row, copies)


def open_one(entries: Sequence[Entry], wanted: int | None, *, typing: bool) -> None:
    """Opens the wanted entry, or else the first that the person may decide on; none where 0 is wanted. `typing`: a
    reason may have been begun for it, which stays where somebody else decides meanwhile."""
    chosen = next((entry for entry in entries if entry["row"].pk == wanted), None)
    if chosen is None and wanted != 0:
        chosen = next((entry for entry in entries if entry["may_decide"]), None)
    for entry in entries:
        entry["opened"] = entry is chosen
    if chosen is not None:
        chosen["typed_stays"] = typing and not chosen["own"] and chosen["own_decision"] is None
        fill([chosen])


def next_after(entries: Sequence[Entry], number: int) -> int | None:
    """The request to decide on after this one, in the order of the page, from its end on from its beginning."""
    numbers = [entry["row"].pk for entry in entries]
    at = numbers.index(number) + 1 if number in numbers else 0
    return next((entry["row"].pk for entry in [*entries[at:], *entries[:at]] if entry["may_decide"]), None)


def _undo_until(row: CopyRequest, copies: Sequence[ImageCopy], own: Decision | None) -> datetime | None:
    """Until when the person's own approval can be taken back, as far as that shows; None where it can't."""
    if (
        own is None
        or own.kind != Decision.Kind.APPROVE
        or row.state not in (RequestState.PENDING, RequestState.APPROVED)
    ):
        return None
    last = row.decided_by_id == own.decided_by_id and row.decided_at == own.decided_at
    if row.state == RequestState.APPROVED and not (last and all(copy.state == CopyState.QUEUED for copy in copies)):
        return None
    until = holds.undo_time(own.decided_at)
    return until if until is not None and until > timezone.now() else None
