"""Tags. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.conf import settings

from amicopy.copies.core import marks
from amicopy.copies.core.calls import FieldError
from amicopy.copies.rules.case import Case, quoted
from amicopy.copies.rules.characters import NOT_TEXT, hidden_in, name_of, place_of

RESOURCE_TYPES = {"image": "AMI", "snapshot": "snapshots"}
MOST = marks.MOST_TAGS
# Using_Tags.html says 128, the API model 127: the smaller holds everywhere.
KEY_LENGTH = 127
VALUE_LENGTH = 256
FIELD = "TagSpecifications"
# What every AWS service takes.
PORTABLE = re.compile(r"[^\w +\-=.:/@]")


def tags_are_for_image_or_snapshots(case: Case) -> list[FieldError]:
    """ResourceType is image or snapshot; any other fails the whole call."""
    types = [entry.get("ResourceType") if isinstance(entry, dict) else None for entry in _specifications(case)]
    if all(isinstance(kind, str) and kind in RESOURCE_TYPES for kind in types):
        return []
    return [FieldError(FIELD, "Tags go on the image or on its snapshots.")]


def tags_of_a_kind_are_together(case: Case) -> list[FieldError]:
    """One specification for the image and one for the snapshots."""
    types = Counter(str(entry.get("ResourceType")) for entry in _specifications(case) if isinstance(entry, dict))
    return [
        FieldError(FIELD, f"Put all tags of the {RESOURCE_TYPES[kind]} together.")
        for kind, count in types.items()
        if count > 1 and kind in RESOURCE_TYPES
    ]


def tags_have_a_key_and_a_value(case: Case) -> list[FieldError]:
    """Every specification has tags, and every tag a Key that isn't empty and a Value, which may be."""
    errors = []
    for entry in _specifications(case):
        tags = entry.get("Tags") if isinstance(entry, dict) else None
        known = {"ResourceType", "Tags"} >= set(entry) if isinstance(entry, dict) else False
        if not known or not isinstance(tags, list) or not tags or not all(_is_tag(tag) for tag in tags):
            errors.append(FieldError(FIELD, "Enter a key and a value for each tag."))
        elif not all(tag["Key"] for tag in tags):
            errors.append(FieldError(FIELD, "Enter a key for the tag."))
    return errors[:1]


def mark_is_amicopys_own(case: Case) -> list[FieldError]:
    """The key of the setting MARK_TAG_KEY is amicopy's: by it amicopy knows what it may remove."""
    key = settings.MARK_TAG_KEY
    if all(value == case.mark for name, value in _each(case) if name == key):
        return []
    return [FieldError(FIELD, f"Use another key than {quoted(key)}, with which amicopy marks what it makes.")]


def tags_are_at_most_50(case: Case) -> list[FieldError]:
    """A resource has 50 tags at most, amicopy's mark among them."""
    errors = []
    for kind, tags in tags_by_kind(case).items():
        own = _mark_to_come(case, kind)
        if len(tags) + own > MOST:
            words = f"Remove {len(tags) + own - MOST} of the tags of the {RESOURCE_TYPES[kind]}: AWS takes {MOST}"
            errors.append(FieldError(FIELD, f"{words}, and one is amicopy's mark." if own else f"{words}."))
    return errors


def tag_keys_are_unique(case: Case) -> list[FieldError]:
    """A resource has a key once; upper and lower case differ."""
    return [
        FieldError(FIELD, f"Use each key once. The {RESOURCE_TYPES[kind]} would get {quoted(key)} {count} times.")
        for kind, tags in tags_by_kind(case).items()
        for key, count in Counter(key for key, _ in tags).items()
        if count > 1
    ]


def tag_keys_and_values_are_of_their_length(case: Case) -> list[FieldError]:
    """A key has 1 to 127 characters, a value at most 256."""
    errors = []
    for key, value in _each(case):
        if len(key) > KEY_LENGTH:
            words = f"A key must have at most {KEY_LENGTH} characters. {quoted(key)} has {len(key):,}."
            errors.append(FieldError(FIELD, words))
        if len(value) > VALUE_LENGTH:
            words = f"A value must have at most {VALUE_LENGTH} characters. That of {quoted(key)} has {len(value):,}."
            errors.append(FieldError(FIELD, words))
    return errors


def tag_keys_dont_begin_with_aws(case: Case) -> list[FieldError]:
    """AWS keeps the prefix aws: for itself, in upper and lower case."""
    return [
        FieldError(FIELD, f"A key must not begin with aws:, which AWS keeps for itself. Rename {quoted(key)}.")
        for key, _ in _each(case)
        if key.lower().startswith("aws:")
    ]


def tags_have_no_control_characters(case: Case) -> list[FieldError]:
    """Tags hold what EC2's XML can carry; of the control characters only tab and line feed."""
    errors = []
    for key, value in _each(case):
        bad = NOT_TEXT.search(key + value)
        if bad:
            errors.append(FieldError(FIELD, f"Tags must be plain text. Remove {place_of(bad[0], key + value)}."))
    return errors


