"""Cancelling, deregistering and deleting."""

from tests.conftest import Control
from tests.sandbox.calls import copy, image, refusal, snapshots
from tests.sandbox.conftest import Client


def test_cancelling_leaves_snapshots_behind(client: Client, control: Control) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    answer = ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
    assert answer["Return"] is True
    assert not answer.get("DeleteSnapshotResults")
    assert ec2.describe_images(ImageIds=[image_id])["Images"] == []
    assert refusal(ec2.deregister_image, ImageId=image_id) == ("InvalidAMIID.Unavailable", 400)
    assert len(control("images")[0]["Snapshots"]) == 2
    for row in snapshots(ec2, image_id):
        ec2.delete_snapshot(SnapshotId=row["SnapshotId"])
    [left] = control("images")
    assert (left["State"], left["Snapshots"]) == ("deregistered", [])


def test_cancelling_can_take_snapshots_along(client: Client, control: Control) -> None:
    control("settings", leave_snapshots=False)
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    ec2.deregister_image(ImageId=image_id)
    assert snapshots(ec2, image_id) == []


def test_a_cancelled_copy_frees_its_slot(client: Client, control: Control) -> None:
    control("settings", limit=1)
    ec2 = client("ec2", "eu-west-1")
    ec2.deregister_image(ImageId=copy(ec2))
    copy(ec2)


def test_a_finished_image_keeps_its_snapshots(client: Client, control: Control) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    control("advance", seconds=600)
    ids = [row["SnapshotId"] for row in snapshots(ec2, image_id)]
    assert refusal(ec2.delete_snapshot, SnapshotId=ids[0]) == ("InvalidSnapshot.InUse", 400)
    assert refusal(ec2.deregister_image, ImageId=image_id, DryRun=True) == ("DryRunOperation", 412)
    ec2.deregister_image(ImageId=image_id)
    assert [row["SnapshotId"] for row in snapshots(ec2, image_id)] == ids
    ec2.delete_snapshot(SnapshotId=ids[0])
    assert refusal(ec2.delete_snapshot, SnapshotId=ids[0]) == ("InvalidSnapshot.NotFound", 400)


def test_a_finished_image_is_removed_with_its_snapshots(client: Client, control: Control) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    control("advance", seconds=600)
    ids = {row["SnapshotId"] for row in snapshots(ec2, image_id)}
    answer = ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
    assert {(row["SnapshotId"], row["ReturnCode"]) for row in answer["DeleteSnapshotResults"]} == {
        (name, "success") for name in ids
    }
    assert snapshots(ec2, image_id) == []


def test_tags_can_be_changed_afterwards(client: Client) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    ids = [image_id, *(row["SnapshotId"] for row in snapshots(ec2, image_id))]
    ec2.create_tags(Resources=ids, Tags=[{"Key": "kept", "Value": "yes"}])
    assert image(ec2, image_id)["Tags"] == [{"Key": "kept", "Value": "yes"}]
    assert all(row["Tags"] == [{"Key": "kept", "Value": "yes"}] for row in snapshots(ec2, image_id))
    ec2.delete_tags(Resources=ids, Tags=[{"Key": "kept"}])
    assert not image(ec2, image_id).get("Tags")
