"""Lists that lag: what is there isn't shown, or no longer, and what is gone still is; each action by itself."""

from collections.abc import Callable
from itertools import groupby, pairwise
from typing import Any

import pytest

from tests.conftest import Control
from tests.sandbox.calls import GOLDEN, copy, image, refusal, snapshots
from tests.sandbox.conftest import Client

UNKNOWN, UNKNOWN_SNAPSHOT = ("InvalidAMIID.NotFound", 400), ("InvalidSnapshot.NotFound", 400)


def listed(ec2: Any, image_id: str) -> bool:
    """Whether a list shows an image, asked for as amicopy does."""
    return bool(ec2.describe_images(Filters=[{"Name": "image-id", "Values": [image_id]}])["Images"])


def calls_on(ec2: Any, image_id: str) -> dict[str, Callable[[], Any]]:
    """A call of each kind about an image; none changes it for good."""
    tags = {"Resources": [image_id], "Tags": [{"Key": "a", "Value": "b"}]}
    permission = {"Add": [{"UserId": "444455556666"}]}
    return {
        "DescribeImages": lambda: ec2.describe_images(ImageIds=[image_id]),
        "DescribeImageAttribute": lambda: ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission"),
        "ModifyImageAttribute": lambda: ec2.modify_image_attribute(ImageId=image_id, LaunchPermission=permission),
        "CreateTags": lambda: ec2.create_tags(**tags),
        "DeleteTags": lambda: ec2.delete_tags(**tags),
        "DisableImage": lambda: ec2.disable_image(ImageId=image_id),
        "EnableImage": lambda: ec2.enable_image(ImageId=image_id),
        "CopyImage": lambda: copy(ec2, SourceImageId=image_id, SourceRegion="eu-west-1"),
        "DeregisterImage": lambda: ec2.deregister_image(ImageId=image_id),
    }


def blind(ec2: Any, image_id: str) -> set[str]:
    """The actions that don't see an image."""
    found = set()
    for action, call in calls_on(ec2, image_id).items():
        try:
            call()
        except ec2.exceptions.ClientError as error:
            if error.response["Error"]["Message"] != f"The image id '[{image_id}]' does not exist":
                raise
            found.add(action)
    return found


@pytest.mark.parametrize("action", ["DescribeImages", "CreateTags", "ModifyImageAttribute", "CopyImage"])
def test_one_action_alone_does_not_see_a_new_image(ec2: Any, control: Control, action: str) -> None:
    control("faults", kind="hide", action=action, after=600, seconds=300)
    image_id = copy(ec2)
    control("advance", seconds=600)
    assert blind(ec2, image_id) == {action}
    assert listed(ec2, image_id) is False


def test_a_new_image_is_unknown_to_every_action_for_a_while(ec2: Any, control: Control) -> None:
    control("faults", kind="hide", seconds=900)
    image_id = copy(ec2)
    control("advance", seconds=600)
    assert blind(ec2, image_id) == calls_on(ec2, image_id).keys()
    control("advance", seconds=301)
    assert blind(ec2, image_id) == set()


def test_deregistering_an_image_that_is_not_seen_yet_leaves_it(ec2: Any, control: Control) -> None:
    control("faults", kind="hide", action="DeregisterImage", seconds=100)
    image_id = copy(ec2)
    assert refusal(ec2.deregister_image, ImageId=image_id) == UNKNOWN
    control("advance", seconds=600)
    assert image(ec2, image_id)["State"] == "available"
    ec2.deregister_image(ImageId=image_id)
    assert not listed(ec2, image_id)


def test_an_image_is_shown_once_and_then_missing_for_a_while(ec2: Any, control: Control) -> None:
    control("faults", kind="hide", action="DescribeImages", since="seen", seconds=90)
    image_id = copy(ec2)
    control("advance", seconds=100)
    seen = []
    for _ in range(4):
        seen.append(listed(ec2, image_id))
        control("advance", seconds=40)
    assert seen == [True, False, False, True]


def test_being_left_out_by_another_filter_is_not_being_shown(ec2: Any, control: Control) -> None:
    control("faults", kind="hide", action="DescribeImages", since="seen", seconds=90)
    image_id = copy(ec2)
    assert ec2.describe_images(Filters=[{"Name": "name", "Values": ["other"]}])["Images"] == []
    assert [listed(ec2, image_id) for _ in range(2)] == [True, False]


def test_an_image_can_go_missing_long_after_it_was_made(ec2: Any, control: Control) -> None:
    image_id = copy(ec2)
    control("advance", seconds=100_000)
    control("faults", kind="hide", since="rule", after=100, seconds=200, resource_id=image_id)
    assert listed(ec2, image_id)
    control("advance", seconds=100)
    assert not listed(ec2, image_id)
    control("advance", seconds=200)
    assert listed(ec2, image_id)


