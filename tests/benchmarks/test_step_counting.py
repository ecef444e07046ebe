"""The judge of `make chaos` sees every step that isn't as approved, in what the sandbox itself lists."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from amicopy.copies.core.steps.wanted import WantedSteps
from benchmarks.counting import APPROVED, CANCELLED, REJECTED, Asked
from benchmarks.step_counting import OPERATIONS, Sandbox, false_steps, step_deviations
from tests.conftest import Control

ACCOUNT, SOURCE, REGION = "111122223333", "ami-0a7f3c92d41be6058", "eu-west-1"
ARM, HOME = "ami-0b81d5e6f0a297c34", "us-east-1"
OTHER, THIRD, STRANGER = "222233334444", "333344445555", "999900001111"
STEPS: dict[str, dict[str, Any]] = {
    "ImageWatermark": {"WatermarkName": "golden-chaos"},
    "CreateVolumePermission": {"UserIds": [OTHER]},
    "LaunchPermission": {"UserIds": [OTHER, THIRD]},
    "ImdsSupport": {"Value": "v2.0"},
    "ImageDeprecation": {"DeprecateAt": "2030-01-31T00:00:00Z"},
    "ImageDeregistrationProtection": {},
    "LaunchTemplateVersion": {"LaunchTemplateName": "fleet", "SetDefaultVersion": True},
    "Parameter": {"Name": "/chaos/golden"},
}
ALIAS = {"Type": "String", "DataType": "aws:ec2:image"}


def boto(service: str, region: str = REGION) -> Any:
    return client(service, region, settings.AWS_ENDPOINT)


@cache
def client(service: str, region: str, url: str) -> Any:
    """Takes as long as a whole test to be made."""
    return boto3.Session("AKIASANDBOX000000000", "not-checked").client(  # type: ignore[call-overload]
        service, region, endpoint_url=url, config=Config(retries={"total_max_attempts": 1})
    )


@pytest.fixture(autouse=True)
def quick(sandbox: Control) -> Control:
    """A sandbox whose copies are over at once, with a launch template."""
    sandbox("settings", copy_seconds=0, alias_seconds=0)
    for region in (REGION, HOME):
        data = {"ImageId": SOURCE, "InstanceType": "t3.micro"}
        boto("ec2", region).create_launch_template(LaunchTemplateName="fleet", LaunchTemplateData=data)
    return sandbox


def asked(
    fate: str = APPROVED, state: str = "AVAILABLE", steps: Mapping[str, Any] = STEPS, ended: str = "COMPLETED"
) -> Asked:
    return Asked(
        "golden", ACCOUNT, SOURCE, [REGION], fate, number=1, state=ended, states=[state], steps=WantedSteps(steps)
    )


def judged(one: Asked, control: Control) -> list[str]:
    """What the judge says; what came before the copy was made is the launch templates'."""
    changes = control("changes")
    first = sum(row["member"] == "LaunchTemplate" for row in changes)
    seen = Sandbox(control("images"), before=changes[:first], changes=changes[first:], answers=control("answers"))
    return [line.partition(f", {one.states[0]}: ")[2] or line for line in step_deviations([one], seen)]


@pytest.fixture
def image() -> str:
    return str(boto("ec2").copy_image(Name="golden", SourceImageId=SOURCE, SourceRegion=HOME)["ImageId"])


def snapshots(image: str, region: str = REGION) -> list[str]:
    [shown] = boto("ec2", region).describe_images(ImageIds=[image])["Images"]
    return [row["Ebs"]["SnapshotId"] for row in shown["BlockDeviceMappings"]]


def share_snapshots(ec2: Any, image: str, *accounts: str) -> None:
    for each in snapshots(image, ec2.meta.region_name):
        add = [{"UserId": account} for account in accounts]
        ec2.modify_snapshot_attribute(SnapshotId=each, CreateVolumePermission={"Add": add})


def share(ec2: Any, image: str, *accounts: str) -> None:
    add = [{"UserId": account} for account in accounts]
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": add})


def new_version(ec2: Any, image: str, *, default: bool = True, **data: str) -> int:
    made = ec2.create_launch_template_version(
        LaunchTemplateName="fleet", SourceVersion="1", LaunchTemplateData={"ImageId": image, **data}
    )["LaunchTemplateVersion"]
    if default:
        ec2.modify_launch_template(LaunchTemplateName="fleet", DefaultVersion=str(made["VersionNumber"]))
    return int(made["VersionNumber"])


