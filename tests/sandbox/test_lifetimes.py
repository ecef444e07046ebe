"""Deprecation, protection against deregistration and watermarks, with plain boto3."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Control
from tests.sandbox.calls import copy, image, refusal

DAY = timedelta(days=1)


def test_an_image_is_deprecated_to_the_minute_and_not_any_more(ec2: Any, control: Control, done: str) -> None:
    at = datetime.now(UTC).replace(second=50, microsecond=0) + 30 * DAY
    for _ in range(2):
        assert ec2.enable_image_deprecation(ImageId=done, DeprecateAt=at)["Return"] is True
    rounded = (at + timedelta(seconds=10)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert image(ec2, done)["DeprecationTime"] == rounded
    assert [row["after"] for row in control("changes?member=DeprecationTime")] == [rounded] * 2
    assert "DeprecationTime" not in image(ec2, copy(ec2, SourceImageId=done, SourceRegion="eu-west-1"))
    ec2.disable_image_deprecation(ImageId=done)
    assert "DeprecationTime" not in image(ec2, done)


@pytest.mark.parametrize("days", [-1, 3660])
def test_a_past_or_too_distant_date_is_refused(ec2: Any, done: str, days: int) -> None:
    when = {"ImageId": done, "DeprecateAt": datetime.now(UTC) + days * DAY}
    assert refusal(ec2.enable_image_deprecation, **when) == ("InvalidParameterValue", 400)
    assert "DeprecationTime" not in image(ec2, done)


def test_a_public_image_may_have_two_years(ec2: Any, done: str) -> None:
    ec2.disable_image_block_public_access()
    ec2.modify_image_attribute(ImageId=done, LaunchPermission={"Add": [{"Group": "all"}]})
    late = {"ImageId": done, "DeprecateAt": datetime.now(UTC) + 800 * DAY}
    assert refusal(ec2.enable_image_deprecation, **late)[0] == "InvalidParameterValue"


@pytest.mark.parametrize("cooldown", [False, True])
def test_a_protected_image_stays(ec2: Any, control: Control, done: str, cooldown: bool) -> None:
    assert image(ec2, done)["DeregistrationProtection"] == "disabled"
    ec2.enable_image_deregistration_protection(ImageId=done, WithCooldown=cooldown)
    shown = "enabled-with-cooldown" if cooldown else "enabled-without-cooldown"
    assert image(ec2, done)["DeregistrationProtection"] == shown
    asked = ec2.describe_image_attribute(ImageId=done, Attribute="deregistrationProtection")
    assert asked["DeregistrationProtection"] == {"Value": shown}
    assert refusal(ec2.deregister_image, ImageId=done) == ("OperationNotPermitted", 400)
    copied = copy(ec2, SourceImageId=done, SourceRegion="eu-west-1")
    ec2.disable_image_deregistration_protection(ImageId=done)
    assert image(ec2, done)["DeregistrationProtection"] == "disabled"
    if cooldown:
        assert refusal(ec2.deregister_image, ImageId=done) == ("OperationNotPermitted", 400)
        control("advance", seconds=24 * 3600)
    ec2.deregister_image(ImageId=done)
    ec2.deregister_image(ImageId=copied)


def test_a_watermark_goes_with_copies_and_keeps_an_image_from_being_public(
    ec2: Any, control: Control, done: str
) -> None:
    ec2.disable_image_block_public_access()
    for _ in range(2):
        key = ec2.attach_image_watermark(ImageId=done, WatermarkName="approved")["WatermarkKey"]
    assert key == "111122223333:approved"
    [mark] = image(ec2, done)["ImageWatermarks"]
    assert (mark["WatermarkKey"], mark["SourceImageId"], mark["SourceImageRegion"]) == (key, done, "eu-west-1")
    assert mark["SourceImageCreationTime"] < mark["WatermarkCreationTime"]
    copied = copy(ec2, SourceImageId=done, SourceRegion="eu-west-1")
    assert image(ec2, copied)["ImageWatermarks"] == [mark]
    public = {"ImageId": done, "LaunchPermission": {"Add": [{"Group": "all"}]}}
    assert refusal(ec2.modify_image_attribute, **public)[0] == "OperationNotPermitted"
    ec2.detach_image_watermark(ImageId=done, WatermarkKey=key)
    assert "ImageWatermarks" not in image(ec2, done)
    assert refusal(ec2.detach_image_watermark, ImageId=done, WatermarkKey=key)[0] == "InvalidParameterValue"
    ec2.modify_image_attribute(**public)
    assert refusal(ec2.attach_image_watermark, ImageId=done, WatermarkName="late")[0] == "OperationNotPermitted"
    effects = [row["action"] for row in control("changes?member=ImageWatermarks") if row["before"] != row["after"]]
    assert effects == ["AttachImageWatermark", "DetachImageWatermark"]


CALLS: dict[str, Any] = {
    "enable_image_deprecation": {"DeprecateAt": datetime.now(UTC) + DAY},
    "disable_image_deprecation": {},
    "enable_image_deregistration_protection": {},
    "disable_image_deregistration_protection": {},
    "attach_image_watermark": {"WatermarkName": "approved"},
}


@pytest.mark.parametrize("name", CALLS)
def test_each_call_can_be_refused_for_the_usual_reasons(ec2: Any, control: Control, done: str, name: str) -> None:
    call = getattr(ec2, name)
    action = ec2.meta.method_to_api_mapping[name]
    known, unknown = ({"ImageId": image_id, **CALLS[name]} for image_id in (done, "ami-0123456789abcdef0"))
    pending = {**known, "ImageId": copy(ec2)}
    assert refusal(call, **unknown) == ("InvalidAMIID.NotFound", 400)
    assert refusal(call, **pending) == ("InvalidAMIID.Unavailable", 400)
    assert refusal(call, DryRun=True, **known) == ("DryRunOperation", 412)
    control("faults", kind="error", action=action, code="UnauthorizedOperation", message="No.")
    assert refusal(call, **known) == ("UnauthorizedOperation", 403)
    control("faults", kind="needs-tag", action=action, tag="mark")
    assert refusal(call, **known) == ("UnauthorizedOperation", 403)
    control("faults", method="DELETE")
    control("faults", kind="hide", since="rule", seconds=100, action=action)
    assert refusal(call, **known) == ("InvalidAMIID.NotFound", 400)
    control("advance", seconds=100)
    assert control("changes") == []
    call(**known)
    assert {row["action"] for row in control("changes")} == {action}
