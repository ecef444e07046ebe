"""What calls changed outlasts the process: the journal brings it back, and lists it in order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from amicopy.sandbox.control import replay
from amicopy.sandbox.world import world
from tests.conftest import Control
from tests.sandbox.calls import GOLDEN, copy, image, snapshots
from tests.sandbox.conftest import Client

TEMPLATE, OTHER = "lt-0a1b2c3d4e5f60718", "444455556666"


def everything(ec2: Any, ssm: Any, image_id: str) -> Any:
    """All that a test can see of it."""
    [snapshot, *_] = snapshots(ec2, image_id)
    asked = {"SnapshotId": snapshot["SnapshotId"], "Attribute": "createVolumePermission"}
    return (
        image(ec2, image_id),
        ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")["LaunchPermissions"],
        ec2.describe_snapshot_attribute(**asked)["CreateVolumePermissions"],
        ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"],
        [
            (row["VersionNumber"], row["DefaultVersion"], row["LaunchTemplateData"])
            for row in ec2.describe_launch_template_versions(LaunchTemplateId=TEMPLATE)["LaunchTemplateVersions"]
        ],
        ssm.get_parameter_history(Name="/golden/x")["Parameters"],
        ssm.get_parameters(Names=["/gone", "/late"])["InvalidParameters"],
    )


def change_all(ec2: Any, ssm: Any, image_id: str, control: Control) -> None:
    """One call of each kind."""
    known = {"ImageId": image_id}
    ec2.modify_image_attribute(**known, LaunchPermission={"Add": [{"UserId": OTHER}]})
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshots(ec2, image_id)[0]["SnapshotId"], OperationType="add", UserIds=[OTHER]
    )
    ec2.enable_image_deprecation(**known, DeprecateAt=datetime.now(UTC) + timedelta(days=9))
    ec2.enable_image_deregistration_protection(**known)
    ec2.attach_image_watermark(**known, WatermarkName="approved")
    ec2.disable_image_block_public_access()
    data = {"LaunchTemplateId": TEMPLATE, "LaunchTemplateData": {"ImageId": image_id}}
    ec2.create_launch_template_version(**data, ClientToken="once")
    ec2.modify_launch_template(LaunchTemplateId=TEMPLATE, DefaultVersion="2")
    alias = {"Type": "String", "DataType": "aws:ec2:image"}
    ssm.put_parameter(Name="/golden/x", Value=GOLDEN, **alias)
    ssm.put_parameter(Name="/gone", Value="text", Type="String")
    ssm.delete_parameter(Name="/gone")
    control("advance", seconds=60)
    ssm.put_parameter(Name="/golden/x", Value="ami-0123456789abcdef0", Overwrite=True, **alias)
    control("advance", seconds=60)
    ssm.put_parameter(Name="/late", Value=image_id, **alias)
    ec2.create_launch_template_version(**data, ClientToken="once")


def test_changes_are_brought_back(
    client: Client, control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control("settings", alias_seconds=60)
    monkeypatch.setattr(world, "journal", tmp_path / "journal.jsonl")
    ec2, ssm = client(), client("ssm")
    image_id = copy(ec2)
    control("advance", seconds=600)
    change_all(ec2, ssm, image_id, control)
    seen, listed = everything(ec2, ssm, image_id), control("changes")
    text = (tmp_path / "journal.jsonl").read_text("utf-8")
    control("reset", method="POST")
    control("settings", alias_seconds=60)
    assert control("changes") == []
    (tmp_path / "journal.jsonl").write_text(text, "utf-8")
    replay()
    assert everything(ec2, ssm, image_id) == seen
    assert control("changes") == listed
    assert [row["action"] for row in listed] == [
        "ModifyImageAttribute",
        "ModifySnapshotAttribute",
        "EnableImageDeprecation",
        "EnableImageDeregistrationProtection",
        "AttachImageWatermark",
        "DisableImageBlockPublicAccess",
        "CreateLaunchTemplateVersion",
        "ModifyLaunchTemplate",
        "PutParameter",
        "DeleteParameter",
        "PutParameter",
    ]
    data = {"LaunchTemplateId": TEMPLATE, "LaunchTemplateData": {"ImageId": image_id}}
    again = ec2.create_launch_template_version(**data, ClientToken="once")["LaunchTemplateVersion"]
    assert again["VersionNumber"] == 2
    control("advance", seconds=61)
    assert ssm.get_parameter(Name="/late")["Parameter"]["Value"] == image_id
