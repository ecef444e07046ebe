"""What a requester hands in: checked against rules, account and people, and frozen as copies with their tokens."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, cached_property, partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.copies import rules
from amicopy.copies.core import marks, name_templates, permissions, request_words
from amicopy.copies.core.calls import Call, FieldError, InvalidRequest
from amicopy.copies.core.content import HASH_VERSION, Content, content_hash
from amicopy.copies.core.installation import mark_values
from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.core.steps.members import Members, Wrong
from amicopy.copies.core.steps.table import LAUNCH
from amicopy.copies.core.steps.wanted import NOTHING, WantedSteps, frozen, path
from amicopy.copies.lifecycle import name_holders, source_binding
from amicopy.copies.lookups import snapshot
from amicopy.copies.requests import follow_ups, look_again, submission_reasons
from amicopy.copies.requests.submission_reasons import Anyway, not_accepted, reason_errors
from amicopy.copies.rules import steps as step_rules
from amicopy.copies.rules.case import Case
from amicopy.copies.voting import (
    fact_evidence,
    fact_table,
    facts,
    left_out,
    pending_votes,
    rulebook,
    voters,
    votes,
)

# How far ahead a start may be asked for.
LATEST_START = timedelta(days=90)
LONGEST_NAME = 128


@dataclass(frozen=True)
class Submission:
    """What a person hands in; `lookups` is what was known of source and destinations, `fresh` what of it was looked up
    for this submission, where `lookups` has older answers too; `continues` the finished request
    that these are more destinations of, `mends` the failed copy that is asked for again;
    `by_machine`: a program hands it in; `typed` are names with placeholders, by input; `anyway` is there when it is
    submitted whatever is in its way; `steps` are those after the copies, as they were asked for."""

    account: Account
    reason: str
    calls: Sequence[Call]
    lookups: Mapping[str, Any] = field(default_factory=dict)
    start_not_before: datetime | None = None
    continues: CopyRequest | None = None
    mends: ImageCopy | None = None
    by_machine: bool = False
    typed: Mapping[str, str] = field(default_factory=dict)
    anyway: Anyway | None = None
    fresh: Mapping[str, Any] | None = None
    steps: WantedSteps = NOTHING

    @cached_property
    def approved_steps(self) -> list[dict[str, Members]]:
        """The steps after each copy, as they will be approved and done."""
        source = str(fact_evidence.source_in(self.lookups).get("Name") or "")
        return frozen(self.steps, self.calls, now=timezone.now(), source=source)

    @property
    def in_the_way(self) -> list[FieldError]:
        """What was looked up now and stands in its way."""
        return rules.found_in_the_way(
            self.calls,
            lookups=self.lookups if self.fresh is None else self.fresh,
            account_id=self.account.account_id,
            partition=self.account.partition,
        )

    @property
    def anyway_kept(self) -> dict[str, Any]:
        """What a request keeps of being submitted anyway; empty when nothing was in its way."""
        return submission_reasons.kept(self.in_the_way, self.calls, self.anyway)

    def marked(self, submission: uuid.UUID) -> "Submission":
        """The same with amicopy's mark in every call, as it will be approved and sent. `submission` is the
        request's."""
        return replace(self, calls=marked_calls(self.account, self.calls, submission, self.lookups))

    def known_facts(self, requester: User) -> facts.Facts:
        """What rules and people look at; amicopy's mark in the calls changes nothing about it."""
        return facts.facts_for(
            self.account,
            requester,
            self.lookups,
            calls=self.calls,
            start_not_before=self.start_not_before,
            by_machine=self.by_machine,
            anyway=self.anyway_kept,
            steps=self.approved_steps,
        )

    def told(self, seen: facts.Facts) -> list[fact_table.Told]:
        """What sets it apart."""
        return fact_table.tell(self.calls, seen.evidence) if seen.evidence else []

    def columns(self, seen: facts.Facts, told: Sequence[fact_table.Told]) -> dict[str, Any]:
        """What a request keeps of it, with the plan that the rules of this moment ask for; `seen` and `told` are its
        own."""
        first, now = self.calls[0].parameters, timezone.now()
        anyway = self.anyway_kept
        plans = rulebook.plan_for(self.calls, seen)
        content = Content(
            account_id=self.account.account_id,
            calls=self.calls,
            keys=source_binding.keys_seen(self.lookups, self.calls),
            source_seen=source_binding.seen(self.lookups, self.calls),
            reason=self.reason.strip(),
            start_not_before=self.start_not_before,
            plan=plans.plan,
            rules=plans.rules,
            anyway=anyway,
            steps=self.approved_steps,
        )
        incomplete = snapshot.incomplete(self.lookups)
        return {
            "reason": content.reason,
            "SourceRegion": first["SourceRegion"],
            "SourceImageId": first["SourceImageId"],
            "Name": name_templates.of_all([(call.DestinationRegion, call.name) for call in self.calls])[:LONGEST_NAME],
            "dry_run": all(call.dry_run for call in self.calls),
            "content_hash": content_hash(content),
            "hash_version": HASH_VERSION,
            "plan": plans.plan,
            "unvoted_plan": pending_votes.key_of(plans.plan),
            "rules": plans.rules,
            "lookups": dict(self.lookups),
            "estimate": dict(seen.evidence.estimate) if seen.evidence else {},
            "source_seen": content.source_seen,
            "submitted_at": now,
            "expires_at": now + timedelta(days=settings.REQUEST_EXPIRES_DAYS),
            "start_not_before": self.start_not_before,
            "risky": seen.evidence is None or fact_table.risky(told),
            "anyway": content.anyway,
            "anyway_looked": {},
            "look_again_at": now + look_again.SOON if incomplete or content.anyway else None,
            "continues": self.continues,
            "mends": self.mends,
            "by_machine": self.by_machine,
            "typed": dict(self.typed),
            "steps": dict(self.steps.everywhere),
        }


