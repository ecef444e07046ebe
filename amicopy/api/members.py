"""CopyImage's members as JSON, made from their table and nothing else; and from JSON to calls.

Types are strict: "true" is not true, and a member that isn't known is refused. Everything else, lengths and patterns
too, is for the rules to say, in the form's own words; the schema only shows it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, create_model

from amicopy.api import steps
from amicopy.api.strict import Strict, Text
from amicopy.copies.core import name_templates
from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.parameters import (
    BY_NAME,
    DESTINATION_REGION,
    PARAMETERS,
    Parameter,
    of_destination,
    of_scope,
)
from amicopy.copies.core.steps.wanted import FIELD
from amicopy.copies.rules.fields import type_error


class Tag(Strict):
    """A tag."""

    Key: Text
    Value: Text = ""


class TagSpecification(Strict):
    """The tags of the new image, or of its snapshots."""

    ResourceType: Text = Field(json_schema_extra={"enum": ["image", "snapshot"]})
    Tags: list[Tag]


_TYPES: dict[str, Any] = {
    "text": Text,
    "long text": Text,
    "flag": StrictBool,
    "three-way": StrictBool,
    "number": StrictInt,
    "tags": list[TagSpecification],
}


def _limits(parameter: Parameter) -> dict[str, Any]:
    """What JSON Schema can show of a row."""
    shown: dict[str, Any]
    if parameter.kind == "number":
        shown = {"minimum": parameter.minimum, "maximum": parameter.maximum, "multipleOf": parameter.step}
    else:
        pattern = f"^(?:{parameter.pattern})$" if parameter.pattern else None
        shown = {"minLength": parameter.minimum, "maxLength": parameter.maximum, "pattern": pattern}
    return {name: value for name, value in shown.items() if value is not None}


def _model(
    name: str, words: str, parameters: Iterable[Parameter], required: Sequence[str], **besides: Any
) -> type[BaseModel]:
    fields: dict[str, Any] = {
        parameter.name: (
            _TYPES[parameter.kind] | None,
            Field(
                default=None,
                title=parameter.label,
                description=parameter.help or None,
                json_schema_extra=_limits(parameter),
            ),
        )
        for parameter in parameters
    }
    # The rules ask for them, in the form's words.
    config = ConfigDict(extra="forbid", json_schema_extra={"required": list(required)})
    return create_model(name, __config__=config, __doc__=words, **fields, **besides)


CopyImage = _model(
    "CopyImage",
    "CopyImage's members for all destinations; those that a destination has itself count there.",
    of_scope("request", "both"),
    [parameter.name for parameter in of_scope("request") if parameter.required],
)
Destination = _model(
    "Destination",
    "Where a copy goes: its Region, and members of its own. Null leaves a member out whatever stands for all.",
    of_destination(),
    [DESTINATION_REGION.name],
    steps=(steps.OwnSteps | None, Field(default=None, description="What is otherwise after this copy, step by step.")),
)


Changes = _model(
    "Changes",
    "What is asked for otherwise than in the copy that failed; null leaves a member out.",
    [*PARAMETERS, DESTINATION_REGION],
    [],
)
# The members of a call in which placeholders are filled in.
WITH_PLACEHOLDERS = tuple(parameter.name for parameter in PARAMETERS if parameter.placeholders)


def calls_of(shared: BaseModel, destinations: Sequence[BaseModel]) -> list[Call]:
    """The calls, member by member as in the form: an empty text and a flag that is off are left out. Placeholders are
    for `filled_in`."""
    once = _filled(shared, of_scope("request"))
    token = once.pop("ClientToken", "")
    calls = []
    for own in destinations:
        inherited = [parameter for parameter in of_scope("both") if _inherits(parameter, own)]
        members = {**_filled(shared, inherited), **_filled(own, of_destination())}
        region = members.pop(DESTINATION_REGION.name, "")
        ordered = {each.name: members[each.name] for each in of_destination() if each.name in members}
        calls.append(Call(DestinationRegion=region, parameters={**once, **ordered}, ClientToken=token))
    return calls


def changed(call: Call, changes: BaseModel) -> Call:
    """The call with what is named in `changes` put in its place or left out, without its ClientToken: that works
    once."""
    named = {parameter for parameter in [*PARAMETERS, DESTINATION_REGION] if parameter.name in changes.model_fields_set}
    kept = {name: value for name, value in call.parameters.items() if BY_NAME[name] not in named}
    members = {**kept, **_filled(changes, named)}
    region, token = members.pop(DESTINATION_REGION.name, ""), members.pop("ClientToken", "")
    ordered = {each.name: members[each.name] for each in PARAMETERS if each.name in members}
    return Call(
        DestinationRegion=region if DESTINATION_REGION in named else call.DestinationRegion,
        parameters=ordered,
        ClientToken=token,
    )


def filled_in(calls: Sequence[Call], *, source_name: str) -> list[Call]:
    """The calls with placeholders filled in, as the form does; an unknown `source_name` leaves its own as it is."""
    now, found = datetime.now(UTC), []
    for call in calls:
        texts = {name: call.parameters[name] for name in WITH_PLACEHOLDERS if name in call.parameters}
        texts = {
            name: name_templates.expand(text, now=now, source=source_name, region=call.DestinationRegion)
            for name, text in texts.items()
        }
        found.append(replace(call, parameters={**call.parameters, **texts}))
    return found


def wants_source_name(calls: Iterable[Call]) -> bool:
    """Whether the source has to be looked at before placeholders can be filled in."""
    return any("{source}" in str(call.parameters.get(name, "")) for call in calls for name in WITH_PLACEHOLDERS)


def placeholder_words(calls: Iterable[Call], *, source_name: str) -> Mapping[str, str]:
    """What keeps placeholders from being filled in, by member; it says more than the rules, which take no braces."""
    said = {
        name: name_templates.problem(str(call.parameters.get(name, "")), source=source_name)
        for call in calls
        for name in WITH_PLACEHOLDERS
    }
    return {name: words for name, words in said.items() if words}


def pointer_of(error: FieldError, destinations: Sequence[BaseModel]) -> str:
    """Where in the body of a request stands what an error is about."""
    if steps.is_of_steps(error.field):
        return steps.pointer_of(error, steps_of(destinations))
    parameter = next((each for each in of_destination() if each.name == error.field), None)
    index = error.destination or 0
    own = index < len(destinations) and error.field in destinations[index].model_fields_set
    if parameter is not None and (parameter.scope == "destination" or own):
        return f"#/destinations/{index}/{error.field}"
    return f"#/copy_image/{error.field}" if error.field in BY_NAME else f"#/{error.field}"


def steps_of(destinations: Sequence[BaseModel]) -> list[BaseModel | None]:
    """What each destination says of steps after its copy."""
    return [getattr(each, FIELD) for each in destinations]


def type_words(name: str) -> str:
    """What the form says about a member whose value isn't of its type; empty for what is no member."""
    parameter = BY_NAME.get(name) or (DESTINATION_REGION if name == DESTINATION_REGION.name else None)
    return type_error(parameter, None) if parameter else ""


def _inherits(parameter: Parameter, own: BaseModel) -> bool:
    """Whether a destination takes what stands for all: it doesn't say itself, nor leaves out what this goes with."""
    leads = parameter.goes_with
    left_out = leads in own.model_fields_set and getattr(own, leads) is None if leads else False
    return parameter.name not in own.model_fields_set and not left_out


def _filled(part: BaseModel, parameters: Iterable[Parameter]) -> dict[str, Any]:
    values = {parameter: getattr(part, parameter.name) for parameter in parameters}
    return {
        parameter.name: [each.model_dump() for each in value] if parameter.kind == "tags" else value
        for parameter, value in values.items()
        if value not in (None, "", []) and not (parameter.kind == "flag" and value is False)
    }