def test_only_what_is_made_after_the_rule_counts_as_new(ec2: Any, control: Control, client: Client) -> None:
    old = copy(ec2)
    control("faults", kind="hide", region="eu-west-1", skip=1)
    elsewhere, first, second, third = copy(client("ec2", "us-west-2")), copy(ec2), copy(ec2), copy(ec2)
    # Whatever is looked at first, the second new image of the Region is the one.
    assert [listed(ec2, image_id) for image_id in (second, third, first, old)] == [False, True, True, True]
    assert listed(client("ec2", "us-west-2"), elsewhere)
    [use] = control("faults")["uses"]
    assert (use["kind"], use["resource_id"], use["region"]) == ("hide", second, "eu-west-1")
    control("faults", kind="hide", count=None)
    assert [listed(ec2, image_id) for image_id in (old, first, third, copy(ec2))] == [True, True, True, False]


def test_snapshots_are_hidden_by_themselves(ec2: Any, control: Control) -> None:
    control("faults", kind="hide", resource="snapshot", action="DescribeSnapshots", seconds=100, count=1)
    control("faults", kind="hide", resource="snapshot", action="DeleteSnapshot", seconds=200, count=None)
    image_id = copy(ec2)
    first, second = (row["Ebs"]["SnapshotId"] for row in image(ec2, image_id)["BlockDeviceMappings"])
    assert [row["SnapshotId"] for row in snapshots(ec2, image_id)] == [second]
    assert refusal(ec2.describe_snapshots, SnapshotIds=[first, second]) == UNKNOWN_SNAPSHOT
    ec2.deregister_image(ImageId=image_id)
    assert [refusal(ec2.delete_snapshot, SnapshotId=name) for name in (first, second)] == [UNKNOWN_SNAPSHOT] * 2
    control("advance", seconds=200)
    assert len(snapshots(ec2, image_id)) == 2
    for name in (first, second):
        ec2.delete_snapshot(SnapshotId=name)
    assert [len(row["DeletedSnapshots"]) for row in control("images")] == [2]


def test_a_source_is_hidden_from_copy_image_alone(ec2: Any, control: Control, client: Client) -> None:
    # The Region is the source's, not the one it is copied to.
    control("faults", kind="hide", resource="source", action="CopyImage", since="rule", seconds=300, region="us-east-1")
    assert refusal(copy, ec2=ec2) == UNKNOWN
    assert image(client(), GOLDEN)["State"] == "available"
    control("advance", seconds=300)
    again = {"ClientToken": "kept"}
    image_id = copy(ec2, **again)
    control("faults", kind="hide", resource="source", since="rule")
    # AWS looks for the token first.
    assert copy(ec2, **again) == image_id
    assert refusal(image, ec2=client(), image_id=GOLDEN) == UNKNOWN


def test_a_source_of_another_account_is_hidden_from_one_caller(ec2: Any, control: Control, client: Client) -> None:
    shared = "ami-027e9a5d1f3b8c460"
    control("faults", kind="hide", resource="source", resource_id=shared, account="111122223333", since="rule")
    role = {"RoleArn": "arn:aws:iam::444455556666:role/amicopy", "RoleSessionName": "amicopy"}
    other = client("sts").assume_role(**role, ExternalId="amicopy-sandbox")["Credentials"]
    assert refusal(copy, ec2=ec2, SourceImageId=shared) == UNKNOWN
    copy(client("ec2", "eu-west-1", credentials=other), SourceImageId=shared)


def test_tags_of_a_hidden_image_are_not_listed(ec2: Any, control: Control) -> None:
    tags = [{"ResourceType": "image", "Tags": [{"Key": "mark", "Value": "1"}]}]
    image_id = copy(ec2, TagSpecifications=tags)
    by_key = [{"Name": "key", "Values": ["mark"]}]
    assert [row["ResourceId"] for row in ec2.describe_tags(Filters=by_key)["Tags"]] == [image_id]
    control("faults", kind="hide", since="rule", action="DescribeTags")
    assert ec2.describe_tags(Filters=by_key)["Tags"] == []
    assert listed(ec2, image_id)


def test_what_is_gone_is_still_shown_for_a_while(ec2: Any, control: Control) -> None:
    control("faults", kind="linger", resource="any", action="DescribeImages", seconds=100, count=None)
    control("faults", kind="linger", resource="any", action="DescribeSnapshots", seconds=200, count=None)
    tags = [{"ResourceType": kind, "Tags": [{"Key": "mark", "Value": "1"}]} for kind in ("image", "snapshot")]
    image_id = copy(ec2, TagSpecifications=tags)
    control("advance", seconds=600)
    before, parts = image(ec2, image_id), snapshots(ec2, image_id)
    ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
    assert (image(ec2, image_id), snapshots(ec2, image_id)) == (before, parts)
    assert refusal(ec2.deregister_image, ImageId=image_id) == ("InvalidAMIID.Unavailable", 400)
    control("advance", seconds=100)
    assert not listed(ec2, image_id)
    assert ec2.describe_snapshots(SnapshotIds=[row["SnapshotId"] for row in parts])["Snapshots"] == parts
    control("advance", seconds=100)
    assert snapshots(ec2, image_id) == []