def marked_calls(
    account: Account, calls: Sequence[Call], submission: uuid.UUID | str, lookups: Mapping[str, Any]
) -> list[Call]:
    """Calls as a person asked for them, each with the mark of its place in the request."""
    found: list[Call] = []
    for call, value in zip(calls, mark_values(submission, len(calls)), strict=True):
        case = Case(call, account.account_id, account.partition, lookups)
        copied = case.source_tags if call.parameters.get("CopyImageTags") else set[str]()
        # An image in S3 has no snapshots.
        kinds = marks.KINDS[:1] if case.source.get("RootDeviceType") == "instance-store" else marks.KINDS
        found.append(marks.marked(call, value, copied=copied, kinds=kinds))
    return found


def refuse(handed_in: Submission, requester: User, again: int | None = None) -> facts.Facts:
    """Raises InvalidRequest with everything that speaks against a submission; else returns its facts."""
    # Asked for only where nothing else speaks against it: what isn't well formed has none.
    find_facts = cache(partial(handed_in.known_facts, requester))
    errors = check_submission(
        account=handed_in.account,
        reason=handed_in.reason,
        calls=handed_in.calls,
        requester=requester,
        lookups=handed_in.lookups,
        start_not_before=handed_in.start_not_before,
        again=again,
        by_machine=handed_in.by_machine,
        in_the_way=handed_in.in_the_way,
        anyway=handed_in.anyway,
        steps=handed_in.approved_steps,
        find_facts=find_facts,
    )
    if handed_in.continues is not None:
        errors += follow_ups.refusals(
            handed_in.continues, account=handed_in.account, calls=handed_in.calls, requester=requester
        )
    if errors:
        raise InvalidRequest(errors)
    return find_facts()


