"""The verbs of a requester: submit, submit again, renew, withdraw; those of who decides come from `decide`.

Each is told who acts, checks that the person may, changes state and writes the event in one transaction, and nudges the
workers after the commit. All of them raise NotAllowed and InvalidTransition, whose words are fit to be shown.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from amicopy.audit.actor import Actor
from amicopy.copies.core import permissions
from amicopy.copies.core.call_changes import changes
from amicopy.copies.core.calls import Call, FieldError, InvalidRequest
from amicopy.copies.core.models import Account, Attempt, CopyRequest
from amicopy.copies.core.permissions import person
from amicopy.copies.core.states import RequestState
from amicopy.copies.core.steps.wanted import NOTHING, WantedSteps
from amicopy.copies.lifecycle import notifications, source_binding
from amicopy.copies.lifecycle.transitions import InvalidTransition, lock_request, move_request
from amicopy.copies.requests import callbacks, follow_ups
from amicopy.copies.requests.decide import (
    approve,
    approve_if_satisfied,
    break_glass,
    cancel_held,
    decide_many,
    reject,
    request_changes,
)
from amicopy.copies.requests.frozen_calls import new_attempt, store_calls
from amicopy.copies.requests.submission import Submission
from amicopy.copies.requests.submission_checks import check_submission, claim_names, refuse
from amicopy.copies.requests.submission_reasons import Anyway
from amicopy.copies.requests.submission_storage import event_data, store_request, twice
from amicopy.copies.rules import known_problems

# In a browser that two people share, one goes back to the other's form.
TAKEN = "This form was sent by somebody else before. Look it through and submit it again: it is a new one now."

__all__ = (
    "Anyway",
    "approve",
    "break_glass",
    "check_submission",
    "decide_many",
    "new_attempt",
    "person",
    "reject",
    "renew",
    "request_changes",
    "resubmit",
    "submit",
    "withdraw",
)


def submit(
    actor: Actor,
    *,
    account: Account,
    reason: str,
    calls: Sequence[Call],
    submission: uuid.UUID | None = None,
    lookups: Mapping[str, Any] | None = None,
    start_not_before: datetime | None = None,
    typed: Mapping[str, str] | None = None,
    continues: int | None = None,
    mends: int | None = None,
    correlation: str = "",
    webhook: str = "",
    anyway: Anyway | None = None,
    steps: WantedSteps = NOTHING,
) -> CopyRequest:
    """Stores a request with its frozen calls and their tokens, and returns it; a second submission returns the first.

    `reason` is why the copy is needed; `submission` identifies one sending of the form; `lookups` is what was known of
    source and destinations; copies don't start before `start_not_before`; `typed` are the names that were typed with
    placeholders, by input; `continues` is the number of the
    finished request that these are more destinations of, `mends` that of the failed copy of another request that is
    asked for again; `correlation` is what a program calls it, `webhook` the name of the one that is told of
    this request; `anyway` is there when it is submitted although something is known to be in its way; `steps` are
    what is done to each AMI once it is there, as `core.steps.wanted.parse` reads them. Raises InvalidRequest with
    errors by field.
    """
    user = person(actor)
    permissions.check_submit(user)
    endpoint = callbacks.find(webhook) if webhook else None
    submission = submission or uuid.uuid4()
    original = follow_ups.original_of(user, continues) if continues is not None else None
    failed = follow_ups.to_mend(user, mends) if mends is not None else None
    handed_in = Submission(
        account,
        reason,
        calls,
        lookups or {},
        start_not_before,
        original,
        failed,
        by_machine=actor.token is not None,
        anyway=anyway,
        typed=typed or {},
        steps=steps,
    )

    def store() -> CopyRequest:
        earlier = CopyRequest.objects.filter(submission=submission).first()
        if earlier is not None and earlier.requester_id != user.pk:
            raise InvalidRequest([FieldError("submission", TAKEN)])
        if earlier is not None:
            return earlier
        seen = refuse(handed_in, user)
        with transaction.atomic():
            return store_request(
                actor, user, handed_in, submission, correlation=correlation, webhook=endpoint, seen=seen
            )

    request = twice(store)
    request.refresh_from_db()
    return request


def resubmit(
    actor: Actor,
    number: int,
    *,
    reason: str,
    calls: Sequence[Call],
    account: Account | None = None,
    lookups: Mapping[str, Any] | None = None,
    start_not_before: datetime | None = None,
    anyway: Anyway | None = None,
    typed: Mapping[str, str] | None = None,
    steps: WantedSteps = NOTHING,
) -> CopyRequest:
    """Submits a request again that was sent back: a new round with these calls, under the rules of now.

    Approvals given before are kept when the content is the same and so is its source, and void when anything was
    edited or the source isn't what was approved any more. Raises as `submit`.
    """
    request = _own(actor, number)
    seen = _seen_before(request, calls, lookups)
    same_names = [call.name for call in calls] == [call.name for call in request.calls()]
    handed_in = Submission(
        account or request.account,
        reason,
        calls,
        seen,
        start_not_before,
        request.continues,
        request.mends,
        by_machine=actor.token is not None or permissions.service_of(request.requester) is not None,
        anyway=anyway,
        fresh=lookups or {},
        # What was a pattern at first stays one for a clone, unless the name was edited.
        typed=typed or (request.typed if same_names else {}),
        steps=steps,
    )
    return twice(lambda: _new_round(actor, number, handed_in, RequestState.CHANGES_REQUESTED, "request.resubmitted"))


def renew(actor: Actor, number: int, *, lookups: Mapping[str, Any] | None = None) -> CopyRequest:
    """Submits an expired request again as it is: a new round that asks for all approvals anew. What it was submitted in
    spite of doesn't keep it. Raises as `submit`."""
    request = _own(actor, number)
    calls = request.calls_as_asked()
    seen = _seen_before(request, calls, lookups)
    handed_in = Submission(
        request.account,
        request.reason,
        calls,
        seen,
        request.start_not_before,
        request.continues,
        request.mends,
        by_machine=request.by_machine,
        anyway=_anyway_before(request),
        fresh=lookups or {},
        typed=request.typed,
        steps=request.steps_as_asked(),
    )
    return twice(lambda: _new_round(actor, number, handed_in, RequestState.EXPIRED, "request.renewed"))


