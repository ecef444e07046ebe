"""Steps that change an image itself, all read by one DescribeImages: watermark, IMDSv2, deprecation, protection."""

from datetime import UTC, datetime, timedelta
from typing import Any

from amicopy.aws import image_changes
from amicopy.aws.shapes import Image
from amicopy.copies.core.steps.members import time_of
from amicopy.copies.engine.steps.actions import Action, Changed, Target, image_of


def _marked(image: Image, target: Target) -> bool:
    name = target.members["WatermarkName"]
    # A copy has the marks of its source, too, which may be another account's of the same name.
    return f"{target.account.account_id}:{name}" in image.ImageWatermarks


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


def deprecates_at(target: Target) -> datetime:
    """When the image is to be deprecated, to the minute: a date, or days after the copy."""
    if "DeprecateAt" in target.members:
        return time_of(target.members["DeprecateAt"])
    when = target.available_at.astimezone(UTC) + timedelta(days=target.members["DaysAfterCopy"])
    return when.replace(second=0, microsecond=0)


def _deprecated(image: Image, target: Target) -> bool:
    return image.DeprecationTime is not None and image.DeprecationTime == deprecates_at(target)


def _deprecate(target: Target, _seen: Any) -> Changed:
    at = f"{deprecates_at(target):%Y-%m-%dT%H:%M:00Z}"
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


WATERMARK = Action(image_of, _marked, _mark)
IMDS = Action(image_of, _has_imdsv2, _require_imdsv2)
DEPRECATION = Action(image_of, _deprecated, _deprecate)
PROTECTION = Action(image_of, _protected, _protect, undo=_unprotect)
