"""How far the steps after a copy are, for pages and programs: what was approved, beside what was done of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from amicopy.copies.core.models import CopyStep, ImageCopy
from amicopy.copies.core.states import STEP_DONE, StepState
from amicopy.copies.core.steps.members import Members
from amicopy.copies.core.steps.table import Step, in_order


@dataclass(frozen=True)
class StepRecord:
    """A step of a copy. There is no `row` before the AMI is there: nothing of the step was begun."""

    copy: ImageCopy
    step: Step
    members: Members
    row: CopyStep | None = None

    @property
    def state(self) -> StepState:
        return StepState(self.row.state) if self.row else StepState.WAITING

    @property
    def done(self) -> bool:
        return self.state in STEP_DONE

    @property
    def failed(self) -> bool:
        return self.state == StepState.FAILED


def of_copies(copies: Iterable[ImageCopy]) -> dict[int, list[StepRecord]]:
    """The steps of these copies by copy, in the order in which they are done; one statement, none where there are no
    steps."""
    with_steps = [copy for copy in copies if copy.approved_steps]
    rows: dict[int, dict[str, CopyStep]] = {}
    for row in CopyStep.objects.filter(copy__in=with_steps) if with_steps else ():
        rows.setdefault(row.copy_id, {})[row.code] = row
    return {copy.pk: _records(copy, rows.get(copy.pk, {})) for copy in with_steps}


def _records(copy: ImageCopy, rows: Mapping[str, CopyStep]) -> list[StepRecord]:
    found = []
    for step in in_order(copy.approved_steps):
        row = rows.get(step.code)
        if row is not None:
            # It is at hand: nobody has to ask for it again.
            row.copy = copy
        found.append(StepRecord(copy, step, copy.approved_steps[step.code], row))
    return found


def count(records: Sequence[StepRecord]) -> tuple[int, int]:
    """How many of the steps are done, and how many there are."""
    return sum(record.done for record in records), len(records)