def withdraw(actor: Actor, number: int) -> CopyRequest:
    """The requester takes the request back before it was decided."""
    with transaction.atomic():
        request = lock_request(number)
        permissions.check_withdraw(person(actor), request)
        move_request(request, RequestState.WITHDRAWN, actor=actor, action="request.withdrawn")
        cancel_held(request, actor=actor)
    return request


def _own(actor: Actor, number: int) -> CopyRequest:
    request = CopyRequest.objects.select_related("account", "requester").get(pk=number)
    permissions.check_resubmit(person(actor), request)
    return request


def _anyway_before(request: CopyRequest) -> Anyway | None:
    """That a request was submitted anyway, for the same problems again."""
    if not request.anyway:
        return None
    known = frozenset(known_problems.key_of_kept(each) for each in request.anyway["problems"])
    return Anyway(request.anyway["reason"], known)


def _seen_before(request: CopyRequest, calls: Sequence[Call], lookups: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The new look-ups, with what AWS didn't show this time as it was seen before."""
    where = {(call.parameters.get("SourceRegion"), call.parameters.get("SourceImageId")) for call in calls}
    same = where == {(request.SourceRegion, request.SourceImageId)}
    if lookups is None:
        return request.lookups if same else {}
    return source_binding.seen_before(request.lookups, lookups, calls, same_source=same)


def _new_round(actor: Actor, number: int, handed_in: Submission, expected: str, action: str) -> CopyRequest:
    with transaction.atomic():
        request = lock_request(number)
        if request.state != expected:
            raise InvalidTransition(f"Request #{number} is {request.get_state_display().lower()} already.")
        # An owner who edits what a service asked for does so in its name.
        before, user = request.calls(), request.requester
        cancel_held(request, actor=actor)
        # What was never sent to AWS used no token.
        Attempt.objects.filter(copy__request=request, first_called_at__isnull=True).delete()
        claim_names(handed_in, again=number)
        seen = refuse(handed_in, user, again=number)
        handed_in = handed_in.marked(request.submission)
        told = handed_in.told(seen)
        columns = handed_in.columns(seen, told)
        edited = columns["content_hash"] != request.content_hash
        request.round += 1
        voided = edited or expected == RequestState.EXPIRED
        request.account = handed_in.account
        if not voided and request.decisions.filter(round__gte=request.votes_from_round).exists():
            columns["unvoted_plan"] = ""
        event = move_request(
            request,
            RequestState.PENDING,
            actor=actor,
            action=action,
            data={
                **event_data(request, handed_in, columns),
                "approvals_kept": not voided,
                "changes": changes(before, handed_in.calls),
            },
            account=handed_in.account,
            round=request.round,
            votes_from_round=request.round if voided else request.votes_from_round,
            reminded_at=None,
            **columns,
        )
        store_calls(request, handed_in)
        notifications.ask(event, request, told)
        approve_if_satisfied(request, actor=actor)
    return request
