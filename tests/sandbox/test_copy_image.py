"""CopyImage over the wire: life cycle, token, encryption, tags, destinations, and every refusal."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import Control
from tests.sandbox.calls import GOLDEN, GOLDEN_SNAPSHOTS, copy, image, refusal, snapshots
from tests.sandbox.conftest import Client


def test_a_copy_is_pending_and_then_available(client: Client, control: Control) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2, Name="golden-copy", Description="for Ireland")
    seen = image(ec2, image_id)
    assert (seen["State"], seen["Name"], seen["Description"]) == ("pending", "golden-copy", "for Ireland")
    assert (seen["SourceImageId"], seen["SourceImageRegion"]) == (GOLDEN, "us-east-1")
    assert (seen["OwnerId"], seen["Architecture"]) == ("111122223333", "x86_64")
    control("advance", seconds=600)
    assert image(ec2, image_id)["State"] == "available"


def test_its_snapshots_show_progress_that_never_goes_back(client: Client, control: Control) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    mapped = [row["Ebs"]["SnapshotId"] for row in image(ec2, image_id)["BlockDeviceMappings"]]
    last = [0, 0]
    for _ in range(5):
        rows = snapshots(ec2, image_id)
        assert [row["SnapshotId"] for row in rows] == mapped
        now = [int(row["Progress"].rstrip("%")) for row in rows]
        assert all(new >= old for new, old in zip(now, last, strict=True))
        assert all((row["State"] == "completed") == (row["Progress"] == "100%") for row in rows)
        last = now
        control("advance", seconds=6)
    assert last == [100, 100]
    assert {(row["VolumeId"], row["OwnerId"]) for row in rows} == {("vol-ffffffff", "111122223333")}
    assert sorted(row["VolumeSize"] for row in rows) == [12, 40]
    assert image(ec2, image_id)["State"] == "available"


def test_an_ephemeral_volume_gets_no_snapshot(client: Client) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2, SourceImageId="ami-016d7b4f8e2c093a5")
    mappings = image(ec2, image_id)["BlockDeviceMappings"]
    assert mappings[0] == {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}
    assert len(snapshots(ec2, image_id)) == 1


def test_sparse_copies_hide_name_and_snapshots_until_the_end(client: Client, control: Control) -> None:
    control("settings", sparse=True)
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    seen = image(ec2, image_id)
    assert "Name" not in seen
    assert all("SnapshotId" not in row["Ebs"] for row in seen["BlockDeviceMappings"])
    assert len(snapshots(ec2, image_id)) == GOLDEN_SNAPSHOTS
    control("advance", seconds=600)
    assert image(ec2, image_id)["Name"] == "copy"


def test_the_same_token_gives_the_same_image(client: Client, control: Control) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2, ClientToken="token-1")
    assert copy(ec2, ClientToken="token-1") == image_id
    assert copy(client("ec2", "us-west-2"), ClientToken="token-1") != image_id
    assert refusal(copy, ec2=ec2, ClientToken="token-1", Name="other") == ("IdempotentParameterMismatch", 400)
    assert len(control("images")) == 2


def test_forty_calls_at_once_with_one_token_make_one_image(client: Client, control: Control) -> None:
    ec2 = client("ec2", "eu-west-1")
    with ThreadPoolExecutor(40) as pool:
        ids = list(pool.map(lambda _: copy(ec2, ClientToken="only-one"), range(40)))
    assert len(set(ids)) == 1
    assert [row["ClientToken"] for row in control("images")] == ["only-one"]


def test_only_so_many_copies_run_at_once(client: Client, control: Control) -> None:
    ec2 = client("ec2", "eu-west-1")
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda _: attempt(ec2), range(20)))
    assert results.count("accepted") == 5
    assert results.count("ResourceLimitExceeded") == 15
    copy(client("ec2", "us-west-2"))
    control("advance", seconds=600)
    copy(ec2)
    control("settings", limit=300)
    for _ in range(6):
        copy(ec2)


def attempt(ec2: Any) -> str:
    try:
        copy(ec2)
    except ec2.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    return "accepted"


def test_a_dry_run_changes_nothing(client: Client, control: Control) -> None:
    ec2 = client("ec2", "eu-west-1")
    assert refusal(copy, ec2=ec2, DryRun=True) == ("DryRunOperation", 412)
    assert refusal(copy, ec2=ec2, DryRun=True, SourceImageId="ami-00000000000000000")[0] == "InvalidAMIID.NotFound"
    assert control("images") == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"Name": "a" * 129}, "InvalidAMIName.Malformed"),
        ({"Name": "no#hash"}, "InvalidAMIName.Malformed"),
        ({"Description": "x" * 256}, "InvalidParameterValue"),
        ({"ClientToken": "x" * 65}, "InvalidParameterValue"),
        ({"KmsKeyId": "alias/golden-images"}, "InvalidParameterCombination"),
        ({"SourceImageId": "ami-xyz"}, "InvalidAMIID.Malformed"),
        ({"SourceImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"SourceRegion": "us-west-2"}, "InvalidAMIID.NotFound"),
        ({"SourceRegion": "mars-north-1"}, "InvalidRegion"),
        ({"SourceRegion": "af-south-1"}, "InvalidRegion"),
        ({"SourceImageId": "ami-0d2f6b80c5e1794a3", "Encrypted": False}, "InvalidRequest"),
        ({"SourceImageId": "ami-0490c7d3f5e2b68a1"}, "InvalidRequest"),
        ({"SourceImageId": "ami-05a1d8e406f3c79b2", "SourceRegion": "us-west-2"}, "InvalidRequest"),
        ({"SourceImageId": "ami-07c3fa0628b5e91d4"}, "InvalidAMIID.NotFound"),
        ({"SnapshotCopyCompletionDurationMinutes": 20}, "InvalidParameterValue"),
        ({"SnapshotCopyCompletionDurationMinutes": 2895}, "InvalidParameterValue"),
        (
            {"DestinationOutpostArn": "arn:x", "DestinationAvailabilityZone": "y"},
            "InvalidParameterCombination",
        ),
        ({"DestinationAvailabilityZone": "us-east-1-bos-1a"}, "InvalidParameterValue"),
        ({"TagSpecifications": [{"ResourceType": "vpc", "Tags": []}]}, "InvalidParameterValue"),
        ({"TagSpecifications": [{"ResourceType": "image"}] * 2}, "InvalidParameterValue"),
        (
            {"TagSpecifications": [{"ResourceType": "image", "Tags": [{"Key": "aws:x", "Value": "1"}]}]},
            "InvalidParameterValue",
        ),
        (
            {"TagSpecifications": [{"ResourceType": "image", "Tags": [{"Key": "x", "Value": "1"}] * 2}]},
            "InvalidParameterValue",
        ),
        (
            {
                "CopyImageTags": True,
                "TagSpecifications": [
                    {"ResourceType": "image", "Tags": [{"Key": str(n), "Value": ""} for n in range(48)]}
                ],
            },
            "TagLimitExceeded",
        ),
    ],
)
def test_what_is_wrong_is_refused(client: Client, control: Control, params: dict[str, Any], code: str) -> None:
    assert refusal(copy, ec2=client("ec2", "eu-west-1"), **params) == (code, 400)
    assert control("images") == []


def test_a_source_that_is_pending_or_gone_is_unavailable(client: Client, control: Control) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    again = {"ec2": ec2, "SourceImageId": image_id, "SourceRegion": "eu-west-1"}
    assert refusal(copy, **again)[0] == "InvalidAMIID.Unavailable"
    control("advance", seconds=600)
    copy_of_copy = copy(**again)
    assert len(snapshots(ec2, copy_of_copy)) == GOLDEN_SNAPSHOTS
    ec2.deregister_image(ImageId=image_id)
    assert refusal(copy, **again)[0] == "InvalidAMIID.Unavailable"


def test_an_image_registered_in_the_sandbox_can_be_copied(client: Client) -> None:
    ec2 = client()
    image_id = ec2.register_image(Name="registered", RootDeviceName="/dev/xvda")["ImageId"]
    assert image(ec2, image_id)["State"] == "available"
    assert len(snapshots(ec2, copy(ec2, SourceImageId=image_id))) == 1


def test_a_shared_image_is_copied_with_its_shared_tags_only(client: Client) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2, SourceImageId="ami-027e9a5d1f3b8c460", CopyImageTags=True)
    seen = image(ec2, image_id)
    assert seen["OwnerId"] == "111122223333"
    assert seen["Tags"] == [{"Key": "ec2:SharedTag/support", "Value": "2028-12"}]
    mine = ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": ["copy"]}])["Images"]
    assert [row["ImageId"] for row in mine] == [image_id]


def test_tags_go_to_image_and_snapshots(client: Client) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(
        ec2,
        CopyImageTags=True,
        TagSpecifications=[
            {"ResourceType": "image", "Tags": [{"Key": "team", "Value": "web"}]},
            {"ResourceType": "snapshot", "Tags": [{"Key": "managed-by", "Value": "amicopy"}]},
        ],
    )
    tags = {row["Key"]: row["Value"] for row in image(ec2, image_id)["Tags"]}
    assert tags == {"os": "al2023", "team": "web", "build": "2026.11.18"}
    assert [row["Tags"] for row in snapshots(ec2, image_id)] == [[{"Key": "managed-by", "Value": "amicopy"}]] * 2
    by_tag = ec2.describe_images(Owners=["self"], Filters=[{"Name": "tag:team", "Values": ["w*b"]}])["Images"]
    assert [row["ImageId"] for row in by_tag] == [image_id]


def test_an_outpost_and_a_local_zone_are_destinations(client: Client) -> None:
    ec2 = client()
    outpost = client("outposts").list_outposts()["Outposts"][0]["OutpostArn"]
    on_outpost = copy(ec2, DestinationOutpostArn=outpost)
    assert all(row["Encrypted"] for row in snapshots(ec2, on_outpost))
    copy(ec2, DestinationAvailabilityZone="us-east-1-bos-1a")
    copy(ec2, DestinationAvailabilityZoneId="use1-bos1-az1")
    timed = {"SnapshotCopyCompletionDurationMinutes": 30}
    in_time = copy(ec2, **timed)
    assert [row["CompletionDurationMinutes"] for row in snapshots(ec2, in_time)] == [30, 30]
    assert refusal(copy, ec2=ec2, DestinationOutpostArn=outpost, **timed)[0] == "InvalidParameterCombination"
    perth = {"DestinationAvailabilityZone": "ap-southeast-2-per-1a"}
    assert refusal(copy, ec2=client("ec2", "ap-southeast-2"), **perth)[0] == "InvalidParameterValue"
