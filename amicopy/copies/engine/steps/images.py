"""Steps that change an image itself, all read by one DescribeImages: watermark, IMDSv2, deprecation, protection."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from amicopy.aws import image_changes
from amicopy.aws.shapes import Image
from amicopy.copies.core.steps.deprecation import deprecates_at
from amicopy.copies.core.steps.members import time_of
from amicopy.copies.engine.steps.actions import Action, Changed, Target, image_of


def _marked(image: Image, target: Target) -> bool:
    # A copy has the marks of its source, too, which may be another account's of the same name.
    return _key(target) in image.ImageWatermarks


def _mark(target: Target, _seen: Any) -> Changed:
    name = target.members["WatermarkName"]
    return Changed(
        image_changes.attach_watermark(**target.place, image_id=target.image_id, name=name, for_request=target.request)
    )


def _has_imdsv2(image: Image, target: Target) -> bool:
    return image.ImdsSupport == str(target.members["Value"])


def _require_imdsv2(target: Target, _seen: Any) -> Changed:
    value = target.members["Value"]
    return Changed(
        image_changes.require_imdsv2(**target.place, image_id=target.image_id, value=value, for_request=target.request)
    )


def _deprecated(image: Image, target: Target) -> bool:
    return image.DeprecationTime is not None and image.DeprecationTime == deprecates_at(
        target.members, target.available_at
    )


def _deprecate(target: Target, _seen: Any) -> Changed:
    at = f"{deprecates_at(target.members, target.available_at):%Y-%m-%dT%H:%M:00Z}"
    return Changed(image_changes.deprecate(**target.place, image_id=target.image_id, at=at, for_request=target.request))


def _protected(image: Image, target: Target) -> bool:
    kind = "with" if target.members.get("WithCooldown") else "without"
    return image.DeregistrationProtection == f"enabled-{kind}-cooldown"


def _protect(target: Target, _seen: Any) -> Changed:
    cooldown = bool(target.members.get("WithCooldown"))
    return Changed(
        image_changes.protect(**target.place, image_id=target.image_id, cooldown=cooldown, for_request=target.request)
    )


def _unprotect(target: Target) -> str:
    return image_changes.unprotect(**target.place, image_id=target.image_id, for_request=target.request)


def _key(target: Target) -> str:
    return f"{target.account.account_id}:{target.members['WatermarkName']}"


def _marks_before(target: Target) -> Mapping[str, Any]:
    return {"marked": _marked(image_of(target), target)}


def _unmark(target: Target) -> str:
    """Takes the mark away again that wasn't there before."""
    if target.before.get("marked", True) or not _marked(image_of(target), target):
        return ""
    return image_changes.detach_watermark(
        **target.place, image_id=target.image_id, key=_key(target), for_request=target.request
    )


def _date_before(target: Target) -> Mapping[str, Any]:
    when = image_of(target).DeprecationTime
    return {"DeprecateAt": f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:00Z}" if when else ""}


def _undeprecate(target: Target) -> str:
    """The date of before, or none; one that somebody set meanwhile is theirs. AWS takes none that has passed."""
    before = str(target.before.get("DeprecateAt", ""))
    if not _deprecated(image_of(target), target):
        return ""
    if before and time_of(before) > datetime.now(UTC):
        return image_changes.deprecate(**target.place, image_id=target.image_id, at=before, for_request=target.request)
    return image_changes.undeprecate(**target.place, image_id=target.image_id, for_request=target.request)


def _protection_before(target: Target) -> Mapping[str, Any]:
    return {"DeregistrationProtection": image_of(target).DeregistrationProtection or "disabled"}


def _protection_back(target: Target) -> str:
    """As it was protected before, or not; what somebody changed meanwhile is theirs."""
    before = str(target.before.get("DeregistrationProtection", ""))
    if not _protected(image_of(target), target):
        return ""
    if before.startswith("enabled"):
        cooldown = before == "enabled-with-cooldown"
        return image_changes.protect(
            **target.place, image_id=target.image_id, cooldown=cooldown, for_request=target.request
        )
    return _unprotect(target)


WATERMARK = Action(image_of, _marked, _mark, before_existing=_marks_before, undo_existing=_unmark)
# AWS doesn't take it back.
IMDS = Action(image_of, _has_imdsv2, _require_imdsv2)
DEPRECATION = Action(image_of, _deprecated, _deprecate, before_existing=_date_before, undo_existing=_undeprecate)
PROTECTION = Action(
    image_of,
    _protected,
    _protect,
    undo=_unprotect,
    before_existing=_protection_before,
    undo_existing=_protection_back,
)
