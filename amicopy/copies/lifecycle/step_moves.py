"""The only place where the state of a step after a copy changes: a conditional UPDATE and its audit event, in one
transaction, with the request locked first as in `transitions`."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record_all
from amicopy.copies.core.models import CopyRequest, CopyStep, ImageCopy
from amicopy.copies.core.reasons import NO_WAIT, Reason
from amicopy.copies.core.states import STEP_MOVES, STEP_OPEN, CopyState, StepState
from amicopy.copies.lifecycle import notifications
from amicopy.copies.lifecycle.transitions import (
    LEASE_ENDED,
    InvalidTransition,
    acting,
    end_request,
    entry_of,
    lock_request,
)

ACTIONS: Mapping[str, str] = {
    StepState.WAITING: "step.retried",
    StepState.CALLED: "step.called",
    StepState.DONE: "step.done",
    StepState.FAILED: "step.failed",
    StepState.UNDOING: "step.undoing",
    StepState.UNDONE: "step.undone",
}


def move_step(
    step: CopyStep,
    to: str,
    *,
    actor: Actor,
    lease: uuid.UUID | None = None,
    aws_request_id: str = "",
    data: Mapping[str, Any] | None = None,
    **fields: Any,
) -> None:
    """Moves a step from the state this object shows and records the event. What is done or has failed gives back its
    lease; the next step is due after one that is done, and the request ends with the last.

    With `lease` the move also needs that lease. A call is stored only while the copy is there and not being cancelled.
    Raises InvalidTransition, and writes nothing, when the move is not in the table or the row is not as expected.
    """
    old, copy = step.state, step.copy
    actor = acting(copy, actor)
    if to not in STEP_MOVES[old]:
        raise InvalidTransition(_already(step, old))
    over = to not in STEP_OPEN and to != StepState.UNDOING
    if to == StepState.WAITING:
        # What AWS took before it dropped it again says nothing of the next try, for which it is asked anew. The column
        # is the step's; the argument of its name is the event's.
        fields |= {"aws_request_id": "", "answer": {}}
    if over:
        fields |= {"next_step_at": None, **NO_WAIT, **LEASE_ENDED}
    with transaction.atomic():
        # This also locks the request, before the step and the chain.
        CopyRequest.objects.filter(pk=copy.request_id).update(version=F("version") + 1)
        expected: dict[str, Any] = {"pk": step.pk, "state": old}
        if lease is not None:
            expected["lease_id"] = lease
        if to == StepState.CALLED and not _there(copy):
            raise InvalidTransition(f"The copy to {copy.destination} is being cancelled.")
        if not CopyStep.objects.filter(**expected).update(state=to, **fields):
            now = CopyStep.objects.values_list("state", flat=True).get(pk=step.pk)
            raise InvalidTransition(_already(step, now))
        event = record_all(
            [
                entry_of(
                    ACTIONS[to],
                    copy,
                    actor=actor,
                    image_id=copy.ImageId,
                    aws_request_id=aws_request_id,
                    error_code=fields.get("error_code", ""),
                    old=old,
                    new=to,
                    data={"step": step.code, **(data or {})},
                )
            ]
        )[0]
        if to == StepState.FAILED:
            notifications.tell_of_copy(event, copy)
            # What comes after it isn't begun.
            CopyStep.objects.filter(copy=copy, state__in=STEP_OPEN).update(next_step_at=None, **LEASE_ENDED)
        if to == StepState.DONE:
            following = CopyStep.objects.filter(copy=copy, position__gt=step.position, state__in=STEP_OPEN)
            if (first := following.order_by("position").values_list("pk", flat=True).first()) is not None:
                CopyStep.objects.filter(pk=first).update(next_step_at=timezone.now())
        if to in {StepState.DONE, StepState.FAILED}:
            end_request(lock_request(copy.request_id), actor=actor)
    step.state = to
    for name, value in fields.items():
        setattr(step, name, value)


def wait_step(
    step: CopyStep,
    reason: Reason,
    *,
    lease: uuid.UUID,
    due: datetime,
) -> None:
    """Writes why a leased step waits and until when, and ends the lease on all steps of its copy; nothing when it was
    lost."""
    with transaction.atomic():
        CopyRequest.objects.filter(pk=step.copy.request_id).update(version=F("version") + 1)
        if CopyStep.objects.filter(pk=step.pk, lease_id=lease).update(**reason.fields, failures=step.failures + 1):
            # Whatever of the copy is due waits with it.
            CopyStep.objects.filter(copy=step.copy_id, next_step_at__isnull=False).update(next_step_at=due)
            CopyStep.objects.filter(copy=step.copy_id, lease_id=lease).update(**LEASE_ENDED)


def _there(copy: ImageCopy) -> bool:
    return ImageCopy.objects.filter(pk=copy.pk, state=CopyState.AVAILABLE).exists()


def _already(step: CopyStep, state: str) -> str:
    return f"{step.step.label} for {step.copy.destination} is {StepState(state).label.lower()} already."
