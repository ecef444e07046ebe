"""From QUEUED to COPYING: the one CopyImage call of a copy.

STARTING and the ClientToken are stored before the call. A worker killed at any point is harmless: the next one sends
that token with the same parameters and gets the same image. Only when a token may have been forgotten, or AWS refuses
after an answer was lost, is the image looked for by what identifies it.
"""

import logging
import uuid
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import ec2, errors, sessions
from amicopy.copies import rules
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.core.reasons import NO_WAIT, Code
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import backoff, call_buckets, leases, recovery
from amicopy.copies.lifecycle import holds, source_binding
from amicopy.copies.lifecycle.transitions import LEASE_ENDED, InvalidTransition, move_copy, note_copy

logger = logging.getLogger(__name__)

# AWS does not say how long it remembers a token of CopyImage. Older than this, it is not relied on.
TOKEN_LIFE = timedelta(hours=1)
# After a refusal, while the image of an earlier call may still turn up.
LOOKING = backoff.Wait(30, 60, Code.LOOKING_FOR_IMAGE)


def start(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> bool:
    """Makes the call of a leased copy and stores what came of it. Raises InvalidTransition when the lease was lost.

    False: AWS takes no more calls of the copy's place for now.
    """
    attempt = copy.attempts.order_by("-number")[0]
    if not attempt.in_doubt and holds.hold(copy, lease=lease, actor=actor):
        return True
    was_in_doubt = attempt.in_doubt
    if copy.dry_run:
        _starting(copy, lease=lease, actor=actor)
        _check(copy, lease=lease, actor=actor)
        return True
    try:
        _refuse_broken(copy)
        if not was_in_doubt:
            source_binding.check_source(copy)
        if was_in_doubt and _forgotten(attempt) and _adopt(copy, attempt, lease=lease, actor=actor):
            return True
        if copy.lease_until is None or copy.lease_until - timezone.now() < leases.LEASE - leases.CALL_WITHIN:
            raise InvalidTransition("The lease is too old for a call.")
        with transaction.atomic():
            _starting(copy, lease=lease, actor=actor)
            _mark_called(attempt)
        answer = ec2.copy_image(
            copy.account.aws(),
            region=copy.DestinationRegion,
            parameters=copy.parameters,
            client_token=attempt.ClientToken,
        )
    except errors.AwsError as error:
        _starting(copy, lease=lease, actor=actor)
        _not_started(copy, attempt, _still_pending(copy, error), was_in_doubt, lease=lease, actor=actor)
        return not isinstance(error, (errors.NoSlot, errors.Throttled))
    try:
        _copying(copy, attempt, answer.image_id, answer.request_id, lease=lease, actor=actor)
    except InvalidTransition:
        # Cancelled during the call: the image's id is what the cancelling worker needs.
        _remember(copy, attempt, answer.image_id, answer.request_id, lease=lease)
        raise
    return True


def _starting(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> None:
    if copy.state == CopyState.QUEUED:
        move_copy(copy, CopyState.STARTING, actor=actor, action="copy.starting", lease=lease, **NO_WAIT)


def _remember(copy: ImageCopy, attempt: Attempt, image_id: str, request_id: str, *, lease: uuid.UUID) -> None:
    with transaction.atomic():
        if ImageCopy.objects.filter(pk=copy.pk, lease_id=lease, ImageId="").update(ImageId=image_id):
            Attempt.objects.filter(pk=attempt.pk).update(
                in_doubt=False, ImageId=image_id, aws_request_id=request_id, error_code=""
            )


def _refuse_broken(copy: ImageCopy) -> None:
    """Raises Rejected when the rules of this moment refuse the call."""
    account = copy.account
    broken = rules.check_call(
        copy.call(), account_id=account.account_id, partition=account.partition, lookups=copy.request.lookups
    )
    if broken:
        message = " ".join(f"{error.field}: {error.message}" for error in broken)
        raise errors.Rejected("RefusedByRules", message)


def _still_pending(copy: ImageCopy, error: errors.AwsError) -> errors.AwsError:
    """AWS answers alike for a source that is gone and one still being made; only the latter is waited for."""
    if error.code != "InvalidAMIID.Unavailable":
        return error
    try:
        pending = source_binding.source_pending(copy)
    except errors.AwsError:
        return error
    return errors.NotReady(error.code, error.message, error.request_id) if pending else error


def _not_started(
    copy: ImageCopy,
    attempt: Attempt,
    error: errors.AwsError,
    was_in_doubt: bool,
    *,
    lease: uuid.UUID,
    actor: Actor,
) -> None:
    """AWS made nothing of this call, or didn't answer: waits where that can help, else fails the copy.

    An attempt that was in doubt before stays so: this answer says nothing of the earlier call, which may have made the
    image. It is looked for, and only when AWS's lists had time to show it does the copy fail.
    """
    # Only an outage leaves the fate of this call open; any other error is AWS's word that it made nothing.
    doubt = was_in_doubt or isinstance(error, errors.Unavailable)
    wait = backoff.wait_for(error)
    if wait is None and was_in_doubt:
        try:
            if _adopt(copy, attempt, lease=lease, actor=actor):
                return
        except errors.AwsError as unseen:
            error = unseen
        if attempt.may_appear(timezone.now()):
            wait = LOOKING
    if wait is None:
        _fail(copy, error, lease=lease, actor=actor, attempt=attempt)
    else:
        _wait(copy, attempt, error, wait, doubt=doubt, lease=lease, actor=actor)


def _mark_called(attempt: Attempt) -> None:
    now = timezone.now()
    attempt.in_doubt, attempt.last_called_at = True, now
    attempt.first_called_at = attempt.first_called_at or now
    attempt.save(update_fields=["in_doubt", "first_called_at", "last_called_at"])


def _forgotten(attempt: Attempt) -> bool:
    return attempt.first_called_at is not None and timezone.now() - attempt.first_called_at > TOKEN_LIFE


def _copying(
    copy: ImageCopy,
    attempt: Attempt,
    image_id: str,
    request_id: str,
    *,
    lease: uuid.UUID,
    actor: Actor,
    how: str = "",
) -> None:
    now = timezone.now()
    with transaction.atomic():
        move_copy(
            copy,
            CopyState.COPYING,
            actor=actor,
            action="copy.copying",
            lease=lease,
            aws_request_id=request_id,
            data={
                "ClientToken": attempt.ClientToken,
                "attempt": attempt.number,
                "parameters": copy.parameters,
                **({"how": how} if how else {}),
            },
            ImageId=image_id,
            called_at=attempt.first_called_at or now,
            next_step_at=now,
            failures=0,
            **NO_WAIT,
            **LEASE_ENDED,
        )
        Attempt.objects.filter(pk=attempt.pk).update(
            in_doubt=False, ImageId=image_id, aws_request_id=request_id, error_code=""
        )


def _check(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> None:
    """A dry run: asks AWS whether the call would be allowed and makes nothing."""
    try:
        _refuse_broken(copy)
        answer = ec2.dry_run_copy_image(copy.account.aws(), region=copy.DestinationRegion, parameters=copy.parameters)
    except errors.AwsError as error:
        wait = backoff.wait_for(error)
        if wait is not None:
            attempt = copy.attempts.order_by("-number")[0]
            _wait(copy, attempt, error, wait, doubt=False, lease=lease, actor=actor)
        else:
            _fail(copy, error, lease=lease, actor=actor)
        return
    if not answer.allowed:
        refusal = errors.Denied(answer.code, answer.message, answer.request_id)
        _fail(copy, refusal, lease=lease, actor=actor)
        return
    move_copy(
        copy,
        CopyState.CHECKED,
        actor=actor,
        action="copy.checked",
        lease=lease,
        aws_request_id=answer.request_id,
        finished_at=timezone.now(),
        next_step_at=None,
        **NO_WAIT,
        **LEASE_ENDED,
    )


def _fail(
    copy: ImageCopy,
    error: errors.AwsError,
    *,
    lease: uuid.UUID,
    actor: Actor,
    attempt: Attempt | None = None,
) -> None:
    with transaction.atomic():
        move_copy(
            copy,
            CopyState.FAILED,
            actor=actor,
            action="copy.failed",
            lease=lease,
            aws_request_id=error.request_id,
            data={"message": error.message},
            error_code=error.code,
            error_message=error.message,
            error_request_id=error.request_id,
            finished_at=timezone.now(),
            next_step_at=None,
            **NO_WAIT,
            **LEASE_ENDED,
        )
        if attempt is not None:
            Attempt.objects.filter(pk=attempt.pk).update(
                in_doubt=False, error_code=error.code, aws_request_id=error.request_id
            )


def _wait(
    copy: ImageCopy,
    attempt: Attempt,
    error: errors.AwsError,
    wait: backoff.Wait,
    *,
    doubt: bool,
    lease: uuid.UUID,
    actor: Actor,
) -> None:
    """Stores when to try again and why; the state stays STARTING, since AWS may have been asked already."""
    if isinstance(error, errors.CredentialsExpired):
        sessions.forget(copy.account.aws())
    if isinstance(error, errors.Throttled):
        call_buckets.empty(copy.account_id, copy.DestinationRegion)
    failures = copy.failures + 1
    pause = backoff.delay(wait, failures)
    reason = backoff.because(wait.code, error, action="CopyImage")
    with transaction.atomic():
        noted = note_copy(
            copy,
            reason,
            actor=actor,
            action="copy.waiting",
            lease=lease,
            aws_request_id=error.request_id,
            error_code=error.code,
            fields={
                "failures": failures,
                "next_step_at": timezone.now() + pause,
                **LEASE_ENDED,
            },
            data={"message": error.message, "tries": failures, "seconds": round(pause.total_seconds(), 1)},
        )
        if noted and not doubt:
            Attempt.objects.filter(pk=attempt.pk).update(in_doubt=False)


def _adopt(copy: ImageCopy, attempt: Attempt, *, lease: uuid.UUID, actor: Actor) -> bool:
    """Looks for the image of a call whose answer was lost. True: the copy has moved on. Raises AwsError."""
    found = recovery.candidates(copy, attempt)
    if not found:
        return False
    if len(found) > 1:
        refusal = errors.Rejected("UnclearImage", recovery.unclear(found))
        _fail(copy, refusal, lease=lease, actor=actor, attempt=attempt)
        return True
    _copying(copy, attempt, found[0].ImageId, "", lease=lease, actor=actor, how="found by source and name")
    return True
