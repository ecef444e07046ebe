"""Claiming steps: a lease on all open steps of one copy, of which one is due, so that one worker at a time works on
it."""

import uuid

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from amicopy import leases
from amicopy.copies.core.models import CopyStep
from amicopy.copies.core.states import STEP_OPEN, CopyState, StepState
from amicopy.copies.engine.leases import HOLDER, due, taken

WORKABLE = STEP_OPEN | {StepState.UNDOING}


def due_steps() -> "QuerySet[CopyStep]":
    """The steps that are due, of copies that are there and not being cancelled."""
    rows = CopyStep.objects.filter(due(timezone.now()), copy__state=CopyState.AVAILABLE, state__in=WORKABLE)
    return rows.order_by("next_step_at", "pk")


def claim_next() -> tuple[uuid.UUID, list[CopyStep]] | None:
    """Leases the open steps of the copy whose step has been due for longest; returns them in their order."""
    now, lease_id = timezone.now(), uuid.uuid4()
    with transaction.atomic():
        first = leases.unclaimed(due_steps())[:1]
        copy = CopyStep.objects.filter(pk__in=list(first)).values_list("copy_id", flat=True).first()
        if copy is None:
            return None
        free = CopyStep.objects.filter(leases.free(now), copy=copy, state__in=WORKABLE)
        taken(lease_id)
        leases.put(lease_id, free, list(free.values_list("pk", flat=True)), now=now, lease_holder=HOLDER)
    steps = CopyStep.objects.filter(lease_id=lease_id).select_related(
        "copy__account", "copy__request__account", "copy__request__requester"
    )
    return lease_id, list(steps.order_by("position"))
