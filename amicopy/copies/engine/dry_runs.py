"""A dry run in the place of a call: asks AWS whether the call would be allowed, and makes nothing."""

import uuid

from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import ec2, errors
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.core.reasons import NO_WAIT
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import backoff, call_checks, call_outcomes, gate, unmade_calls
from amicopy.copies.lifecycle.transitions import LEASE_ENDED, move_copy


def ask(copy: ImageCopy, attempt: Attempt, *, lease: uuid.UUID, actor: Actor) -> None:
    """Asks for a leased copy that is STARTING, and ends it or has it wait."""
    try:
        call_checks.refuse_broken(copy)
        gate.check(copy, attempt)
        answer = ec2.dry_run_copy_image(
            copy.account.aws(),
            region=copy.DestinationRegion,
            parameters=copy.parameters,
            for_request=copy.request_id,
        )
    except errors.AwsError as refused:
        error = unmade_calls.passing(copy, refused)
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
