"""The steps after the copy as inputs of the form, named as AWS names them: `LaunchPermission-UserIds`, and with
`destinations-0-` before it where a destination has its own.

The inputs are made from the table of steps. Whether what was typed is good is for `core.steps` and the rules to say.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from amicopy.copies.core.calls import FieldError
from amicopy.copies.core.steps.members import Member, Members
from amicopy.copies.core.steps.table import DEPRECATION, IMDS, LAUNCH, SHOWN, STEPS, Step
from amicopy.copies.core.steps.wanted import FIELD, WantedSteps, parse
from amicopy.copies.lookups.source import Source
from amicopy.web.forms.member_forms import TRUE
from amicopy.web.forms.rows import Row

# What a destination says of a step, in the input that has the step's name; nothing: as everywhere.
OWN, LEFT_OUT = "own", "none"
# A row whose own steps are unfolded.
UNFOLDED = "steps"
# The input of the step that people see first.
FIRST = SHOWN[0].code


def input_name(code: str, member: str = "") -> str:
    """The HTML name of a step's input; of the one that asks for the step itself without a member."""
    return "-".join(filter(None, (code, member)))


NAMES = frozenset(
    {input_name(step.code) for step in STEPS}
    | {input_name(step.code, member.name) for step in STEPS for member in step.members}
)
# Those that may be sent several times, an account each.
SEVERAL = frozenset(
    input_name(step.code, member.name) for step in STEPS for member in step.members if member.kind == "texts"
)


def read(data: Mapping[str, str], rows: Sequence[Row], *, now: datetime) -> tuple[WantedSteps, list[FieldError]]:
    """The steps that a form asks for, and what is wrong with them by field path."""
    own = {place: plain for place, row in enumerate(rows) if (plain := _own(row))}
    return parse(_everywhere(data), own, now=now)


def _everywhere(data: Mapping[str, str]) -> dict[str, Any]:
    plain = {step.code: _members(step, data) for step in STEPS}
    return {code: members for code, members in plain.items() if members or _ticked(data, code)}


def _own(row: Row) -> dict[str, Any]:
    """What a destination says of steps itself: members, or None for a step that is left out there."""
    found: dict[str, Any] = {}
    for step in STEPS:
        choice, members = row.get(step.code), _members(step, row)
        if choice == LEFT_OUT:
            found[step.code] = None
        elif choice == OWN or (choice is None and members):
            # A link may leave the choice out.
            found[step.code] = members
    return found


def _members(step: Step, data: Mapping[str, str]) -> dict[str, Any]:
    """What is filled in of a step, as plain data."""
    found: dict[str, Any] = {}
    for member in step.members:
        text = data.get(input_name(step.code, member.name), "").strip()
        if not text or (member.kind == "flag" and text.lower() not in TRUE):
            continue
        found[member.name] = _plain(member, text)
    return found


def _plain(member: Member, text: str) -> Any:
    if member.kind == "flag":
        return True
    return [each for each in re.split(r"[\s,;]+", text) if each] if member.kind == "texts" else text


def _ticked(data: Mapping[str, str], code: str) -> bool:
    return data.get(code, "").strip().lower() in TRUE


def name_of(error: FieldError, wanted_rows: Sequence[Row]) -> str:
    """The input that an error of a step belongs to: the destination's own where it says something of that step."""
    _, _, rest = error.field.partition(".")
    code, _, member = rest.partition(".")
    place = error.destination
    if not code:
        return FIELD
    own = place is not None and place < len(wanted_rows) and code in _own(wanted_rows[place])
    return f"destinations-{place}-{input_name(code, member)}" if own else input_name(code, member)


def is_of_steps(field: str) -> bool:
    """Whether an error's field is one of the steps."""
    return field == FIELD or field.startswith(f"{FIELD}.")


def typed(wanted: WantedSteps) -> dict[str, str]:
    """The form's data for these steps, as they were asked for."""
    data = _texts(wanted.everywhere)
    for place, own in wanted.own.items():
        said = {code: members for code, members in own.items() if members is not None}
        row = {**_texts(said), **dict.fromkeys(said, OWN), **{code: LEFT_OUT for code in own if code not in said}}
        data |= {f"destinations-{place}-{name}": value for name, value in row.items()}
    return data


def row_of(own: Mapping[str, Any]) -> tuple[Row, str]:
    """A destination's own steps as programs say them, as inputs of its row; and what of them no input has, in words."""
    row: Row = {}
    known = {step.code: step for step in STEPS}
    for code, members in own.items():
        if code not in known:
            return {}, f"has no step {code[:60]}"
        of_step = {member.name: member for member in known[code].members}
        if members is None:
            row[code] = LEFT_OUT
            continue
        if not isinstance(members, dict) or members.keys() - of_step.keys():
            return {}, f"has for {code} what that step doesn’t have"
        row[code] = OWN
        for name, value in members.items():
            if not _fillable(of_step[name], value):
                return {}, f"has for {input_name(code, name)} what can’t be filled in"
            if value not in (None, False):
                row[input_name(code, name)] = text_of(of_step[name], value)
    return row, ""


def _fillable(member: Member, value: Any) -> bool:
    """Whether an input of a member can say this value; what it must be is the rules' to say."""
    if value is None:
        return True
    if member.kind == "texts":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, bool) if member.kind == "flag" else type(value) in {str, int}


