"""Permissions that depend on tags, and tag policies."""

from typing import Any

import pytest

from tests.conftest import Control
from tests.sandbox.calls import copy, image, refusal, snapshots
from tests.sandbox.conftest import Client

OWN = "111122223333"
DENIED = ("UnauthorizedOperation", 403)


def marked(value: str, *kinds: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "mark", "Value": value}]} for kind in kinds]


@pytest.fixture
def ec2(client: Client, control: Control) -> Any:
    for action in ("DeregisterImage", "DeleteSnapshot"):
        control("faults", kind="needs-tag", action=action, account=OWN, tag="mark", value="ours/")
    return client("ec2", "eu-west-1")


@pytest.mark.parametrize("tags", [[], marked("theirs/1", "image"), marked("ours/1", "snapshot")])
def test_only_a_marked_image_may_be_removed(ec2: Any, tags: list[dict[str, Any]]) -> None:
    image_id = copy(ec2, TagSpecifications=tags)
    for dry_run in (True, False, False):
        assert refusal(ec2.deregister_image, ImageId=image_id, DryRun=dry_run) == DENIED
    assert image(ec2, image_id)["State"] == "pending"
    ec2.create_tags(Resources=[image_id], Tags=[{"Key": "mark", "Value": "ours/2"}])
    assert refusal(ec2.deregister_image, ImageId=image_id, DryRun=True)[0] == "DryRunOperation"
    ec2.deregister_image(ImageId=image_id)


def test_the_refusal_names_action_and_resource(ec2: Any, control: Control) -> None:
    image_id = copy(ec2)
    with pytest.raises(ec2.exceptions.ClientError, match=f"ec2:DeregisterImage on resource: .*:image/{image_id} "):
        ec2.deregister_image(ImageId=image_id)
    assert [use["resource_id"] for use in control("faults")["uses"]] == [image_id]


def test_only_a_marked_snapshot_may_be_deleted(ec2: Any) -> None:
    image_id = copy(ec2, TagSpecifications=marked("ours/1", "image"))
    first, second = (row["SnapshotId"] for row in snapshots(ec2, image_id))
    ec2.deregister_image(ImageId=image_id)
    ec2.create_tags(Resources=[first], Tags=[{"Key": "mark", "Value": "ours/1"}])
    ec2.delete_snapshot(SnapshotId=first)
    assert refusal(ec2.delete_snapshot, SnapshotId=second) == DENIED
    assert [row["SnapshotId"] for row in snapshots(ec2, image_id)] == [second]


def test_snapshots_without_the_mark_survive_the_image(ec2: Any, control: Control) -> None:
    image_id = copy(ec2, TagSpecifications=marked("ours/1", "image"))
    control("advance", seconds=600)
    first, second = (row["SnapshotId"] for row in snapshots(ec2, image_id))
    ec2.create_tags(Resources=[first], Tags=[{"Key": "mark", "Value": "ours/1"}])
    answer = ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
    results = {row["SnapshotId"]: row["ReturnCode"] for row in answer["DeleteSnapshotResults"]}
    assert results == {first: "success", second: "missing-permissions"}
    assert [row["SnapshotId"] for row in snapshots(ec2, image_id)] == [second]


def test_a_policy_is_one_accounts(ec2: Any, client: Client) -> None:
    role = {"RoleArn": "arn:aws:iam::444455556666:role/amicopy", "RoleSessionName": "amicopy"}
    other = client("sts").assume_role(**role, ExternalId="amicopy-sandbox")["Credentials"]
    theirs = client("ec2", "eu-west-1", credentials=other)
    theirs.deregister_image(ImageId=copy(theirs, SourceImageId="ami-07c3fa0628b5e91d4"))


def test_a_tag_policy_refuses_a_tag(client: Client, control: Control) -> None:
    control("faults", kind="refuses-tag", action="CopyImage", tag="mark")
    ec2 = client("ec2", "eu-west-1")
    for kind in ("image", "snapshot"):
        assert refusal(copy, ec2=ec2, TagSpecifications=marked("x", kind)) == ("TagPolicyViolation", 400)
    assert refusal(copy, ec2=ec2, DryRun=True, TagSpecifications=marked("x", "image"))[0] == "TagPolicyViolation"
    image_id = copy(ec2, TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "team", "Value": "mark"}]}])
    ec2.create_tags(Resources=[image_id], Tags=[{"Key": "mark", "Value": "x"}])
    control("faults", kind="refuses-tag", tag="mark", value="bad")
    bad, good = ({"Resources": [image_id], "Tags": [{"Key": "mark", "Value": value}]} for value in ("bad 1", "good"))
    assert refusal(ec2.create_tags, **bad)[0] == "TagPolicyViolation"
    ec2.create_tags(**good)
