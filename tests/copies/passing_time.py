"""Time that passes for the rows: everything they remember is that much longer ago."""

from datetime import timedelta

from django.db.models import F, Model

from amicopy.copies import tasks
from amicopy.copies.core.engine_models import SeenLeftover
from amicopy.copies.core.models import Attempt, CopyRequest, CopyStep, DriftLook, DriftTrace, ImageCopy
from tests.conftest import Control

TIMES: dict[type[Model], tuple[str, ...]] = {
    ImageCopy: ("missing_since", "called_at", "queued_at", "seen_at"),
    Attempt: ("created_at", "first_called_at", "last_called_at"),
    CopyRequest: ("restored_at",),
    SeenLeftover: ("missing_since", "seen_at"),
    CopyStep: ("called_at",),
    DriftTrace: ("found_at", "since"),
    DriftLook: ("trace_after",),
}
DUE = {
    ImageCopy: ("next_step_at", "lease_until"),
    CopyStep: ("next_step_at", "lease_until"),
    SeenLeftover: ("next_try_at",),
}


def let_pass(control: Control | None = None, *, minutes: float) -> None:
    """Lets so much time pass for the rows, and at the sandbox too where its control is given."""
    for model, names in TIMES.items():
        for name in names:
            rows = model._default_manager.filter(**{f"{name}__isnull": False})
            rows.update(**{name: F(name) - timedelta(minutes=minutes)})
    if control is not None:
        control("advance", seconds=minutes * 60)


def make_due() -> None:
    """Everything that waits is due now, and leases of the dead have ended."""
    for model, names in DUE.items():
        for name in names:
            rows = model._default_manager.filter(**{f"{name}__isnull": False})
            rows.update(**{name: F(name) - timedelta(days=1)})


def look_again(*works: str, times: int = 1, minutes: float = 0, control: Control | None = None) -> None:
    """Runs tasks so many times, by their names, each time after so many minutes have passed."""
    for _ in range(times):
        let_pass(control, minutes=minutes)
        for work in works:
            make_due()
            if work == "start_due":
                tasks.start_due(wake=False)
            else:
                getattr(tasks, work)()
