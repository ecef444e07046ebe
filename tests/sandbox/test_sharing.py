"""Launch permissions, snapshot permissions and the block on public images, with plain boto3."""

from typing import Any

import pytest

from tests.conftest import Control
from tests.sandbox.calls import copy, image, refusal, snapshots
from tests.sandbox.conftest import Client

ORGANIZATION = "arn:aws:organizations::111122223333:organization/o-a1b2c3d4e5"
UNIT = "arn:aws:organizations::111122223333:ou/o-a1b2c3d4e5/ou-ab12-11111111"
OTHER = "444455556666"
ROLE = {"RoleArn": f"arn:aws:iam::{OTHER}:role/amicopy", "RoleSessionName": "amicopy", "ExternalId": "amicopy-sandbox"}
GOLDEN_KEY_IMAGE, DEFAULT_KEY_IMAGE = "ami-0e93a1c7d64f5b082", "ami-0d2f6b80c5e1794a3"
FOREIGN, WITHOUT_IMDS = "ami-027e9a5d1f3b8c460", "ami-0c4a9e17b3d8250f6"
WRONG_VALUE, TOGETHER = "InvalidAMIAttributeItemValue", "InvalidParameterCombination"


def given(ec2: Any, image_id: str) -> Any:
    return ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")["LaunchPermissions"]


def volume_permissions(ec2: Any, snapshot_id: str) -> Any:
    answer = ec2.describe_snapshot_attribute(SnapshotId=snapshot_id, Attribute="createVolumePermission")
    return answer["CreateVolumePermissions"]


def test_an_image_is_shared_in_both_forms_and_taken_back(ec2: Any, control: Control, done: str) -> None:
    first = [{"UserId": OTHER}, {"OrganizationArn": ORGANIZATION}, {"OrganizationalUnitArn": UNIT}]
    for _ in range(2):
        ec2.modify_image_attribute(ImageId=done, LaunchPermission={"Add": first})
        assert given(ec2, done) == first
    listed = {"Attribute": "launchPermission", "UserIds": ["777788889999"], "OrganizationArns": [ORGANIZATION]}
    ec2.modify_image_attribute(ImageId=done, OperationType="add", **listed)
    ec2.modify_image_attribute(ImageId=done, OperationType="remove", OrganizationalUnitArns=[UNIT])
    last = [{"UserId": OTHER}, {"OrganizationArn": ORGANIZATION}, {"UserId": "777788889999"}]
    assert given(ec2, done) == last
    changes = control(f"changes?resource={done}&member=LaunchPermissions")
    assert [row["before"] == row["after"] for row in changes] == [False, True, False, False]
    assert (changes[-1]["action"], changes[-1]["after"]) == ("ModifyImageAttribute", last)
    ec2.reset_image_attribute(ImageId=done, Attribute="launchPermission")
    assert given(ec2, done) == []


