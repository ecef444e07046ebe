"""The verbs of a request: submit, approve, reject, request changes, withdraw.

Each is told who acts, checks that the person may, changes state and writes the event in one transaction, and nudges the
workers after the commit. All of them raise NotAllowed and InvalidTransition, whose words are fit to be shown.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies import approval, permissions, rules
from amicopy.copies.calls import Call, FieldError, InvalidRequest, content_hash
from amicopy.copies.models import Account, Attempt, CopyRequest, Decision, ImageCopy
from amicopy.copies.nudge import nudge
from amicopy.copies.states import CopyState, RequestState
from amicopy.copies.transitions import InvalidTransition, lock_request, move_copy, move_request


def person(actor: Actor) -> User:
    """The person behind an actor, with the permissions they have now. Raises NotAllowed for amicopy itself."""
    if actor.id is None:
        raise permissions.NotAllowed("Only a person can do this.")
    return User.objects.get(pk=actor.id)


def submit(
    actor: Actor,
    *,
    account: Account,
    reason: str,
    calls: Sequence[Call],
    submission: uuid.UUID | None = None,
    lookups: dict[str, Any] | None = None,
) -> CopyRequest:
    """Stores a request with its frozen calls and their tokens, and returns it; a second submission returns the first.

    `reason` is why the copy is needed; `submission` identifies one sending of the form; `lookups` is what was known of
    source and destinations. Raises InvalidRequest with errors by field.
    """
    user = person(actor)
    permissions.check_submit(user)
    submission = submission or uuid.uuid4()
    earlier = CopyRequest.objects.filter(submission=submission, requester=user).first()
    if earlier is not None:
        return earlier
    errors = check_submission(account=account, reason=reason, calls=calls)
    if errors:
        raise InvalidRequest(errors)
    now = timezone.now()
    try:
        with transaction.atomic():
            first = calls[0].parameters
            request = CopyRequest.objects.create(
                account=account,
                requester=user,
                reason=reason.strip(),
                submission=submission,
                SourceRegion=first["SourceRegion"],
                SourceImageId=first["SourceImageId"],
                Name=first["Name"],
                dry_run=all(call.dry_run for call in calls),
                content_hash=content_hash(account.account_id, calls),
                plan=approval.plan_for(calls),
                lookups=lookups or {},
                created_at=now,
                submitted_at=now,
            )
            store_calls(request, calls)
            record(
                "request.submitted",
                actor=actor,
                request=request.pk,
                requester=user.pk,
                account=account.account_id,
                new=RequestState.PENDING,
                data={
                    "reason": request.reason,
                    "content_hash": request.content_hash,
                    "plan": request.plan,
                    "calls": [
                        {"DestinationRegion": call.DestinationRegion, "parameters": dict(call.parameters)}
                        for call in calls
                    ],
                },
            )
            approve_if_satisfied(lock_request(request.pk), actor=actor)
    except IntegrityError:
        # The same form sent twice at the same instant, or a token taken a moment ago: the database let one in.
        earlier = CopyRequest.objects.filter(submission=submission, requester=user).first()
        if earlier is not None:
            return earlier
        errors = check_submission(account=account, reason=reason, calls=calls)
        if errors:
            raise InvalidRequest(errors) from None
        raise
    request.refresh_from_db()
    return request


def check_submission(*, account: Account, reason: str, calls: Sequence[Call]) -> list[FieldError]:
    """Everything that speaks against these calls, by field; the same for the form and for whoever calls `submit`."""
    errors: list[FieldError] = []
    if not reason.strip():
        errors.append(FieldError("reason", "Enter why this copy is needed."))
    if not account.enabled:
        errors.append(FieldError("account", f"Choose another account. {account.name} is switched off."))
    errors += rules.check_request(calls, account_id=account.account_id, partition=account.partition)
    for index, call in enumerate(calls):
        if call.ClientToken and _token_taken(account, call):
            errors.append(
                FieldError(
                    "ClientToken",
                    f"Enter another token or leave it empty. This one was used before in {call.DestinationRegion}.",
                    index,
                )
            )
    return errors


def _token_taken(account: Account, call: Call) -> bool:
    return Attempt.objects.filter(
        account=account, DestinationRegion=call.DestinationRegion, ClientToken=call.ClientToken
    ).exists()


def store_calls(request: CopyRequest, calls: Sequence[Call]) -> None:
    """Freezes the calls as image copies of the request's current round, each with its first token."""
    for position, call in enumerate(calls):
        copy = ImageCopy.objects.create(
            request=request,
            round=request.round,
            position=position,
            account=request.account,
            DestinationRegion=call.DestinationRegion,
            destination=call.destination,
            parameters=dict(call.parameters),
            ClientToken=call.ClientToken,
            state=CopyState.HELD,
        )
        new_attempt(copy, ClientToken=call.ClientToken)


