"""The verbs of steps after a copy: try those again that failed, and put an alias back to what it showed before."""

from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core import permissions
from amicopy.copies.core.models import CopyRequest, CopyStep
from amicopy.copies.core.permissions import person
from amicopy.copies.core.reasons import NO_WAIT
from amicopy.copies.core.states import CopyState, RequestState, StepState
from amicopy.copies.core.steps.table import ALIAS
from amicopy.copies.lifecycle.step_moves import move_step
from amicopy.copies.lifecycle.transitions import InvalidTransition, lock_request, move_request
from amicopy.copies.lifecycle.wakeup import nudge
from amicopy.copies.voting import approvals
from amicopy.copies.voting.approvals import NotApproved


def retry_steps(actor: Actor, number: int, *, copy_id: int | None = None, code: str = "") -> list[CopyStep]:
    """Has steps that failed tried again: all of a request, those of one copy, or one by its code; returns them. The
    approval holds while the hash does. What comes after one follows by itself.

    Raises NotAllowed, and InvalidTransition when nothing failed or what is stored isn't what was approved.
    """
    with transaction.atomic():
        request = lock_request(number)
        permissions.check_manage_copies(person(actor), request)
        steps = _chosen(request, StepState.FAILED, copy_id, code)
        if not steps:
            raise InvalidTransition(f"No step of request #{number} has failed.")
        try:
            approvals.check_request(request)
        except NotApproved as refused:
            words = f"Request #{number} isn't what was approved any more. {refused} Make a new one."
            raise InvalidTransition(words) from refused
        if request.state != RequestState.APPROVED:
            move_request(request, RequestState.APPROVED, actor=actor, action="request.retried", finished_at=None)
        now = timezone.now()
        for step in steps:
            move_step(
                step,
                StepState.WAITING,
                actor=actor,
                data={"failed_with": step.error_code},
                next_step_at=now,
                failures=0,
                error_code="",
                error_message="",
                finished_at=None,
                **NO_WAIT,
            )
        nudge("do_steps")
    return steps


def put_back(actor: Actor, number: int, *, copy_id: int) -> CopyStep:
    """Has an alias that a copy was published under show again what it showed before, or ends it where there was none.
    One that shows something else by now stays as it is.

    Raises NotAllowed, and InvalidTransition when the copy isn't published.
    """
    with transaction.atomic():
        request = lock_request(number)
        permissions.check_manage_copies(person(actor), request)
        steps = _chosen(request, StepState.DONE, copy_id, ALIAS)
        if not steps:
            raise InvalidTransition(f"This copy of request #{number} isn't published under an alias.")
        [step] = steps
        move_step(
            step,
            StepState.UNDOING,
            actor=actor,
            data={"members": step.members, "before": step.before},
            next_step_at=timezone.now(),
            failures=0,
        )
        nudge("do_steps")
    return step


def _chosen(request: CopyRequest, state: StepState, copy_id: int | None, code: str) -> list[CopyStep]:
    steps = CopyStep.objects.filter(
        copy__request=request, copy__round=request.round, copy__state=CopyState.AVAILABLE, state=state
    ).select_related("copy__account", "copy__request__account", "copy__request__requester")
    if copy_id is not None:
        steps = steps.filter(copy=copy_id)
    if code:
        steps = steps.filter(code=code)
    return list(steps.order_by("copy", "position"))
