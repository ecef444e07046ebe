"""From QUEUED to COPYING: the one CopyImage call of a copy.

STARTING and the ClientToken are stored before the call. A worker killed at any point is harmless: the next one sends
that token with the same parameters and gets the same image. Before a call that could make a second image, see
`recovery`, what is there already is looked for and followed, and what failed is removed.
"""

import logging
import uuid
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import ec2, errors
from amicopy.copies import rules
from amicopy.copies.core import absence
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.core.reasons import NO_WAIT, Code
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import (
    adoption,
    backoff,
    call_outcomes,
    failed_images,
    gate,
    leases,
    outside_memory,
    recovery,
)
from amicopy.copies.lifecycle import holds, name_holders, source_binding
from amicopy.copies.lifecycle.transitions import LEASE_ENDED, InvalidTransition, move_copy
from amicopy.leases import LEASE

logger = logging.getLogger(__name__)

# While the image of an earlier call may still turn up.
LOOKING = backoff.Wait(30, 60, Code.LOOKING_FOR_IMAGE)


def start(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> bool:
    """Makes the call of a leased copy and stores what came of it. Raises InvalidTransition when the lease was lost.

    False: AWS takes no more calls of the copy's place for now.
    """
    attempt = copy.attempts.order_by("-number")[0]
    if not attempt.in_doubt and holds.hold(copy, lease=lease, actor=actor):
        return True
    if copy.dry_run:
        call_outcomes.starting(copy, lease=lease, actor=actor)
        _check(copy, attempt, lease=lease, actor=actor)
        return True
    doubt_since = _doubt_since(attempt)
    try:
        if recovery.must_look(copy, attempt, timezone.now()):
            failed = adoption.follow(copy, lease=lease, actor=actor)
            if failed is None:
                return True
            failed_images.clear(copy, failed, lease=lease, actor=actor)
        _refuse_broken(copy)
        if doubt_since is None:
            source_binding.check_source(copy)
            source_binding.check_key(copy)
            name_holders.check_call(copy)
        _refuse_late(copy)
        gate.check(copy, attempt)
        with transaction.atomic():
            call_outcomes.starting(copy, lease=lease, actor=actor)
            _mark_called(attempt)
        outside_memory.keep()
        answer = ec2.copy_image(
            copy.account.aws(),
            region=copy.DestinationRegion,
            parameters=copy.parameters,
            client_token=attempt.ClientToken,
            for_request=copy.request_id,
        )
    except errors.AwsError as error:
        call_outcomes.starting(copy, lease=lease, actor=actor)
        _not_started(copy, attempt, _passing(copy, error), doubt_since, lease=lease, actor=actor)
        return not isinstance(error, (errors.NoSlot, errors.Throttled))
    try:
        call_outcomes.copying(copy, attempt, answer.image_id, answer.request_id, lease=lease, actor=actor)
    except InvalidTransition:
        # Cancelled during the call: the image's id is what the cancelling worker needs.
        call_outcomes.remember(copy, attempt, answer.image_id, answer.request_id, lease=lease)
        raise
    return True


def _doubt_since(attempt: Attempt) -> datetime | None:
    """When the last call was made whose answer is missing; None where none is."""
    if not attempt.in_doubt:
        return None
    return attempt.last_called_at or attempt.first_called_at or attempt.created_at


def _refuse_late(copy: ImageCopy) -> None:
    """Raises InvalidTransition when so much of the lease is gone that it could end during the call."""
    if copy.lease_until is None or copy.lease_until - timezone.now() < LEASE - leases.CALL_WITHIN:
        raise InvalidTransition("The lease is too old for a call.")


def _refuse_broken(copy: ImageCopy) -> None:
    """Raises Rejected when the rules of this moment refuse the call."""
    account = copy.account
    broken = rules.check_call(
        copy.call(),
        account_id=account.account_id,
        partition=account.partition,
        lookups=copy.request.lookups,
        mark=copy.mark,
    )
    if broken:
        message = " ".join(f"{error.field}: {error.message}" for error in broken)
        raise errors.Rejected("RefusedByRules", message)


def _passing(copy: ImageCopy, error: errors.AwsError) -> errors.AwsError:
    """AWS answers alike for a source that is gone, one still being made, and one that it doesn't show at the moment;
    the latter two are waited for."""
    if isinstance(error, errors.NotFound):
        return source_binding.not_found(copy, error)
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
    doubt_since: datetime | None,
    *,
    lease: uuid.UUID,
    actor: Actor,
) -> None:
    """AWS made nothing of this call, or didn't answer: waits where that can help, else fails the copy.

    An attempt that was in doubt before stays so: this answer says nothing of the earlier call, which may have made the
    image. It is looked for, and only when a look found nothing and AWS's lists had time to show it does the copy fail.
    """
    wait = backoff.wait_for(error)
    if wait is None and doubt_since is not None and not isinstance(error, recovery.Unclear):
        try:
            if adoption.follow(copy, lease=lease, actor=actor) is None:
                return
        except recovery.Unclear as unclear:
            error = unclear
        except errors.AwsError as unseen:
            error, wait = unseen, backoff.wait_for(unseen) or LOOKING
        else:
            wait = LOOKING if absence.young(doubt_since, timezone.now()) else None
    if wait is None:
        call_outcomes.fail(copy, error, lease=lease, actor=actor, attempt=attempt, doubt_since=doubt_since)
    else:
        call_outcomes.wait_for_another(copy, attempt, error, wait, doubt_since=doubt_since, lease=lease, actor=actor)


def _mark_called(attempt: Attempt) -> None:
    now = timezone.now()
    attempt.in_doubt, attempt.last_called_at = True, now
    attempt.first_called_at = attempt.first_called_at or now
    attempt.save(update_fields=["in_doubt", "first_called_at", "last_called_at"])


def _check(copy: ImageCopy, attempt: Attempt, *, lease: uuid.UUID, actor: Actor) -> None:
    """A dry run: asks AWS whether the call would be allowed and makes nothing."""
    try:
        _refuse_broken(copy)
        gate.check(copy, attempt)
        answer = ec2.dry_run_copy_image(
            copy.account.aws(),
            region=copy.DestinationRegion,
            parameters=copy.parameters,
            for_request=copy.request_id,
        )
    except errors.AwsError as refused:
        error = _passing(copy, refused)
        wait = backoff.wait_for(error)
        if wait is not None:
            call_outcomes.wait_for_another(copy, attempt, error, wait, doubt_since=None, lease=lease, actor=actor)
        else:
            call_outcomes.fail(copy, error, lease=lease, actor=actor)
        return
    if not answer.allowed:
        refusal = errors.Denied(answer.code, answer.message, answer.request_id)
        call_outcomes.fail(copy, refusal, lease=lease, actor=actor)
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
