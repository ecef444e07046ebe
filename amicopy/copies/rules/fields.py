"""Each member for itself: known, filled where required, of its type and length, and plain text.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
"""

from collections.abc import Iterator
from typing import Any

from amicopy.copies.core.calls import FieldError
from amicopy.copies.core.parameters import BY_NAME, DESTINATION_REGION, PARAMETERS, Parameter
from amicopy.copies.rules.case import Case
from amicopy.copies.rules.characters import NOT_TEXT, hidden_in, name_of, place_of


def only_known_members(case: Case) -> list[FieldError]:
    """Nothing but CopyImage's members is sent; ClientToken belongs to the attempt."""
    unknown = set(case.call.parameters) - (set(BY_NAME) - {"ClientToken"})
    return [FieldError(name, "CopyImage has no such member.") for name in sorted(unknown)]


def required_members_are_filled(case: Case) -> list[FieldError]:
    """Name, SourceImageId, SourceRegion and the destination's Region are there; an empty text isn't."""
    errors = [
        FieldError(parameter.name, f"Enter the {_lower(parameter.label)}.")
        for parameter in PARAMETERS
        if parameter.required and not case.get(parameter.name)
    ]
    if not case.call.DestinationRegion:
        errors.append(FieldError("DestinationRegion", "Choose a Region."))
    return errors


def values_are_of_their_type(case: Case) -> list[FieldError]:
    """A text is a text, a flag true or false, a number whole: nothing is converted on the way to AWS."""
    return _errors(case, type_error)


def texts_are_of_their_length(case: Case) -> list[FieldError]:
    """Name 3 to 128 characters, Description at most 255, ClientToken 64; botocore checks the minimum only."""
    return _errors(case, length_error)


def texts_have_no_control_characters(case: Case) -> list[FieldError]:
    """Texts hold what EC2's XML can carry; of the control characters only tab and line feed."""
    return _errors(case, character_error)


def type_error(parameter: Parameter, value: Any) -> str:
    """What is wrong with a value's type, or empty."""
    if parameter.kind in {"flag", "three-way"}:
        return "" if isinstance(value, bool) else "Choose yes or no."
    if parameter.kind == "number":
        return "" if isinstance(value, int) and not isinstance(value, bool) else "Enter a whole number."
    if parameter.kind == "tags":
        return "" if isinstance(value, list) else "Enter tags as rows."
    return "" if isinstance(value, str) else "Enter a text."


def length_error(parameter: Parameter, value: Any) -> str:
    """What is wrong with a text's length, or empty."""
    if not isinstance(value, str) or parameter.kind not in {"text", "long text"}:
        return ""
    if parameter.minimum is not None and len(value) < parameter.minimum:
        return f"{parameter.label} must have at least {parameter.minimum} characters. This has {len(value)}."
    if parameter.maximum is not None and len(value) > parameter.maximum:
        return f"{parameter.label} must have at most {parameter.maximum:,} characters. This has {len(value):,}."
    return ""


def character_error(parameter: Parameter, value: Any) -> str:
    """What is wrong with a text's characters for a text of any kind, or empty."""
    bad = NOT_TEXT.search(value) if isinstance(value, str) else None
    return f"{parameter.label} must be plain text. Remove {place_of(bad[0], value)}." if bad else ""


def plain(case: Case, parameter: Parameter) -> str:
    """A text that the rules above let pass; empty for any other, of which enough is said."""
    text = case.text(parameter.name)
    return "" if length_error(parameter, text) or character_error(parameter, text) else text


def warn_of_invisible_characters(case: Case) -> list[FieldError]:
    """A text with characters that can't be seen reads otherwise than it is; AWS takes them."""
    return [
        FieldError(parameter.name, f"{parameter.label} has an invisible character: {name_of(hidden)}.")
        for parameter, value in _values(case)
        if isinstance(value, str) and (hidden := hidden_in(value))
    ]


def _errors(case: Case, error_of: Any) -> list[FieldError]:
    found = ((parameter, error_of(parameter, value)) for parameter, value in _values(case))
    return [FieldError(parameter.name, message) for parameter, message in found if message]


def _values(case: Case) -> Iterator[tuple[Parameter, Any]]:
    """Every filled member with its row of the table; what isn't filled is `required_members_are_filled`'s business."""
    members = {**case.call.parameters, "ClientToken": case.call.ClientToken}
    for name, value in members.items():
        if name in BY_NAME and value is not None and value != "":
            yield BY_NAME[name], value
    if case.call.DestinationRegion:
        yield DESTINATION_REGION, case.call.DestinationRegion


def _lower(label: str) -> str:
    return label if label[:2].isupper() else label[0].lower() + label[1:]