def check_submission(
    *,
    account: Account,
    reason: str,
    calls: Sequence[Call],
    requester: User | None = None,
    lookups: Mapping[str, Any] | None = None,
    start_not_before: datetime | None = None,
    again: int | None = None,
    by_machine: bool = False,
    in_the_way: Sequence[FieldError] = (),
    anyway: Anyway | None = None,
    find_facts: Callable[[], facts.Facts] | None = None,
    steps: Sequence[Mapping[str, Members]] = (),
) -> list[FieldError]:
    """Everything that speaks against these calls, by field; the same for the form and for whoever calls `submit`.

    `again` is the number of the request that is submitted again: its own unused tokens are free. `in_the_way` is what
    look-ups found, which is let pass where it is submitted `anyway`. `steps` are those after each call, as
    `core.steps.wanted.frozen` gives them. `find_facts` finds its facts, where they serve for more than this.
    """
    errors = reason_errors(reason) + not_accepted(in_the_way, calls, anyway)
    if not account.enabled:
        errors.append(FieldError("account", f"Choose another account. {account.name} is switched off."))
    elif requester is not None and not permissions.may_ask_in(requester, account):
        errors.append(FieldError("account", f"Choose another account. {account.name} is for other groups than yours."))
    if start_not_before is not None and start_not_before > timezone.now() + LATEST_START:
        errors.append(FieldError("start_not_before", f"Enter a start in the next {LATEST_START.days} days."))
    errors += rules.check_request(calls, account_id=account.account_id, partition=account.partition, lookups=lookups)
    if any(steps):
        errors += step_rules.check_steps(
            calls, steps, account_id=account.account_id, partition=account.partition, lookups=lookups
        )
    for index, call in enumerate(calls):
        if call.ClientToken and _token_taken(account, call, again):
            errors.append(
                FieldError(
                    "ClientToken",
                    f"Enter another token or leave it empty. This one was used before in {call.DestinationRegion}.",
                    index,
                )
            )
    errors += _names_taken(account, calls, lookups or {}, again)
    if requester is not None and not errors:
        find_facts = find_facts or partial(
            facts.facts_for,
            account,
            requester,
            lookups or {},
            calls=calls,
            start_not_before=start_not_before,
            by_machine=by_machine,
            anyway=submission_reasons.kept(in_the_way, calls, anyway),
            steps=steps,
        )
        seen = find_facts()
        errors += _public_without_rule(seen, calls, steps)
        errors += _nobody_could(seen, calls)
    return errors


def claim_names(handed_in: Submission, again: int | None = None) -> None:
    """Where the setting wants each name once: looks again whether they are free, with everybody else shut out until the
    transaction ends, so that of two requests sent in one second one has the name. Raises InvalidRequest."""
    if name_holders.refused():
        name_holders.lock(handed_in.account)
        if errors := _names_taken(handed_in.account, handed_in.calls, handed_in.lookups, again):
            raise InvalidRequest(errors)


def _names_taken(
    account: Account, calls: Sequence[Call], lookups: Mapping[str, Any], again: int | None
) -> list[FieldError]:
    """Where the setting wants it, refuses names that are in use where a copy goes, as far as that was looked up, and
    those that other requests have asked for."""
    if not name_holders.refused():
        return []
    errors: list[FieldError] = []
    listed = lookups.get("destinations") or ()
    for index, (call, copies) in enumerate(
        zip(calls, name_holders.holders(account.pk, calls, lookups, besides=again), strict=True)
    ):
        row = listed[index] if index < len(listed) else {}
        clashes = row.get("clashes") if row.get("DestinationRegion") == call.DestinationRegion else None
        if copies:
            errors.append(FieldError("Name", f"Enter another name. {name_holders.words(call, copies)}.", index))
        elif clashes and not call.dry_run:
            said = f"Enter another name. {call.DestinationRegion} has an AMI of this name: {', '.join(clashes)}."
            errors.append(FieldError("Name", said, index))
    return errors


def new_attempt(copy: ImageCopy, *, ClientToken: str = "") -> Attempt:
    """The next attempt at a copy, with a token of its own, stored before any call."""
    attempt = _attempt(copy, copy.attempts.count() + 1, ClientToken)
    attempt.save()
    return attempt


