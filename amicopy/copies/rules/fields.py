"""Each member for itself: known, filled where required, of its type, length and characters."""

import re
from typing import Any

from amicopy.aws.partitions import partition_of
from amicopy.copies.calls import FieldError
from amicopy.copies.parameters import BY_NAME, DESTINATION_REGION, PARAMETERS, Parameter
from amicopy.copies.rules.case import Case


def only_known_members(case: Case) -> list[FieldError]:
    """Nothing but CopyImage's members is sent; ClientToken belongs to the attempt."""
    unknown = set(case.call.parameters) - (set(BY_NAME) - {"ClientToken"})
    return [FieldError(name, "CopyImage has no such member.") for name in sorted(unknown)]


def required_members_are_filled(case: Case) -> list[FieldError]:
    errors = [
        FieldError(parameter.name, f"Enter the {_lower(parameter.label)}.")
        for parameter in PARAMETERS
        if parameter.required and not case.get(parameter.name)
    ]
    if not case.call.DestinationRegion:
        errors.append(FieldError("DestinationRegion", "Choose a Region."))
    return errors


def types_lengths_and_characters(case: Case) -> list[FieldError]:
    """botocore enforces types and minimum lengths only; the rest of AWS's limits stand in the table."""
    values: list[tuple[Parameter, Any]] = [
        (BY_NAME[name], value) for name, value in case.call.parameters.items() if name in BY_NAME
    ]
    values.append((BY_NAME["ClientToken"], case.call.ClientToken or None))
    values.append((DESTINATION_REGION, case.call.DestinationRegion or None))
    errors = []
    for parameter, value in values:
        message = shape_error(parameter, value)
        if message:
            errors.append(FieldError(parameter.name, message))
    return errors


def shape_error(parameter: Parameter, value: Any) -> str:
    """What is wrong with one value, or empty; None and an empty text are `required_members_are_filled`'s business."""
    if value is None or value == "":
        return ""
    if parameter.kind in {"flag", "three-way"}:
        return "" if isinstance(value, bool) else "Choose yes or no."
    if parameter.kind == "number":
        return _number_error(parameter, value)
    if parameter.kind == "tags":
        return "" if isinstance(value, list) else "Enter tags as rows."
    if not isinstance(value, str):
        return "Enter a text."
    return _text_error(parameter, value)


def _number_error(parameter: Parameter, value: Any) -> str:
    low, high = parameter.minimum or 0, parameter.maximum or 0
    if isinstance(value, bool) or not isinstance(value, int):
        return "Enter a whole number."
    if value < low or value > high or value % parameter.step:
        near = min(high, max(low, round(value / parameter.step) * parameter.step))
        return f"Enter a multiple of {parameter.step} from {low} to {high:,}. The nearest to {value} is {near}."
    return ""


def _text_error(parameter: Parameter, value: str) -> str:
    length = len(value)
    if parameter.minimum is not None and length < parameter.minimum:
        return f"{parameter.label} must have at least {parameter.minimum} characters. This has {length}."
    if parameter.maximum is not None and length > parameter.maximum:
        return f"{parameter.label} must have at most {parameter.maximum:,} characters. This has {length:,}."
    bad = next((character for character in value if not character.isprintable() and character not in "\r\n\t"), None)
    if bad is not None:
        return f"{parameter.label} must be plain text. Remove the invisible character U+{ord(bad):04X}."
    if parameter.pattern and not re.fullmatch(parameter.pattern, value):
        return f"{parameter.label} must be {parameter.pattern_words}.{_meant(parameter, value)}"
    return ""


def _meant(parameter: Parameter, value: str) -> str:
    """What was probably meant, where it can be told."""
    stripped = value.strip()
    if stripped != value and re.fullmatch(parameter.pattern, stripped):
        return " Remove the space around it."
    if re.fullmatch(parameter.pattern, stripped.lower()):
        return f" Did you mean {stripped.lower()}?"
    if parameter.name == "KmsKeyId" and re.fullmatch(r"[a-zA-Z0-9:/_-]{1,250}", stripped):
        return f" Did you mean alias/{stripped}?"
    if parameter.name == "Name":
        wrong = sorted({character for character in value if not re.fullmatch(parameter.pattern, character)})
        return f" Remove {' '.join(wrong[:5])}."
    if parameter.name.endswith("Region") and re.fullmatch(r"(?:[a-z]+-){2,3}\d+[a-z]", stripped):
        return f" This is an Availability Zone. Did you mean {stripped[:-1]}?"
    return ""


def region_is_of_a_known_partition(case: Case) -> list[FieldError]:
    """A code of the right shape that is nobody's Region would only fail at AWS."""
    errors = []
    for name, region in (
        ("SourceRegion", case.text("SourceRegion")),
        ("DestinationRegion", case.call.DestinationRegion),
    ):
        if region and not shape_error(DESTINATION_REGION, region) and not partition_of(region):
            errors.append(FieldError(name, f"Choose a Region of AWS. {region} isn't one."))
    return errors


def _lower(label: str) -> str:
    return label if label[:2].isupper() else label[0].lower() + label[1:]
