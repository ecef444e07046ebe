"""Everything that speaks against what a requester hands in, found by rules, account and people."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.copies import rules
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import Call, FieldError, InvalidRequest
from amicopy.copies.core.models import Account, Attempt
from amicopy.copies.core.steps.members import Members, Wrong
from amicopy.copies.core.steps.table import LAUNCH
from amicopy.copies.core.steps.wanted import FIELD, path
from amicopy.copies.lifecycle import name_holders
from amicopy.copies.requests import follow_ups, submission_reasons
from amicopy.copies.requests.submission import Submission
from amicopy.copies.requests.submission_reasons import Anyway, not_accepted, reason_errors
from amicopy.copies.rules import steps as step_rules
from amicopy.copies.voting import facts, left_out, rulebook, voters, votes

# How far ahead a start may be asked for.
LATEST_START = timedelta(days=90)


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
    if (handed_in.continues or handed_in.mends) is not None and handed_in.existing:
        field_ = "continues" if handed_in.continues else "mends"
        errors.append(FieldError(field_, "Ask anew: a request for an AMI that exists follows from no other."))
    elif handed_in.continues is not None:
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
    if any(call.existing for call in calls) and not any(steps):
        errors.append(FieldError(FIELD, "Choose what is to be done to the AMI.", 0, Wrong.MISSING))
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
        elif clashes and not call.dry_run and not call.existing:
            said = f"Enter another name. {call.DestinationRegion} has an AMI of this name: {', '.join(clashes)}."
            errors.append(FieldError("Name", said, index))
    return errors


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


def _token_taken(account: Account, call: Call, again: int | None) -> bool:
    taken = Attempt.objects.filter(
        account=account, DestinationRegion=call.DestinationRegion, ClientToken=call.ClientToken
    )
    return taken.exclude(copy__request=again, first_called_at__isnull=True).exists()
