"""What becomes of an image in time: deprecation, protection against deregistration, and the watermark it carries.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deprecate.html and ami-deregistration-protection.html.
Which code AWS refuses with is partly unverified, as is what DescribeImages shows while a cooldown lasts.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from amicopy.sandbox.ec2.checks import invalid
from amicopy.sandbox.ec2.images import Image
from amicopy.sandbox.errors import Refused
from amicopy.sandbox.visibility import Look
from amicopy.sandbox.world import world

WATERMARK_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
YEARS, YEARS_PUBLIC = 10, 2
COOLDOWN_SECONDS = 24 * 3600.0


class Lifetimes(EC2Response):
    """The calls."""

    look: Look

    def image(self) -> Image:
        """The image a call is about, if it may change it. Raises Refused."""
        found: Image = self.ec2_backend.owned_image(self.params["ImageId"], self.look, ready=True)
        return found

    def put(self, image: Image, member: str, after: Any) -> None:
        """Changes one member of `image`, unless it is a dry run."""
        self.error_on_dryrun()
        with world.lock:
            world.record(self.look.call, image.id, member, image.member(member), after)
            image.put(member, after)

    def enable_image_deprecation(self) -> ActionResult:
        image = self.image()
        at = to_the_minute(self.params["DeprecateAt"])
        if at.timestamp() <= world.now():
            raise invalid("The value for DeprecateAt must be in the future.")
        years = YEARS_PUBLIC if image.is_public else YEARS
        first = image.born if image.is_public else world.now()
        if at > years_after(first, years):
            raise invalid(f"The value for DeprecateAt must be at most {years} years ahead.")
        self.put(image, "DeprecationTime", at.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        return ActionResult({"Return": True})

    def disable_image_deprecation(self) -> ActionResult:
        self.put(self.image(), "DeprecationTime", None)
        return ActionResult({"Return": True})

    def enable_image_deregistration_protection(self) -> ActionResult:
        image = self.image()
        kind = "with" if self.params.get("WithCooldown") else "without"
        self.put(image, "DeregistrationProtection", f"enabled-{kind}-cooldown")
        return ActionResult({"Return": "true"})

    def disable_image_deregistration_protection(self) -> ActionResult:
        image = self.image()
        if image.member("DeregistrationProtection") == "enabled-with-cooldown":
            self.put(image, "CooldownUntil", world.now() + COOLDOWN_SECONDS)
        self.put(image, "DeregistrationProtection", None)
        return ActionResult({"Return": "true"})

    def attach_image_watermark(self) -> ActionResult:
        image, name = self.image(), self.params["WatermarkName"]
        if not WATERMARK_NAME.fullmatch(name):
            raise invalid(f"Value ({name}) for parameter watermarkName is invalid.")
        if image.is_public:
            raise Refused("OperationNotPermitted", "A public image can't be given a watermark.")
        key = f"{image.owner_id}:{name}"
        marks = image.member("ImageWatermarks") or []
        if any(mark["WatermarkKey"] == key for mark in marks):
            self.put(image, "ImageWatermarks", marks)
        else:
            mark = {
                "WatermarkKey": key,
                "SourceImageId": image.id,
                "SourceImageRegion": self.region,
                "SourceImageCreationTime": image.born,
                "WatermarkCreationTime": world.now(),
            }
            self.put(image, "ImageWatermarks", [*marks, mark])
        return ActionResult({"WatermarkKey": key})

    def detach_image_watermark(self) -> ActionResult:
        image, key = self.image(), self.params["WatermarkKey"]
        marks = image.member("ImageWatermarks") or []
        kept = [mark for mark in marks if mark["WatermarkKey"] != key]
        if len(kept) == len(marks):
            raise invalid(f"The image '{image.id}' doesn't carry the watermark '{key}'.")
        self.put(image, "ImageWatermarks", kept or None)
        return ActionResult({"Return": True})


def to_the_minute(at: datetime) -> datetime:
    """AWS rounds to the nearest minute."""
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return (at + timedelta(seconds=30)).replace(second=0, microsecond=0)


def years_after(first: float, years: int) -> datetime:
    """`years` after a time on the sandbox's clock."""
    return datetime.fromtimestamp(first, UTC) + timedelta(days=years * 365 + years // 4)
