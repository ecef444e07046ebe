"""The mark: the tag that amicopy puts on every image and snapshot it makes, in the call that makes them.

It goes into the frozen parameters when a request is submitted: it is seen, approved and sent like any other tag. Its
value names the installation and the copy, so that recovery, retry, cancel, leftovers and a restored backup find what
was made, whatever became of the answer. All attempts at a copy carry one mark.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from amicopy.copies.core.calls import Call

FIELD = "TagSpecifications"
KINDS = ("image", "snapshot")
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
MOST_TAGS = 50
# The value that a check of permissions has: nothing is made with it.
CHECK = "check"


@dataclass(frozen=True)
class Mark:
    """A tag, and which of image and snapshot carry it; with `beginning`, any whose value begins so."""

    key: str
    value: str
    on: tuple[str, ...]
    beginning: bool = False

    def fits(self, kind: str, tags: Mapping[str, str]) -> bool:
        """Whether an image's or a snapshot's tags are those of something made with this mark. Where the mark isn't on
        that kind, nothing speaks against it."""
        value = tags.get(self.key, "")
        return kind not in self.on or (value.startswith(self.value) if self.beginning else value == self.value)


def marked(call: Call, value: str, *, copied: Collection[str] = (), kinds: Collection[str] = KINDS) -> Call:
    """The call with the mark added, or as it is where the setting MARK_TAG_KEY is empty.

    `copied` are the keys of the tags that come along from the source, `kinds` is what the call makes.
    """
    on = [kind for kind in kinds_to_mark(call, copied) if kind in kinds]
    return _with_tags(call, {kind: {"Key": settings.MARK_TAG_KEY, "Value": value} for kind in on})


def kinds_to_mark(call: Call, copied: Collection[str]) -> tuple[str, ...]:
    """What the mark goes on. Where it can't go on the image, the image is known by its snapshots: what becomes of a key
    that comes from the source too, or of more tags than a resource takes, isn't documented."""
    if not settings.MARK_TAG_KEY:
        return ()
    new = {
        tag.get("Key")
        for each in call.parameters.get(FIELD) or ()
        if isinstance(each, Mapping) and each.get("ResourceType") == "image"
        for tag in each.get("Tags") or ()
    }
    crowded = bool(copied) and len(new.union(copied)) >= MOST_TAGS
    return KINDS[1:] if settings.MARK_TAG_KEY in copied or crowded else KINDS


def unmarked(call: Call, value: str) -> Call:
    """The call without the mark of this value: as a person asked for it."""
    mark = found_in(call.parameters, value)
    if mark is None:
        return call
    specifications = [
        {**each, "Tags": [tag for tag in each["Tags"] if (tag["Key"], tag["Value"]) != (mark.key, mark.value)]}
        for each in call.parameters[FIELD]
    ]
    parameters = {**call.parameters, FIELD: [each for each in specifications if each["Tags"]]}
    if not parameters[FIELD]:
        del parameters[FIELD]
    return replace(call, parameters=parameters)


def found_in(parameters: Mapping[str, Any], value: str) -> Mark | None:
    """The mark of this value as it stands in frozen parameters, whatever the setting says by now; None without one."""
    keys = {
        each["ResourceType"]: tag["Key"]
        for each in (parameters.get(FIELD) or () if value else ())
        for tag in each["Tags"]
        if tag["Value"] == value
    }
    return Mark(next(iter(keys.values())), value, tuple(keys)) if keys else None


def _with_tags(call: Call, new: Mapping[str, Mapping[str, str]]) -> Call:
    """The call with one tag more for each of these kinds, behind those that are there."""
    specifications = [
        {**each, "Tags": [*each["Tags"], new[each["ResourceType"]]]} if each["ResourceType"] in new else each
        for each in call.parameters.get(FIELD) or ()
    ]
    there = {each["ResourceType"] for each in specifications}
    specifications += [{"ResourceType": kind, "Tags": [tag]} for kind, tag in new.items() if kind not in there]
    return replace(call, parameters={**call.parameters, FIELD: specifications}) if new else call
