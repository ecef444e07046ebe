"""The steps after a copy as JSON, made from their table: what is asked for, and how far each is.

What a member's value must be is for `core.steps` and the rules to say; the schema only shows it.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, create_model
from pydantic.config import JsonDict

from amicopy.api.strict import Text
from amicopy.copies.core.calls import FieldError
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import StepState
from amicopy.copies.core.steps.members import Member
from amicopy.copies.core.steps.table import STEPS, Step
from amicopy.copies.core.steps.wanted import FIELD, WantedSteps, parse
from amicopy.copies.operations import step_records
from amicopy.copies.operations.step_records import StepRecord

_TYPES: dict[str, Any] = {
    "text": Text,
    "texts": list[Text],
    "flag": StrictBool,
    "number": StrictInt,
    "time": Text,
}


def _limits(member: Member) -> dict[str, Any]:
    """What JSON Schema can show of a member."""
    if member.kind == "number":
        shown: dict[str, Any] = {"minimum": member.minimum, "maximum": member.maximum}
    elif member.kind == "texts":
        shown = {"maxItems": member.most}
    elif member.kind == "time":
        shown = {"format": "date-time"}
    else:
        shown = {"minLength": member.minimum, "maxLength": member.maximum, "enum": list(member.choices) or None}
    return {name: value for name, value in shown.items() if value is not None}


def _of_step(step: Step) -> type[BaseModel]:
    fields: dict[str, Any] = {
        member.name: (
            _TYPES[member.kind] | None,
            Field(
                default=None,
                title=member.label,
                description=member.help or None,
                json_schema_extra=_limits(member),
            ),
        )
        for member in step.members
    }
    needed = [member.name for member in step.members if member.required]
    required: JsonDict = {"required": [*needed]} if needed else {}
    config = ConfigDict(extra="forbid", json_schema_extra=required)
    return create_model(f"{step.code}Step", __config__=config, __doc__=step.help, **fields)


_MODELS = {step.code: _of_step(step) for step in STEPS}


def _steps(name: str, words: str) -> type[BaseModel]:
    fields: dict[str, Any] = {
        step.code: (_MODELS[step.code] | None, Field(default=None, title=step.label, description=step.help))
        for step in STEPS
    }
    return create_model(name, __config__=ConfigDict(extra="forbid"), __doc__=words, **fields)


Steps = _steps("Steps", "What is done to each AMI once it is there, approved with the copy; in this order.")
OwnSteps = _steps(
    "OwnSteps", "What is another in one destination, step by step: its members, or null for one that is left out there."
)


def wanted_of(everywhere: BaseModel | None, own: Sequence[BaseModel | None]) -> tuple[WantedSteps, list[FieldError]]:
    """The steps that a body asks for, and what is wrong with them."""
    plain = [each.model_dump(exclude_unset=True) if each else {} for each in (everywhere, *own)]
    return parse(plain[0], plain[1:], now=datetime.now(UTC))


def is_of_steps(field: str) -> bool:
    """Whether an error is about the steps."""
    return field.split(".")[0] == FIELD


def pointer_of(error: FieldError, own: Sequence[BaseModel | None]) -> str:
    """Where in a body stands what an error about steps is about; `own` are those of the destinations."""
    parts = error.field.split(".")
    at, code = error.destination, parts[1] if len(parts) > 1 else ""
    mine = own[at] if at is not None and at < len(own) else None
    beginning = f"/destinations/{at}" if mine is not None and code in mine.model_fields_set else ""
    return f"#{beginning}/{'/'.join(parts)}"


class StepStatus(BaseModel):
    """How far one step after a copy is."""

    code: str = Field(description="AWS's name of what it sets.")
    state: StepState


class StepError(BaseModel):
    """What AWS said when a step failed."""

    code: str
    message: str


class StepOut(StepStatus):
    """One step after a copy."""

    members: dict[str, Any] = Field(description="As approved.")
    attempts: int
    aws_request_id: str | None
    error: StepError | None
    before: dict[str, Any] = Field(
        description="What was there before: what an alias showed, which default a template had."
    )
    called_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, record: StepRecord) -> "StepOut":
        row = record.row
        return cls(
            code=record.step.code,
            state=record.state,
            members=dict(record.members),
            attempts=row.attempts if row else 0,
            aws_request_id=(row.aws_request_id or None) if row else None,
            error=StepError(code=row.error_code, message=row.error_message) if row and row.error_code else None,
            before=row.before if row else {},
            called_at=row.called_at if row else None,
            finished_at=row.finished_at if row else None,
        )


def statuses(copies: Iterable[ImageCopy]) -> dict[int, list[StepStatus]]:
    """How far the steps of copies are, by copy."""
    return {
        copy: [StepStatus(code=each.step.code, state=each.state) for each in records]
        for copy, records in step_records.of_copies(copies).items()
    }