def _attempt(copy: ImageCopy, number: int, ClientToken: str) -> Attempt:
    return Attempt(
        copy=copy,
        number=number,
        account_id=copy.account_id,
        DestinationRegion=copy.DestinationRegion,
        ClientToken=ClientToken or str(uuid.uuid4()),
        created_at=timezone.now(),
    )


def _nobody_could(seen: facts.Facts, calls: Sequence[Call]) -> list[FieldError]:
    """Refuses a request that would wait for ever: too few people could give what its rules ask for."""
    plans, requester = rulebook.plan_for(calls, seen), seen.requester
    assert requester is not None  # noqa: S101, a submission has one
    missing = voters.impossible(plans.plan, requester=requester)
    if not missing:
        return []
    wanted = votes.words(plans.plan)
    if not voters.impossible(plans.plan, requester=requester, bound=True):
        bound, doubles = left_out.left_out(requester)[:3], left_out.one_with_another(requester)[:3]
        names = ", ".join(user.username for user, _ in bound)
        said = " ".join(dict.fromkeys(why for _, why in (*bound, *doubles)))
        words = f"Nobody could approve this but {names}, whose approval doesn't count for your requests. {said}"
        if not bound:
            words = f"This needs {wanted}, and of those who could give that too many count as one person. {said}"
        return [FieldError("account", words)]
    return [
        FieldError(
            "account",
            f"Ask an administrator: nobody could approve this. {voters.rules_in_words(plans.rules, missing)} asks for "
            f"{wanted}, and too few people can give that. Missing: {votes.words(missing)}.",
        )
    ]


def _public_without_rule(
    seen: facts.Facts, calls: Sequence[Call], steps: Sequence[Mapping[str, Members]]
) -> list[FieldError]:
    """Refuses to make an AMI public where a rule that asks for approvals of it doesn't allow that by its own
    setting."""
    public = {
        place: call.destination
        for place, (call, own) in enumerate(zip(calls, steps, strict=bool(steps)))
        if "all" in (own.get(LAUNCH) or {}).get("UserGroups", ())
    }
    if not public:
        return []
    plans = rulebook.plan_for(calls, seen)
    refused = {each.destination for each in plans.verdicts if each.applies is not False and not each.allows_public}
    words = "Leave out “all”, or ask an administrator for a rule that lets AMIs be made public."
    field_ = path(LAUNCH, "UserGroups")
    return [
        FieldError(field_, words, place, Wrong.PUBLIC_NOT_ALLOWED)
        for place, destination in public.items()
        if destination in refused
    ]


def store_calls(request: CopyRequest, handed_in: Submission) -> None:
    """Freezes the marked calls as image copies of the current round, each with its first token, its key and its
    steps."""
    calls = handed_in.calls
    keys, values = source_binding.keys_seen(request.lookups, calls), mark_values(request.submission, len(calls))
    copies = ImageCopy.objects.bulk_create(
        ImageCopy(
            request=request,
            round=request.round,
            position=position,
            account=request.account,
            DestinationRegion=call.DestinationRegion,
            destination=call.destination,
            Name=str(call.parameters["Name"]),
            parameters=dict(call.parameters),
            mark=mark if marks.found_in(call.parameters, mark) else "",
            ClientToken=call.ClientToken,
            key_seen=key,
            state=CopyState.HELD,
            own_steps=handed_in.steps.own_of(position),
            approved_steps=steps,
        )
        for position, (call, key, mark, steps) in enumerate(
            zip(calls, keys, values, handed_in.approved_steps, strict=True)
        )
    )
    Attempt.objects.bulk_create(_attempt(copy, 1, copy.ClientToken) for copy in copies)
    request_words.store(request, calls)


def _token_taken(account: Account, call: Call, again: int | None) -> bool:
    taken = Attempt.objects.filter(
        account=account, DestinationRegion=call.DestinationRegion, ClientToken=call.ClientToken
    )
    return taken.exclude(copy__request=again, first_called_at__isnull=True).exists()