def publish(image: str, region: str = REGION, **changed: Any) -> Any:
    return boto("ssm", region).put_parameter(**{"Name": "/chaos/golden", "Value": image, **ALIAS, **changed})


DO: Mapping[str, Callable[[Any, str], Any]] = {
    "ImageWatermark": lambda ec2, image: ec2.attach_image_watermark(ImageId=image, WatermarkName="golden-chaos"),
    "CreateVolumePermission": lambda ec2, image: share_snapshots(ec2, image, OTHER),
    "LaunchPermission": lambda ec2, image: share(ec2, image, OTHER, THIRD),
    "ImdsSupport": lambda ec2, image: ec2.modify_image_attribute(ImageId=image, ImdsSupport={"Value": "v2.0"}),
    "ImageDeprecation": lambda ec2, image: deprecate(ec2, image, "2030-01-31T00:00:00Z"),
    "ImageDeregistrationProtection": lambda ec2, image: ec2.enable_image_deregistration_protection(ImageId=image),
    "LaunchTemplateVersion": new_version,
    "Parameter": lambda ec2, image: publish(image, ec2.meta.region_name),
}


def deprecate(ec2: Any, image: str, at: str) -> None:
    ec2.enable_image_deprecation(ImageId=image, DeprecateAt=at)


def do(image: str, *, without: str = "", region: str = REGION) -> None:
    """All steps as they were approved but one."""
    for code, step in DO.items():
        if code != without:
            step(boto("ec2", region), image)


def test_steps_as_approved_are_as_promised(quick: Control, image: str) -> None:
    do(image)
    assert judged(asked(), quick) == []


@pytest.mark.parametrize("code", sorted(set(STEPS) - {"ImdsSupport"}))
def test_a_step_that_was_never_done_is_seen(quick: Control, image: str, code: str) -> None:
    do(image, without=code)
    words = {
        "CreateVolumePermission": [f"{code} of {each}: was never done" for each in snapshots(image)],
        "LaunchTemplateVersion": ["0 versions of fleet"],
        "Parameter": ["/chaos/golden was never published"],
    }
    assert judged(asked(), quick) == words.get(code, [f"{code} of {image}: was never done"])


@pytest.mark.parametrize("code", sorted(STEPS))
def test_a_step_that_nobody_approved_is_seen(quick: Control, image: str, code: str) -> None:
    do(image)
    assert judged(asked(steps={each: STEPS[each] for each in STEPS if each != code}), quick)


@pytest.mark.parametrize("code", sorted(STEPS))
def test_nothing_is_done_for_what_nobody_approved(quick: Control, image: str, code: str) -> None:
    DO[code](boto("ec2"), image)
    assert judged(asked(REJECTED, "CANCELLED"), quick)