def test_who_an_image_is_shared_with_sees_it_but_may_not_share_it(ec2: Any, client: Client, done: str) -> None:
    theirs = client("ec2", "eu-west-1", credentials=client("sts").assume_role(**ROLE)["Credentials"])
    for permission in ({"UserId": OTHER}, {"OrganizationArn": ORGANIZATION}, {"OrganizationalUnitArn": UNIT}):
        assert refusal(image, ec2=theirs, image_id=done)[0] == "InvalidAMIID.NotFound"
        ec2.modify_image_attribute(ImageId=done, LaunchPermission={"Add": [permission]})
        assert image(theirs, done)["OwnerId"] == "111122223333"
        again = {"LaunchPermission": {"Add": [permission]}}
        assert refusal(theirs.modify_image_attribute, ImageId=done, **again) == ("AuthFailure", 403)
        ec2.modify_image_attribute(ImageId=done, LaunchPermission={"Remove": [permission]})


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"LaunchPermission": {"Add": [{"UserId": "12"}]}}, WRONG_VALUE),
        ({"LaunchPermission": {"Add": [{"Group": "some"}]}}, WRONG_VALUE),
        ({"LaunchPermission": {"Add": [{"OrganizationArn": ORGANIZATION.replace("aws", "aws-cn")}]}}, WRONG_VALUE),
        ({"LaunchPermission": {"Add": [{"OrganizationalUnitArn": ORGANIZATION}]}}, WRONG_VALUE),
        ({"LaunchPermission": {"Add": [{"Group": "all"}]}}, "OperationNotPermitted"),
        ({"LaunchPermission": {"Add": [{"UserId": f"{n:012}"} for n in range(1001)]}}, "ResourceLimitExceeded"),
        ({"UserIds": [OTHER]}, "MissingParameter"),
        ({"LaunchPermission": {}}, "InvalidParameterCombination"),
        ({"LaunchPermission": {"Add": [{"UserId": OTHER}]}, "ImdsSupport": {"Value": "v2.0"}}, TOGETHER),
        ({"ImdsSupport": {"Value": "v1.0"}}, "InvalidParameterValue"),
        ({"Attribute": "tpmSupport", "Value": "v2.0"}, "InvalidParameterValue"),
    ],
)
def test_what_is_wrong_is_refused(ec2: Any, control: Control, done: str, params: Any, code: str) -> None:
    assert refusal(ec2.modify_image_attribute, ImageId=done, **params) == (code, 400)
    assert given(ec2, done) == []
    assert control("changes") == []


def test_an_image_that_is_pending_gone_or_foreign_is_not_shared(ec2: Any, client: Client, control: Control) -> None:
    image_id = copy(ec2)
    add = {"LaunchPermission": {"Add": [{"UserId": OTHER}]}}
    assert refusal(ec2.modify_image_attribute, ImageId=image_id, **add)[0] == "InvalidAMIID.Unavailable"
    control("advance", seconds=600)
    assert refusal(ec2.modify_image_attribute, ImageId=image_id, DryRun=True, **add) == ("DryRunOperation", 412)
    ec2.deregister_image(ImageId=image_id)
    assert refusal(ec2.modify_image_attribute, ImageId=image_id, **add)[0] == "InvalidAMIID.Unavailable"
    assert refusal(client().modify_image_attribute, ImageId=FOREIGN, **add)[0] == "AuthFailure"
    asked = {"ImageId": FOREIGN, "Attribute": "launchPermission"}
    assert refusal(client().describe_image_attribute, **asked)[0] == "AuthFailure"


def test_snapshots_are_shared_with_accounts(ec2: Any, control: Control, done: str) -> None:
    [first, second] = [row["SnapshotId"] for row in snapshots(ec2, done)]
    for _ in range(2):
        ec2.modify_snapshot_attribute(SnapshotId=first, CreateVolumePermission={"Add": [{"UserId": OTHER}]})
    ec2.modify_snapshot_attribute(
        SnapshotId=first, Attribute="createVolumePermission", OperationType="add", UserIds=["777788889999"]
    )
    assert volume_permissions(ec2, first) == [{"UserId": OTHER}, {"UserId": "777788889999"}]
    assert volume_permissions(ec2, second) == []
    ec2.modify_snapshot_attribute(SnapshotId=first, OperationType="remove", UserIds=[OTHER])
    assert volume_permissions(ec2, first) == [{"UserId": "777788889999"}]
    effects = [row for row in control("changes?member=CreateVolumePermissions") if row["before"] != row["after"]]
    assert [row["resource"] for row in effects] == [first] * 3


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"CreateVolumePermission": {"Add": [{"UserId": "x"}]}}, WRONG_VALUE),
        ({"CreateVolumePermission": {"Add": [{"UserId": OTHER}], "Remove": [{"UserId": OTHER}]}}, TOGETHER),
        ({"OperationType": "add", "UserIds": [f"{n:012}" for n in range(501)]}, "InvalidParameterValue"),
        ({}, "InvalidParameterCombination"),
    ],
)
def test_a_wrong_snapshot_permission_is_refused(ec2: Any, done: str, params: Any, code: str) -> None:
    snapshot_id = snapshots(ec2, done)[0]["SnapshotId"]
    assert refusal(ec2.modify_snapshot_attribute, SnapshotId=snapshot_id, **params)[0] == code