def test_a_cancelled_copy_lingers_as_pending_or_as_deregistered(ec2: Any, control: Control) -> None:
    control("faults", kind="linger", seconds=1000)
    control("faults", kind="linger", state="deregistered", skip=1, seconds=1000)
    first, second = copy(ec2), copy(ec2)
    for image_id in (first, second):
        ec2.deregister_image(ImageId=image_id)
    control("advance", seconds=600)
    assert [image(ec2, image_id)["State"] for image_id in (first, second)] == ["pending", "deregistered"]
    assert [row["State"] for row in control("images")] == ["deregistered"] * 2


def test_removing_and_copying_may_lag_too(ec2: Any, control: Control) -> None:
    image_id = copy(ec2)
    control("advance", seconds=600)
    parts = [row["SnapshotId"] for row in snapshots(ec2, image_id)]
    for action, resource in (("DeregisterImage", "image"), ("DeleteSnapshot", "snapshot"), ("CopyImage", "image")):
        control("faults", kind="linger", resource=resource, action=action, seconds=100, count=None)
    for _ in range(2):
        ec2.deregister_image(ImageId=image_id)
        for name in parts:
            ec2.delete_snapshot(SnapshotId=name)
    source = {"SourceImageId": image_id, "SourceRegion": "eu-west-1"}
    assert len(snapshots(ec2, copy(ec2, **source))) == len(parts)
    control("advance", seconds=100)
    assert refusal(copy, ec2=ec2, **source)[0] == "InvalidAMIID.Unavailable"
    assert refusal(ec2.deregister_image, ImageId=image_id)[0] == "InvalidAMIID.Unavailable"
    assert refusal(ec2.delete_snapshot, SnapshotId=parts[0]) == UNKNOWN_SNAPSHOT


def test_everything_is_hidden_at_random_again_and_again(ec2: Any, control: Control, client: Client) -> None:
    image_ids = [copy(ec2) for _ in range(5)]
    first = snapshots(ec2, image_ids[0])[0]["SnapshotId"]
    control("faults", kind="hide", resource="any", since="rule", most_seconds=60, count=None, seed=4)
    home, looks = client(), dict[str, list[tuple[float, bool]]]()
    for _ in range(90):
        clock = control("advance", seconds=6)["clock"]
        shown = {row["ImageId"] for row in ec2.describe_images(Owners=["self"])["Images"]}
        shown |= {row["SnapshotId"] for row in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
        shown |= {GOLDEN} if listed(home, GOLDEN) else set()
        for name in (*image_ids, GOLDEN, first):
            looks.setdefault(name, []).append((clock, name in shown))
    for name, seen in looks.items():
        hidden = [[clock for clock, _ in run] for shown, run in groupby(seen, lambda look: look[1]) if not shown]
        assert len(hidden) >= 2, name
        assert max(run[-1] - run[0] for run in hidden) < 62, name
        # In between it is seen for a minute.
        assert min(later[0] - run[-1] for run, later in pairwise(hidden)) > 58, name


def test_half_of_what_is_new_begins_hidden(ec2: Any, control: Control) -> None:
    control("settings", limit=300)
    control("faults", kind="hide", most_seconds=100_000, count=None, seed=4)
    new = [copy(ec2) for _ in range(16)]
    assert 4 <= sum(listed(ec2, image_id) for image_id in new) <= 12


def test_actions_are_blind_at_different_times(ec2: Any, control: Control) -> None:
    image_id = copy(ec2)
    control("advance", seconds=600)
    control("faults", kind="hide", since="rule", most_seconds=60, count=None, seed=1)
    seen = set()
    for _ in range(25):
        seen.add((listed(ec2, image_id), taggable(ec2, image_id)))
        control("advance", seconds=10)
    assert len(seen) >= 3


def taggable(ec2: Any, image_id: str) -> bool:
    try:
        ec2.create_tags(Resources=[image_id], Tags=[{"Key": "a", "Value": "b"}])
    except ec2.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"]) != "InvalidAMIID.NotFound"
    return True


def test_the_same_seed_hides_at_the_same_times(ec2: Any, control: Control) -> None:
    runs = []
    for _ in range(2):
        control("reset", method="POST")
        image_id = copy(ec2)
        start = control()["clock"]
        control("faults", kind="hide", resource="any", since="rule", most_seconds=60, count=None, seed=9)
        seen = []
        for step in range(40):
            control("advance", seconds=max(0, start + 7 * step - control()["clock"]))
            seen.append((listed(ec2, image_id), len(snapshots(ec2, image_id))))
        runs.append(seen)
    # What begins or ends at the very moment of a look may differ.
    assert sum(one != other for one, other in zip(*runs, strict=True)) <= 3
    assert len(set(runs[0])) > 2


def test_what_is_gone_lingers_for_random_times(ec2: Any, control: Control) -> None:
    control("settings", limit=300)
    control("faults", kind="linger", most_seconds=60, count=None, seed=3)
    image_ids = [copy(ec2) for _ in range(12)]
    for image_id in image_ids:
        ec2.deregister_image(ImageId=image_id)
    left = []
    for _ in range(7):
        left.append(sum(listed(ec2, image_id) for image_id in image_ids))
        control("advance", seconds=10)
    assert left == sorted(left, reverse=True)
    assert (left[0] > left[3] > 0, left[6]) == (True, 0)