def _texts(steps: Mapping[str, Members]) -> dict[str, str]:
    data: dict[str, str] = {}
    for step in STEPS:
        if step.code not in steps:
            continue
        if _of_flags(step):
            data[step.code] = "on"
        for member in step.members:
            if member.name in steps[step.code]:
                data[input_name(step.code, member.name)] = text_of(member, steps[step.code][member.name])
    return data


def _of_flags(step: Step) -> bool:
    """Whether nothing of a step has to be filled in, so that a box asks for it."""
    return all(member.kind == "flag" for member in step.members)


def text_of(member: Member, value: Any) -> str:
    """A member's value as its input has it."""
    if member.kind == "texts":
        return "\n".join(value)
    if member.kind == "time":
        return str(value)[:16]
    return "on" if value is True else str(value)


def taken_over(data: Mapping[str, str], source: Source, *, account_id: str, now: datetime) -> dict[str, str]:
    """The form's data with what the source has: who may launch it, its deprecation date, and IMDSv2. What it doesn't
    have stays as it was typed, and so does all for which AWS doesn't show the source's."""
    return {**data, **_texts(of_source(source, account_id=account_id, now=now))}


def of_source(source: Source, *, account_id: str, now: datetime) -> dict[str, Members]:
    """The steps that would make a copy what its source is. A date that has passed is none of them, and nobody shares
    an AMI with its own account."""
    found: dict[str, Members] = {}
    permissions = source.permissions or ()
    shared = {
        "UserIds": sorted({each.UserId for each in permissions} - {"", account_id}),
        "OrganizationArns": sorted({each.OrganizationArn for each in permissions} - {""}),
        "OrganizationalUnitArns": sorted({each.OrganizationalUnitArn for each in permissions} - {""}),
    }
    if any(shared.values()):
        found[LAUNCH] = {name: values for name, values in shared.items() if values}
    deprecated = source.image.DeprecationTime
    if deprecated is not None and deprecated > now:
        found[DEPRECATION] = {"DeprecateAt": f"{deprecated:%Y-%m-%dT%H:%M:00Z}"}
    if source.image.ImdsSupport:
        found[IMDS] = {"Value": source.image.ImdsSupport}
    return found


@dataclass(frozen=True)
class MemberInput:
    """A member's input. `box`: it is ticked, with the value `on`; `value` is what was typed."""

    member: Member
    name: str
    value: str
    box: bool
    on: str
    label: str

    @property
    def width(self) -> str:
        """How many columns it takes."""
        if self.box or self.member.kind == "texts":
            return "c-12"
        return "c-8" if self.member.placeholders else "c-6"


@dataclass(frozen=True)
class StepInputs:
    """A step as the form draws it; `row` is the destination that it is the own one of. `asks`: nothing of it has to be
    typed, so that a box of its own asks for it."""

    step: Step
    name: str
    inputs: Sequence[MemberInput]
    choice: str
    asked: bool
    asks: bool
    row: int | None = None


def drawn(data: Mapping[str, str], row: int | None = None, *, public: bool = True) -> list[StepInputs]:
    """The inputs of all steps in the order in which people see them, for all destinations or for one, whose `data` are
    its row's. `public`: somebody may make an AMI public."""
    prefix = "" if row is None else f"destinations-{row}-"
    own = _own(dict(data)) if row is not None else {}
    found = []
    for step in SHOWN:
        inputs = [
            _input(step, member, data, prefix)
            for member in step.members
            if public or member.name != "UserGroups" or data.get(input_name(step.code, member.name))
        ]
        choice = "" if step.code not in own else LEFT_OUT if own[step.code] is None else OWN
        asks = row is None and _of_flags(step)
        asked = choice == OWN or _ticked(data, step.code) or any(each.value for each in inputs)
        found.append(StepInputs(step, f"{prefix}{step.code}", inputs, choice, asked, asks, row))
    return found


def _input(step: Step, member: Member, data: Mapping[str, str], prefix: str) -> MemberInput:
    name = input_name(step.code, member.name)
    value = data.get(name, "")
    single = len(member.choices) == 1
    box = member.kind == "flag" or single
    if box and value.strip().lower() not in {*TRUE, *(choice.lower() for choice in member.choices)}:
        value = ""
    if member.kind == "time":
        value = _minutes(value)
    # A box that is all of a step says what the step does.
    label = step.label if single and len(step.members) == 1 else member.label
    return MemberInput(member, f"{prefix}{name}", value, box, member.choices[0] if single else "on", label)


def _minutes(text: str) -> str:
    """A date and time as an input for them shows it: in UTC, to the minute. Anything else stays as it is."""
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    utc = when if when.tzinfo is None else when.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M}"


def without_days(steps: Sequence[StepInputs]) -> list[StepInputs]:
    """The inputs where nothing is copied: days after a copy are asked for only where they were typed."""
    return [
        replace(each, inputs=[one for one in each.inputs if one.member.name != "DaysAfterCopy" or one.value])
        for each in steps
    ]


def names_drawn(steps: Sequence[StepInputs]) -> list[str]:
    """The names of these steps' inputs from top to bottom."""
    return [name for each in steps for name in (each.name, *(member.name for member in each.inputs))]


def set_words(steps: Sequence[StepInputs]) -> str:
    """What is set, in a line: the labels of the steps that are asked for."""
    return ", ".join(each.step.label for each in steps if each.asked)
