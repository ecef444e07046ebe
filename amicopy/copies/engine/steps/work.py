"""Doing the steps of one copy under a lease: in their order, each stored before it is called for.

What AWS was asked for once is read before it is asked for again, so that a worker killed in between, or an answer that
was lost, does no harm. What AWS shows may lag: what it took isn't sent again, but looked for until it is there.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import errors, sessions
from amicopy.copies.core import absence
from amicopy.copies.core.models import CopyStep, ImageCopy
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.core.states import STEP_OPEN, RequestState, StepState
from amicopy.copies.engine import backoff, leases
from amicopy.copies.engine.steps import undo
from amicopy.copies.engine.steps.actions import Action
from amicopy.copies.engine.steps.catalogue import CATALOGUE
from amicopy.copies.engine.steps.undo import target_of
from amicopy.copies.lifecycle import holds
from amicopy.copies.lifecycle.step_moves import move_step, wait_step
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.voting import approvals
from amicopy.copies.voting.approvals import NotApproved
from amicopy.leases import LEASE

logger = logging.getLogger(__name__)

# Between looks for what AWS took and doesn't show yet; AWS's limit of what exists, which only a person changes.
UNSEEN = backoff.Wait(2, 30, Code.STEP_UNSEEN)
CHECKED = backoff.Wait(5, 30, Code.ALIAS_CHECKED)
FULL = backoff.Wait(300, 3600, Code.QUOTA)
NOT_SHOWN = "AWS accepted it, and for a long time it hasn't shown it."
NOT_TAKEN = "AWS accepted the value and then dropped it: to Systems Manager the AMI isn't available."


@dataclass(frozen=True)
class Work:
    """The steps of a copy that a worker leased."""

    copy: ImageCopy
    lease: uuid.UUID
    actor: Actor
    # What AWS took under it and what wasn't read since.
    called: list[CopyStep] = field(default_factory=list)


class _Stopped(Exception):
    """Nothing more is done under this lease; what has to be stored is."""


def do(steps: Sequence[CopyStep], *, lease: uuid.UUID, actor: Actor) -> None:
    """Does the leased steps of one copy as far as they go, and ends the lease."""
    work = Work(steps[0].copy, lease, actor)
    for step in steps:
        step.copy = work.copy
    try:
        for step in steps:
            if step.state == StepState.UNDOING:
                _put_back(work, step)
        unfinished = [step for step in steps if step.state in STEP_OPEN]
        if unfinished:
            _check(work, unfinished[0])
        batches = [list(batch) for _, batch in groupby(unfinished, key=lambda step: _action(step).read)]
        for place, batch in enumerate(batches):
            _do(work, batch)
            # What is read with later steps is read once for all of them, and always before anything is published.
            later = {_action(step).read for each in batches[place + 1 :] for step in each}
            _confirm(work, [step for step in work.called if _action(step).read not in later])
    except _Stopped:
        pass
    except InvalidTransition as moved:
        logger.info("%s", moved)
    finally:
        CopyStep.objects.filter(lease_id=lease).update(lease_id=None, lease_until=None)


def _check(work: Work, first: CopyStep) -> None:
    """The gate: nothing holds the request back, and what is stored now is what was approved. Raises _Stopped."""
    request, now = work.copy.request, timezone.now()
    # A freeze that began since the copy was made holds what would change it, or publish it, too.
    held = holds.hold_for(work.copy, holds.windows_at(request, now=now), now=now)
    if held is not None:
        _wait(work, first, held.reason, held.look_at - now)
    try:
        if request.state != RequestState.APPROVED:
            raise NotApproved(f"Request #{request.pk} is {request.get_state_display().lower()}.")
        approvals.check_request(request)
        if work.copy.account_id != request.account_id:
            raise NotApproved("It is in another account than was approved.")
        if first.code not in work.copy.approved_steps:
            raise NotApproved("This step isn't among those that were approved.")
    except NotApproved as refused:
        _fail(work, first, errors.Rejected("NotApproved", f"It isn't what was approved. {refused}"))


def _do(work: Work, steps: list[CopyStep]) -> None:
    """Has AWS do steps that are read together, as far as they aren't done. Raises _Stopped when it doesn't take one."""
    seen = None
    if any(step.attempts for step in steps):
        seen = _read(work, steps[0])
        for step in steps:
            if _action(step).fits(seen, target_of(step)):
                _done(work, step)
    for step in [step for step in steps if step.state in STEP_OPEN]:
        try:
            if not step.aws_request_id:
                _change(work, step, seen)
        except errors.AwsError as error:
            _confirm(work, list(work.called), quiet=True)
            _error(work, step, error)
        work.called.append(step)


def _change(work: Work, step: CopyStep, seen: Any) -> None:
    """Has AWS change what a step is about, once that is stored. Raises AwsError."""
    action, now = _action(step), timezone.now()
    if step.lease_until is None or step.lease_until - now < LEASE - leases.CALL_WITHIN:
        raise InvalidTransition("The lease is too old for a call.")
    if not step.before:
        step.before = dict(action.before_of(target_of(step)))
    if step.state == StepState.WAITING:
        move_step(
            step,
            StepState.CALLED,
            actor=work.actor,
            lease=work.lease,
            data={"members": step.members, **({"before": step.before} if step.before else {})},
            attempts=step.attempts + 1,
            before=step.before,
            called_at=now,
            next_step_at=now,
        )
    else:
        step.attempts, step.called_at = step.attempts + 1, now
        _keep(work, step, "attempts", "called_at", "before")
    changed = action.change(target_of(step), seen)
    step.aws_request_id, step.answer = changed.request_id, dict(changed.answer)
    _keep(work, step, "aws_request_id", "answer")
    if action.settles is not None:
        _wait(work, step, Reason(Code.ALIAS_CHECKED), action.settles)


def _confirm(work: Work, called: Sequence[CopyStep], *, quiet: bool = False) -> None:
    """Reads what was changed, and stores what is done. Raises _Stopped for what isn't shown yet, unless `quiet`."""
    work.called[:] = [step for step in work.called if step not in called]
    unseen: list[CopyStep] = []
    try:
        for read, together in groupby(sorted(called, key=_read_name), key=lambda step: _action(step).read):
            steps = list(together)
            seen = read(target_of(steps[0]))
            unseen += [step for step in steps if not _action(step).fits(seen, target_of(step))]
            for step in steps:
                if step not in unseen:
                    _done(work, step)
    except errors.AwsError as error:
        if not quiet:
            _error(work, called[0], error)
    if unseen and not quiet:
        _unseen(work, unseen[0])


