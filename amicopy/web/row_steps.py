"""The steps after a copy as its row and its record show them: how many are done, each with its state and what can be
done about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amicopy.copies.core.reason_words import words_of
from amicopy.copies.core.states import CopyState, StepState
from amicopy.copies.core.steps.table import ALIAS
from amicopy.copies.operations import step_records
from amicopy.copies.operations.step_records import StepRecord
from amicopy.web import step_words

# state -> (colour, icon)
_LOOKS: dict[str, tuple[str, str]] = {
    StepState.WAITING: ("idle", "clock"),
    StepState.CALLED: ("run", "run"),
    StepState.DONE: ("ok", "ok"),
    StepState.FAILED: ("fail", "fail"),
    StepState.UNDOING: ("run", "undo"),
    StepState.UNDONE: ("idle", "undo"),
}


@dataclass(frozen=True)
class StepRow:
    """One step; `why` is what it waits for or why it failed, `facts` what AWS said besides."""

    record: StepRecord
    state_words: str
    words: str
    why: str
    facts: Sequence[str]
    may_retry: bool
    may_put_back: bool

    @property
    def colour(self) -> str:
        return _LOOKS[self.record.state][0]

    @property
    def icon(self) -> str:
        return _LOOKS[self.record.state][1]

    @property
    def put_back_words(self) -> str:
        """What the button says that puts an alias back."""
        before = self.record.row.before if self.record.row else {}
        return f"Put it back to {before['Value']}" if before.get("Value") else "Take the alias away"


@dataclass(frozen=True)
class RowSteps:
    """All steps of a copy."""

    rows: Sequence[StepRow]
    done: int

    @property
    def words(self) -> str:
        count = len(self.rows)
        if not self.begun:
            return "1 step follows" if count == 1 else f"{count} steps follow"
        return f"{self.done} of {count} step{'' if count == 1 else 's'} done"

    @property
    def failed(self) -> bool:
        return any(each.record.failed for each in self.rows)

    @property
    def colour(self) -> str:
        if self.failed:
            return "warn"
        return "ok" if self.done == len(self.rows) else "run" if self.begun else "idle"

    @property
    def icon(self) -> str:
        return {"warn": "warn", "ok": "ok", "run": "run"}.get(self.colour, "clock")

    @property
    def begun(self) -> bool:
        """Whether the AMI is there, so that a worker is at them."""
        return any(each.record.row for each in self.rows)

    @property
    def open(self) -> bool:
        """Whether a worker still does something about one of them."""
        return any(_open(each.record) for each in self.rows) and not (self.failed and not self._moving)

    @property
    def _moving(self) -> bool:
        return any(each.record.state in {StepState.CALLED, StepState.UNDOING} for each in self.rows)


def of_records(records: Sequence[StepRecord], *, manage: bool) -> RowSteps | None:
    """The steps of a copy for its page, None where it has none. `manage`: the person may retry and put back."""
    if not records:
        return None
    done, _ = step_records.count(records)
    return RowSteps([_row(record, manage=manage) for record in records], done)


def _open(record: StepRecord) -> bool:
    return record.row is not None and record.state in {StepState.WAITING, StepState.CALLED, StepState.UNDOING}


def _row(record: StepRecord, *, manage: bool) -> StepRow:
    row = record.row
    may = manage and row is not None and record.copy.state == CopyState.AVAILABLE
    return StepRow(
        record=record,
        state_words=record.state.label.lower(),
        words=step_words.told(record.step.code, record.members),
        why=_why(record),
        facts=_facts(record),
        may_retry=may and record.failed,
        may_put_back=may and record.step.code == ALIAS and record.state == StepState.DONE,
    )


def _why(record: StepRecord) -> str:
    row = record.row
    if row is None:
        return ""
    if row.error_code:
        return f"{row.error_message} ({row.error_code})" if row.error_message else row.error_code
    return words_of(row.wait).sentence if row.wait else ""


def _facts(record: StepRecord) -> list[str]:
    row = record.row
    if row is None:
        return []
    answer: dict[str, Any] = {**row.answer}
    return [
        *([f"{row.attempts} attempt{'' if row.attempts == 1 else 's'}"] if row.attempts else []),
        *([f"version {answer['Version']}"] if answer.get("Version") else []),
        *([f"version {answer['VersionNumber']}"] if answer.get("VersionNumber") else []),
        *([f"before it {row.before['Value']}"] if row.before.get("Value") else []),
        *([f"AWS request {row.aws_request_id}"] if row.aws_request_id else []),
    ]