def required_tags_are_there(case: Case) -> list[FieldError]:
    """The tags of the setting REQUIRED_TAGS are on the AMI and on its snapshots, with one of their allowed values.

    On the AMI also those that CopyImageTags takes along from the source as it was seen.
    """
    errors = []
    given = tags_by_kind(case)
    for key, allowed in settings.REQUIRED_TAGS.items():
        missing = []
        for kind, words in RESOURCE_TYPES.items():
            value = dict(given[kind]).get(key)
            if value is None and kind == "image" and case.get("CopyImageTags") is True and key in case.source_tags:
                value = case.source["tags"][key]
            if value is None:
                missing.append(words)
            elif not value.strip() and not allowed:
                errors.append(FieldError(FIELD, f"Enter a value for the tag {key}, which every copy must have."))
            elif allowed and value not in allowed:
                one_of = f"one of {', '.join(allowed)}" if len(allowed) > 1 else allowed[0]
                errors.append(FieldError(FIELD, f"The tag {key} must be {one_of}. This is {quoted(value)}."))
        if missing:
            values = f" with the value {' or '.join(allowed)}" if allowed else ""
            words = f"Add the tag {key}{values} to the {' and the '.join(missing)}: every copy must have it."
            errors.append(FieldError(FIELD, words))
    return errors


def new_tags_agree_with_copied_ones(case: Case) -> list[FieldError]:
    """With CopyImageTags no new tag of the AMI has a key of the source with another value: which one wins isn't
    documented.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
    """
    twice = sorted(key for key, same in _given_twice(case).items() if not same)
    if not twice:
        return []
    words = (
        f"Remove {', '.join(quoted(key) for key in twice[:5])} from the AMI's new tags, or don't copy the source's: it "
        "has the same with another value, and AWS doesn't say which wins."
    )
    return [FieldError(FIELD, words)]


def warn_of_a_tag_both_new_and_copied(case: Case) -> list[FieldError]:
    """Whether a key may come from the source and be given anew isn't documented, even with one value.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
    """
    twice = sorted(key for key, same in _given_twice(case).items() if same)
    if not twice:
        return []
    words = f"The source has {', '.join(quoted(key) for key in twice[:5])} too and copies it: no need to add it."
    return [FieldError(FIELD, words)]


def warn_of_more_than_50_with_copied_ones(case: Case) -> list[FieldError]:
    """What happens when new and copied tags are more than 50 together isn't documented.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
    """
    if case.get("CopyImageTags") is not True:
        return []
    new = {key for key, _ in tags_by_kind(case)["image"]}
    own = _mark_to_come(case, "image")
    count = len(case.source_tags | new) + own
    if count <= MOST or not (new or own):
        return []
    words = f"The AMI would get {count} tags with the source's, and AWS takes {MOST}: it may refuse them."
    return [FieldError(FIELD, words)]


def warn_of_tags_other_services_refuse(case: Case) -> list[FieldError]:
    """EC2 takes any character in a tag, other services only letters, digits, space and + - = . _ : / @."""
    wrong = sorted({character for key, value in _each(case) for character in PORTABLE.findall(key + value)})
    shown = [character for character in wrong if character.isprintable()][:5]
    if not shown:
        return []
    return [FieldError(FIELD, f"Some AWS services refuse tags with {' '.join(shown)}. EC2 takes them.")]


def warn_of_invisible_characters_in_tags(case: Case) -> list[FieldError]:
    """A tag with characters that can't be seen reads otherwise than it is; AWS takes them."""
    hidden = next((found for key, value in _each(case) if (found := hidden_in(key + value))), "")
    return [FieldError(FIELD, f"A tag has an invisible character: {name_of(hidden)}.")] if hidden else []


def required_in_words() -> str:
    """What every copy must be tagged with, for the form's hint; empty when nothing is."""
    tags = [f"{key} ({' or '.join(allowed)})" if allowed else key for key, allowed in settings.REQUIRED_TAGS.items()]
    return f"Every copy must have on the AMI and on its snapshots: {', '.join(tags)}." if tags else ""


def tags_by_kind(case: Case) -> dict[str, list[tuple[str, str]]]:
    """The well-formed tags of the image and of its snapshots."""
    by_kind: dict[str, list[tuple[str, str]]] = {kind: [] for kind in RESOURCE_TYPES}
    for entry in _specifications(case):
        tags = by_kind.get(str(entry.get("ResourceType"))) if isinstance(entry, dict) else None
        if tags is not None and isinstance(entry.get("Tags"), list):
            tags += [(tag["Key"], tag["Value"]) for tag in entry["Tags"] if _is_tag(tag)]
    return by_kind


def _given_twice(case: Case) -> dict[str, bool]:
    """The keys that the AMI would get both from the source and anew, and whether with one value."""
    if case.get("CopyImageTags") is not True:
        return {}
    copied = {key: case.source["tags"][key] for key in case.source_tags}
    return {key: copied[key] == value for key, value in tags_by_kind(case)["image"] if key in copied}


def _mark_to_come(case: Case, kind: str) -> int:
    """How many tags amicopy adds when the call is submitted: its mark, or none."""
    if case.mark is not None:
        return 0
    copied = case.source_tags if case.get("CopyImageTags") is True else set[str]()
    return int(kind in marks.kinds_to_mark(case.call, copied))


def _each(case: Case) -> Iterator[tuple[str, str]]:
    """Every well-formed tag once, though both image and snapshots get it."""
    seen = {tag: None for tags in tags_by_kind(case).values() for tag in tags}
    yield from seen


def _specifications(case: Case) -> list[Any]:
    value = case.get(FIELD)
    return value if isinstance(value, list) else []


def _is_tag(tag: Any) -> bool:
    return (
        isinstance(tag, dict) and set(tag) == {"Key", "Value"} and all(isinstance(text, str) for text in tag.values())
    )