def test_a_pending_snapshot_is_not_shared(ec2: Any) -> None:
    snapshot_id = snapshots(ec2, copy(ec2))[0]["SnapshotId"]
    share = {"SnapshotId": snapshot_id, "OperationType": "add", "UserIds": [OTHER]}
    assert refusal(ec2.modify_snapshot_attribute, **share)[0] == "IncorrectState"
    unknown = {**share, "SnapshotId": "snap-0123456789abcdef0"}
    assert refusal(ec2.modify_snapshot_attribute, **unknown)[0] == "InvalidSnapshot.NotFound"


@pytest.mark.parametrize(
    ("source", "everybody", "code"),
    [
        (DEFAULT_KEY_IMAGE, False, "InvalidParameter"),
        (GOLDEN_KEY_IMAGE, False, None),
        (GOLDEN_KEY_IMAGE, True, "InvalidParameter"),
    ],
)
def test_the_key_decides_who_it_can_be_shared_with(
    client: Client, source: str, everybody: bool, code: str | None
) -> None:
    ec2 = client()
    ec2.disable_image_block_public_access()
    permission = {"Group": "all"} if everybody else {"UserId": OTHER}
    snapshot_id = image(ec2, source)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    for call, params in (
        (ec2.modify_image_attribute, {"ImageId": source, "LaunchPermission": {"Add": [permission]}}),
        (ec2.modify_snapshot_attribute, {"SnapshotId": snapshot_id, "CreateVolumePermission": {"Add": [permission]}}),
    ):
        if code:
            assert refusal(call, **params)[0] == code
        else:
            call(**params)


def test_the_block_on_public_images_is_switched(ec2: Any, done: str) -> None:
    everybody = {"Attribute": "launchPermission", "OperationType": "add", "UserGroups": ["all"]}
    state = ec2.get_image_block_public_access_state()
    assert (state["ImageBlockPublicAccessState"], state["ManagedBy"]) == ("block-new-sharing", "account")
    ec2.disable_image_block_public_access()
    ec2.modify_image_attribute(ImageId=done, **everybody)
    assert image(ec2, done)["Public"] is True
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    assert refusal(ec2.modify_image_attribute, ImageId=done, **everybody)[0] == "OperationNotPermitted"


def test_imds_support_is_set_and_stays(client: Client) -> None:
    ec2 = client()
    asked = {"ImageId": WITHOUT_IMDS, "Attribute": "imdsSupport"}
    assert "ImdsSupport" not in ec2.describe_image_attribute(**asked)
    ec2.modify_image_attribute(ImageId=WITHOUT_IMDS, ImdsSupport={"Value": "v2.0"})
    assert ec2.describe_image_attribute(**asked)["ImdsSupport"] == {"Value": "v2.0"}
    assert image(ec2, WITHOUT_IMDS)["ImdsSupport"] == "v2.0"
    ec2.modify_image_attribute(ImageId=WITHOUT_IMDS, Attribute="imdsSupport", Value="v2.0")
    ec2.modify_image_attribute(ImageId=WITHOUT_IMDS, Description={"Value": "new"})
    assert image(ec2, WITHOUT_IMDS)["Description"] == "new"


def test_permissions_by_tags_throttling_and_lag_hold_for_sharing_too(ec2: Any, control: Control, done: str) -> None:
    call = {"ImageId": done, "LaunchPermission": {"Add": [{"UserId": OTHER}]}}
    control("faults", kind="throttle", action="ModifyImageAttribute")
    assert refusal(ec2.modify_image_attribute, **call) == ("RequestLimitExceeded", 503)
    control("faults", kind="needs-tag", action="ModifyImageAttribute", tag="mark")
    assert refusal(ec2.modify_image_attribute, **call) == ("UnauthorizedOperation", 403)
    control("faults", method="DELETE")
    control("faults", kind="hide", action="DescribeImageAttribute", since="rule")
    ec2.modify_image_attribute(**call)
    asked = {"ImageId": done, "Attribute": "launchPermission"}
    assert refusal(ec2.describe_image_attribute, **asked)[0] == "InvalidAMIID.NotFound"
