"""Tags. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html"""

from collections import Counter
from typing import Any

from amicopy.copies.calls import FieldError
from amicopy.copies.rules.case import Case

RESOURCE_TYPES = ("image", "snapshot")
MOST = 50
# Using_Tags.html says 128, the API model 127: the smaller holds everywhere.
KEY_LENGTH = 127
VALUE_LENGTH = 256
FIELD = "TagSpecifications"


def specifications_are_well_formed(case: Case) -> list[FieldError]:
    errors = []
    types: list[str] = []
    for specification in _specifications(case):
        kind = specification.get("ResourceType") if isinstance(specification, dict) else None
        if kind not in RESOURCE_TYPES:
            errors.append(FieldError(FIELD, "Tags go on the image or on its snapshots."))
            continue
        types.append(str(kind))
        tags = specification.get("Tags")
        if not isinstance(tags, list) or not tags or not all(_is_tag(tag) for tag in tags):
            errors.append(FieldError(FIELD, f"Enter a key and a value for each tag of the {kind}."))
    for kind, count in Counter(types).items():
        if count > 1:
            errors.append(FieldError(FIELD, f"Put all tags of the {kind} together."))
    return errors


def tags_fit_the_limits(case: Case) -> list[FieldError]:
    errors = []
    for specification in _specifications(case):
        tags = specification.get("Tags") if isinstance(specification, dict) else None
        tags = [tag for tag in tags if _is_tag(tag)] if isinstance(tags, list) else []
        where = (
            "AMI" if isinstance(specification, dict) and specification.get("ResourceType") == "image" else "snapshots"
        )
        if len(tags) > MOST:
            errors.append(FieldError(FIELD, f"Remove {len(tags) - MOST} tags of the {where}: AWS takes {MOST}."))
        for key, count in Counter(tag["Key"] for tag in tags).items():
            if count > 1:
                errors.append(FieldError(FIELD, f"Use each key once. The {where} would get {key!r} {count} times."))
        errors += [FieldError(FIELD, message) for tag in tags for message in tag_errors(tag["Key"], tag["Value"])]
    return errors


def tag_errors(key: str, value: str) -> list[str]:
    """What is wrong with one tag."""
    errors = []
    if not key:
        errors.append("Enter a key for the tag.")
    if len(key) > KEY_LENGTH:
        errors.append(f"A key must have at most {KEY_LENGTH} characters. This has {len(key):,}.")
    if len(value) > VALUE_LENGTH:
        errors.append(f"A value must have at most {VALUE_LENGTH} characters. This has {len(value):,}.")
    if key.lower().startswith("aws:"):
        errors.append(f"A key must not begin with aws:, which AWS keeps for itself. Rename {key!r}.")
    bad = next((character for character in key + value if not character.isprintable()), None)
    if bad is not None:
        errors.append(f"Tags must be plain text. Remove the invisible character U+{ord(bad):04X}.")
    return errors


def _specifications(case: Case) -> list[Any]:
    value = case.get(FIELD)
    return value if isinstance(value, list) else []


def _is_tag(tag: Any) -> bool:
    return (
        isinstance(tag, dict) and set(tag) == {"Key", "Value"} and all(isinstance(text, str) for text in tag.values())
    )