WRONG: Mapping[str, tuple[str, Callable[[Any, str], Any], str]] = {
    "another mark": (
        "ImageWatermark",
        lambda ec2, image: ec2.attach_image_watermark(ImageId=image, WatermarkName="silver"),
        f"became {ACCOUNT}:silver",
    ),
    "a snapshot for a stranger": (
        "CreateVolumePermission",
        lambda ec2, image: share_snapshots(ec2, image, OTHER, STRANGER),
        f"given to {STRANGER}, whom nobody approved",
    ),
    "an image for a stranger": (
        "LaunchPermission",
        lambda ec2, image: share(ec2, image, OTHER, THIRD, STRANGER),
        f"given to {STRANGER}, whom nobody approved",
    ),
    "not for all of them": (
        "LaunchPermission",
        lambda ec2, image: share(ec2, image, OTHER),
        f"LaunchPermission of {{image}}: is {OTHER} at the end",
    ),
    "another date": (
        "ImageDeprecation",
        lambda ec2, image: deprecate(ec2, image, "2031-01-31T00:00:00Z"),
        "is 2031-01-31T00:00:00.000Z at the end",
    ),
    "a cooldown": (
        "ImageDeregistrationProtection",
        lambda ec2, image: ec2.enable_image_deregistration_protection(ImageId=image, WithCooldown=True),
        "is enabled-with-cooldown at the end",
    ),
    "a second version": (
        "LaunchTemplateVersion",
        lambda ec2, image: [new_version(ec2, image), new_version(ec2, image)],
        "2 versions of fleet",
    ),
    "a version of another kind": (
        "LaunchTemplateVersion",
        lambda ec2, image: new_version(ec2, image, InstanceType="m5.large"),
        "isn't as the one it was made from",
    ),
    "a version with another image": (
        "LaunchTemplateVersion",
        lambda ec2, image: [new_version(ec2, image), new_version(ec2, SOURCE)],
        f"with {SOURCE}: nobody approved that",
    ),
    "not the default": (
        "LaunchTemplateVersion",
        lambda ec2, image: new_version(ec2, image, default=False),
        "version 1 of fleet is the default",
    ),
    "another alias": (
        "Parameter",
        lambda ec2, image: [publish(image), publish(image, Name="/chaos/silver")],
        "nobody asked for that",
    ),
    "an alias of another type": (
        "Parameter",
        lambda ec2, image: publish(image, DataType="text"),
        "/chaos/golden has another DataType",
    ),
    "an alias with other words": (
        "Parameter",
        lambda ec2, image: publish(image, Description="Hello."),
        "/chaos/golden has another Description",
    ),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_step_that_was_done_otherwise_is_seen(quick: Control, image: str, name: str) -> None:
    code, step, words = WRONG[name]
    do(image, without=code)
    step(boto("ec2"), image)
    said = judged(asked(), quick)
    assert any(words.format(image=image) in line for line in said), said


def test_an_alias_that_shows_another_image_is_seen(quick: Control, image: str) -> None:
    do(image)
    another = boto("ec2").copy_image(Name="golden-2", SourceImageId=SOURCE, SourceRegion=HOME)["ImageId"]
    publish(another, Overwrite=True)
    assert judged(asked(), quick) == [f"/chaos/golden showed {another}", f"/chaos/golden shows {another} at the end"]


def test_an_alias_that_was_there_is_overwritten_where_that_was_approved(quick: Control, image: str) -> None:
    publish(ARM, HOME)
    before = len(quick("changes"))
    one = asked(steps={"Parameter": {"Name": "/chaos/golden"}})
    one.existing, one.source, one.regions = True, SOURCE, [HOME]
    publish(SOURCE, HOME, Overwrite=True)
    changes = quick("changes")
    seen = Sandbox(quick("images"), before=changes[:before], changes=changes[before:])
    assert [line.rpartition(": ")[2] for line in step_deviations([one], seen)] == ["/chaos/golden was overwritten"]
    one.steps = WantedSteps({"Parameter": {"Name": "/chaos/golden", "Overwrite": True}})
    assert step_deviations([one], seen) == []


def test_what_was_wider_for_a_moment_is_seen(quick: Control, image: str) -> None:
    do(image)
    ec2 = boto("ec2")
    share(ec2, image, STRANGER)
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Remove": [{"UserId": STRANGER}]})
    said = judged(asked(), quick)
    assert f"LaunchPermissions of {image} in {REGION} by ModifyImageAttribute: given to {STRANGER}, " in said[0]


@pytest.mark.parametrize("kind", ["drop", "throttle", "drop-after"])
def test_what_was_only_asked_for_is_seen_too(quick: Control, image: str, kind: str) -> None:
    do(image)
    quick("faults", kind=kind, action="ModifyImageAttribute")
    with pytest.raises(Exception, match=r"RequestLimit|Connection"):
        share(boto("ec2"), image, STRANGER)
    assert f"ModifyImageAttribute asked to let in {STRANGER}, whom nobody approved" in judged(asked(), quick)


def test_what_was_asked_for_of_an_image_that_is_not_listed_is_held_against_its_region(
    quick: Control, image: str
) -> None:
    """A sandbox that is killed may forget the image that it made last."""
    do(image)
    lost = "ami-0123456789abcdef0"
    for somebody in (OTHER, STRANGER):
        with pytest.raises(ClientError, match="NotFound"):
            share(boto("ec2"), lost, somebody)
    assert judged(asked(), quick) == [f"{lost}: ModifyImageAttribute asked to let in {STRANGER}, whom nobody approved"]


def test_days_are_counted_from_the_copy(quick: Control, image: str) -> None:
    one = asked(steps={"ImageDeprecation": {"DaysAfterCopy": 90}})
    [made] = quick("images")
    there = datetime.fromtimestamp(made["Started"], UTC)
    for days, right in ((89, False), (91, False), (90, True)):
        deprecate(boto("ec2"), image, f"{there + timedelta(days=days):%Y-%m-%dT%H:%M:00Z}")
        words = judged(one, quick)
        assert any("at the end" in line for line in words) != right, words


def test_a_cancelled_copy_leaves_no_alias_and_no_default(quick: Control, image: str) -> None:
    do(image)
    ec2, one = boto("ec2"), asked(CANCELLED, "CANCELLED", ended="CANCELLED")
    ec2.disable_image_deregistration_protection(ImageId=image)
    ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    assert judged(one, quick) == [f"/chaos/golden still shows {image}", "version 2 of fleet is the default"]
    boto("ssm").delete_parameter(Name="/chaos/golden")
    ec2.modify_launch_template(LaunchTemplateName="fleet", DefaultVersion="1")
    assert judged(one, quick) == []
    assert judged(asked(), quick), "nobody cancelled it"


def existing(fate: str = APPROVED, state: str = "AVAILABLE") -> Asked:
    one = asked(fate, state, ended="CANCELLED" if state == "CANCELLED" else "COMPLETED")
    one.existing, one.source, one.regions, one.snapshots = True, ARM, [HOME], snapshots(ARM, HOME)
    return one


def test_steps_for_an_ami_that_exists_are_judged_alike(quick: Control) -> None:
    one = existing()
    assert len(judged(one, quick)) == len(STEPS) - 1
    do(ARM, region=HOME)
    assert judged(one, quick) == []
    assert judged(existing(REJECTED, "CANCELLED"), quick)
    assert f"#1 golden for {ARM}, approved: is QUEUED" in judged(existing(state="QUEUED"), quick)


def test_what_was_cancelled_of_an_ami_that_exists_is_as_before(quick: Control) -> None:
    do(ARM, region=HOME)
    ec2, one = boto("ec2", HOME), existing(CANCELLED, "CANCELLED")
    assert len([line for line in judged(one, quick) if "undone" in line]) == 5
    boto("ssm", HOME).delete_parameter(Name="/chaos/golden")
    ec2.modify_launch_template(LaunchTemplateName="fleet", DefaultVersion="1")
    ec2.disable_image_deregistration_protection(ImageId=ARM)
    ec2.disable_image_deprecation(ImageId=ARM)
    ec2.detach_image_watermark(ImageId=ARM, WatermarkKey=f"{ACCOUNT}:golden-chaos")
    ec2.modify_image_attribute(
        ImageId=ARM, LaunchPermission={"Remove": [{"UserId": account} for account in (OTHER, THIRD)]}
    )
    for each in snapshots(ARM, HOME):
        ec2.modify_snapshot_attribute(SnapshotId=each, CreateVolumePermission={"Remove": [{"UserId": OTHER}]})
    assert judged(one, quick) == []


def test_an_ami_that_existed_is_never_removed(quick: Control) -> None:
    do(ARM, without="ImageDeregistrationProtection", region=HOME)
    quick("faults", kind="drop", action="DeregisterImage")
    with pytest.raises(BotoCoreError):
        boto("ec2", HOME).deregister_image(ImageId=ARM)
    assert f"DeregisterImage of {ARM}, which amicopy didn't make" in judged(existing(), quick)


def test_a_request_that_says_otherwise_of_its_steps_is_seen(quick: Control, image: str) -> None:
    do(image)
    one = asked()
    one.steps_failed = 2
    assert judged(one, quick) == ["#1 golden is COMPLETED though 2 steps failed"]
    one.state = "PARTIAL"
    assert judged(one, quick) == ["#1 golden: 2 steps failed to the end"]


def event(**changes: Any) -> dict[str, Any]:
    return {"id": 7, "action": "step.done", "aws_request_id": "r-1", "data": {"step": "ImageWatermark"}, **changes}


def test_each_step_has_its_operations() -> None:
    assert set(OPERATIONS) == set(STEPS)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"action": "AttachImageWatermark", "carried_out": True}, None),
        ({"action": "CopyImage", "carried_out": True}, "ImageWatermark by CopyImage, carried out"),
        (
            {"action": "AttachImageWatermark", "carried_out": False, "code": "Blocked"},
            "ImageWatermark by AttachImageWatermark, Blocked",
        ),
    ],
)
def test_a_step_that_is_done_by_an_answer_about_something_else_is_seen(
    answer: dict[str, Any], words: str | None
) -> None:
    said = false_steps([event()], [{"request_id": "r-1", **answer}])
    assert said == ([f"event 7 step.done: {words}"] if words else [])