def _read_name(step: CopyStep) -> str:
    return _action(step).read.__name__


def _unseen(work: Work, step: CopyStep) -> None:
    """AWS took it and doesn't show it: it is looked for again, until that is too long."""
    settles = _action(step).settles is not None
    if absence.young(step.called_at, timezone.now()):
        known = CHECKED if settles else UNSEEN
        _wait(work, step, Reason(known.code), backoff.delay(known, step.failures + 1))
    error = ("AliasNotTaken", NOT_TAKEN) if settles else ("NotShown", NOT_SHOWN)
    _fail(work, step, errors.Rejected(*error))


def _read(work: Work, step: CopyStep) -> Any:
    """What AWS shows. Raises _Stopped where it doesn't answer."""
    try:
        return _action(step).read(target_of(step))
    except errors.AwsError as error:
        _error(work, step, error)
        raise  # never: what AWS doesn't answer stops the work


def _error(work: Work, step: CopyStep, error: errors.AwsError) -> None:
    """AWS can't, or won't: the step waits, or has failed. Raises _Stopped."""
    now = timezone.now()
    if isinstance(error, errors.CredentialsExpired):
        sessions.forget(work.copy.account.aws())
    known = FULL if isinstance(error, errors.NoSlot) else backoff.wait_for(error)
    young = absence.young(work.copy.finished_at, now)
    again = step.attempts > 1 and error.code == "ParameterAlreadyExists" and absence.young(step.called_at, now)
    if known is None and ((isinstance(error, errors.NotFound) and young) or again):
        known = UNSEEN
    if known is not None:
        _wait(work, step, backoff.because(known.code, error), backoff.delay(known, step.failures + 1))
    _fail(work, step, error)


def _wait(work: Work, step: CopyStep, reason: Reason, pause: timedelta) -> None:
    wait_step(step, reason, lease=work.lease, due=timezone.now() + pause)
    raise _Stopped


def _fail(work: Work, step: CopyStep, error: errors.AwsError) -> None:
    move_step(
        step,
        StepState.FAILED,
        actor=work.actor,
        lease=work.lease,
        aws_request_id=error.request_id,
        data={"message": error.message},
        error_code=error.code,
        error_message=error.message,
        finished_at=timezone.now(),
    )
    raise _Stopped


def _done(work: Work, step: CopyStep) -> None:
    move_step(
        step,
        StepState.DONE,
        actor=work.actor,
        lease=work.lease,
        aws_request_id=step.aws_request_id,
        data={"members": step.members, **({"answer": step.answer} if step.answer else {})},
        finished_at=timezone.now(),
        failures=0,
        error_code="",
        error_message="",
    )


def _put_back(work: Work, step: CopyStep) -> None:
    """Undoes a step that a person had undone."""
    try:
        undo.undo_step(step, actor=work.actor, lease=work.lease)
    except errors.AwsError as error:
        if isinstance(error, errors.CredentialsExpired):
            sessions.forget(work.copy.account.aws())
        known = backoff.wait_for(error) or backoff.Wait(300, 3600, Code.PERMISSION)
        _wait(work, step, backoff.because(known.code, error), backoff.delay(known, step.failures + 1))


def _keep(work: Work, step: CopyStep, *columns: str) -> None:
    """Stores columns of a step. Raises InvalidTransition when the lease was lost."""
    ours = CopyStep.objects.filter(pk=step.pk, lease_id=work.lease)
    if not ours.update(**{name: getattr(step, name) for name in columns}):
        raise InvalidTransition(f"{step.step.label} for {work.copy.destination} is another worker's.")


def _action(step: CopyStep) -> Action:
    return CATALOGUE[step.code]