def new_attempt(copy: ImageCopy, *, ClientToken: str = "") -> Attempt:
    """The next attempt at a copy, with a token of its own, stored before any call."""
    return Attempt.objects.create(
        copy=copy,
        number=copy.attempts.count() + 1,
        account_id=copy.account_id,
        DestinationRegion=copy.DestinationRegion,
        ClientToken=ClientToken or str(uuid.uuid4()),
        created_at=timezone.now(),
    )


def approve(actor: Actor, number: int, *, seen_hash: str, reason: str = "") -> CopyRequest:
    """One person's approval of exactly the content they saw; starts the copies when it is the last one needed."""
    with transaction.atomic():
        request = _decide(actor, number, Decision.Kind.APPROVE, seen_hash=seen_hash, reason=reason)
        approve_if_satisfied(request, actor=actor)
    return request


def reject(actor: Actor, number: int, *, reason: str, seen_hash: str = "") -> CopyRequest:
    """Ends the request: one rejection is enough. Raises InvalidRequest without a reason."""
    with transaction.atomic():
        request = _decide(actor, number, Decision.Kind.REJECT, seen_hash=seen_hash, reason=reason)
        move_request(
            request,
            RequestState.REJECTED,
            actor=actor,
            action="request.rejected",
            data={"reason": reason.strip()},
            decided_by_id=actor.id,
            decided_at=timezone.now(),
        )
        _cancel_held(request, actor=actor)
    return request


def request_changes(actor: Actor, number: int, *, reason: str, seen_hash: str = "") -> CopyRequest:
    """Sends the request back to its requester. Raises InvalidRequest without a reason."""
    with transaction.atomic():
        request = _decide(actor, number, Decision.Kind.REQUEST_CHANGES, seen_hash=seen_hash, reason=reason)
        move_request(
            request,
            RequestState.CHANGES_REQUESTED,
            actor=actor,
            action="request.changes_requested",
            data={"reason": reason.strip()},
            decided_by_id=actor.id,
            decided_at=timezone.now(),
        )
    return request


def withdraw(actor: Actor, number: int) -> CopyRequest:
    """The requester takes the request back before it was decided."""
    with transaction.atomic():
        request = lock_request(number)
        permissions.check_withdraw(person(actor), request)
        move_request(request, RequestState.WITHDRAWN, actor=actor, action="request.withdrawn")
        _cancel_held(request, actor=actor)
    return request


def _decide(actor: Actor, number: int, kind: Decision.Kind, *, seen_hash: str, reason: str) -> CopyRequest:
    """Stores one decision on a pending request, under its lock."""
    request = lock_request(number)
    user = person(actor)
    permissions.check_decide(user, request)
    if request.state != RequestState.PENDING:
        raise InvalidTransition(f"Request #{number} is {request.get_state_display().lower()} already.")
    if kind != Decision.Kind.APPROVE and not reason.strip():
        verb = "rejected" if kind == Decision.Kind.REJECT else "sent back"
        raise InvalidRequest([FieldError("reason", f"Enter why the request is {verb}.")])
    current = request.hash_of_calls()
    if current != request.content_hash or (kind == Decision.Kind.APPROVE and seen_hash != current):
        raise InvalidTransition(f"Request #{number} isn't what you saw any more. Look at it again.")
    if request.decisions.filter(round=request.round, decided_by=user).exists():
        raise InvalidTransition(f"You have decided on request #{number} already.")
    Decision.objects.create(
        request=request,
        round=request.round,
        requester_id=request.requester_id,
        decided_by=user,
        decided_at=timezone.now(),
        kind=kind,
        reason=reason.strip(),
        content_hash=current,
    )
    return request


def approve_if_satisfied(request: CopyRequest, *, actor: Actor) -> None:
    """Approves a locked, pending request when its plan is fulfilled, and queues its copies; else records the vote
    alone."""
    approvals = request.decisions.filter(round=request.round, kind=Decision.Kind.APPROVE)
    latest = approvals.order_by("-decided_at", "-id").first()
    reason = latest.reason if latest else ""
    if not approval.satisfied(request.plan, approvals):
        if latest is not None:
            record(
                "request.vote",
                actor=actor,
                request=request.pk,
                requester=request.requester_id,
                account=request.account.account_id,
                data={"reason": reason, "content_hash": request.content_hash},
            )
        return
    move_request(
        request,
        RequestState.APPROVED,
        actor=actor,
        action="request.approved",
        data={"reason": reason, "content_hash": request.content_hash, "automatic": latest is None},
        decided_by_id=latest.decided_by_id if latest else None,
        decided_at=latest.decided_at if latest else None,
    )
    now = timezone.now()
    for copy in request.copies.filter(round=request.round).order_by("position"):
        move_copy(copy, CopyState.QUEUED, actor=actor, action="copy.queued", queued_at=now, next_step_at=now)
    nudge("start_due")


def _cancel_held(request: CopyRequest, *, actor: Actor) -> None:
    now = timezone.now()
    for copy in request.copies.filter(state=CopyState.HELD):
        move_copy(copy, CopyState.CANCELLED, actor=actor, action="copy.cancelled", finished_at=now)
