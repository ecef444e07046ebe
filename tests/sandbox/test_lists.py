"""What can be looked up: images, snapshots, pages, filters, Regions, zones, Outposts, keys."""

import pytest

from tests.conftest import Control
from tests.sandbox.calls import GOLDEN, copy, refusal, snapshots
from tests.sandbox.conftest import Client


def test_the_catalogue_shows_own_shared_and_public_images(client: Client) -> None:
    images = client().describe_images()["Images"]
    assert len(images) == 10
    by_id = {row["ImageId"]: row for row in images}
    assert by_id[GOLDEN]["Name"] == "golden-al2023-x86_64-2026.11.18"
    assert [row["Ebs"]["VolumeSize"] for row in by_id[GOLDEN]["BlockDeviceMappings"]] == [12, 40]
    assert {row["OwnerId"] for row in images} == {"111122223333", "777788889999"}
    assert "ami-07c3fa0628b5e91d4" not in by_id
    own = client().describe_images(Owners=["self"])["Images"]
    assert {row["OwnerId"] for row in own} == {"111122223333"}


def test_images_come_in_pages(client: Client) -> None:
    pages = list(client().get_paginator("describe_images").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Images"]) for page in pages] == [3, 3, 3, 1]
    assert len({row["ImageId"] for page in pages for row in page["Images"]}) == 10
    assert refusal(client().describe_images, NextToken="???", MaxResults=5)[0] == "InvalidNextToken"


def test_snapshots_come_in_pages(client: Client) -> None:
    paginator = client().get_paginator("describe_snapshots")
    pages = list(paginator.paginate(OwnerIds=["self"], PaginationConfig={"PageSize": 5}))
    rows = [row["SnapshotId"] for page in pages for row in page["Snapshots"]]
    assert len(rows) == len(set(rows)) == 11
    assert len(pages) == 3


def test_filters(client: Client) -> None:
    ec2 = client()
    cases = {
        ("image-id", GOLDEN): 1,
        ("image-id", "ami-0123456789abcdef0"): 0,
        ("image-id", "ami-0*"): 10,
        ("name", "golden-*"): 3,
        ("name", r"golden-\*"): 0,
        ("architecture", "arm64"): 1,
        ("is-public", "true"): 2,
        ("tag:team", "platform"): 3,
        ("tag-key", "pci"): 1,
        ("state", "pending"): 0,
        ("source-image-id", GOLDEN): 0,
    }
    found = {
        case: len(ec2.describe_images(Filters=[{"Name": case[0], "Values": [case[1]]}])["Images"]) for case in cases
    }
    assert found == cases
    odd = {"Filters": [{"Name": "shoe-size", "Values": ["1"]}]}
    assert refusal(ec2.describe_images, **odd) == ("InvalidParameterValue", 400)
    assert refusal(ec2.describe_snapshots, **odd) == ("InvalidParameterValue", 400)
    many = {"Filters": [{"Name": "image-id", "Values": [GOLDEN] * 201}]}
    assert refusal(ec2.describe_images, **many)[0] == "FilterLimitExceeded"


def test_a_copy_is_found_by_its_source(client: Client) -> None:
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    filters = [
        {"Name": "source-image-id", "Values": [GOLDEN]},
        {"Name": "source-image-region", "Values": ["us-east-1"]},
    ]
    assert [row["ImageId"] for row in ec2.describe_images(Filters=filters)["Images"]] == [image_id]
    ids = [row["SnapshotId"] for row in snapshots(ec2, image_id)]
    by_id = ec2.describe_snapshots(Filters=[{"Name": "snapshot-id", "Values": ids}])["Snapshots"]
    assert [row["SnapshotId"] for row in by_id] == ids
    assert len(ec2.describe_snapshots(SnapshotIds=ids)["Snapshots"]) == 2


def test_unknown_ids_are_refused(client: Client) -> None:
    ec2 = client()
    assert refusal(ec2.describe_images, ImageIds=["ami-0123456789abcdef0"]) == ("InvalidAMIID.NotFound", 400)
    assert refusal(ec2.describe_images, ImageIds=["img-1"]) == ("InvalidAMIID.Malformed", 400)
    assert refusal(client("ec2", "eu-west-1").describe_images, ImageIds=[GOLDEN])[0] == "InvalidAMIID.NotFound"
    unknown = {"SnapshotIds": ["snap-0123456789abcdef0"]}
    assert refusal(ec2.describe_snapshots, **unknown) == ("InvalidSnapshot.NotFound", 400)


def test_a_disabled_image_is_hidden_and_cannot_be_copied(client: Client) -> None:
    ec2 = client()
    ec2.disable_image(ImageId=GOLDEN)
    assert GOLDEN not in {row["ImageId"] for row in ec2.describe_images()["Images"]}
    assert GOLDEN in {row["ImageId"] for row in ec2.describe_images(IncludeDisabled=True)["Images"]}
    assert refusal(copy, ec2=ec2)[0] == "InvalidAMIID.Unavailable"
    ec2.enable_image(ImageId=GOLDEN)
    copy(ec2)


def test_a_deprecated_image_stays_visible_to_its_owner(client: Client) -> None:
    old = next(row for row in client().describe_images(Owners=["self"])["Images"] if "DeprecationTime" in row)
    assert old["ImageId"] == "ami-0f15c8e2a9b7364d0"


def test_regions(client: Client) -> None:
    ec2 = client()
    enabled = {row["RegionName"] for row in ec2.describe_regions()["Regions"]}
    assert enabled >= {"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1"}
    assert "af-south-1" not in enabled
    everything = {row["RegionName"]: row["OptInStatus"] for row in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert everything["af-south-1"] == "not-opted-in"
    assert len(ec2.describe_regions(RegionNames=["eu-west-1"])["Regions"]) == 1
    assert refusal(ec2.describe_regions, RegionNames=["mars-north-1"])[0] == "InvalidParameterValue"


def test_zones(client: Client) -> None:
    only_local = {"Filters": [{"Name": "zone-type", "Values": ["local-zone"]}]}
    zones = client().describe_availability_zones(**only_local)["AvailabilityZones"]
    assert [(row["ZoneName"], row["OptInStatus"]) for row in zones] == [("us-east-1-bos-1a", "opted-in")]
    sydney = client("ec2", "ap-southeast-2")
    assert sydney.describe_availability_zones(**only_local)["AvailabilityZones"] == []
    zones = sydney.describe_availability_zones(AllAvailabilityZones=True, **only_local)["AvailabilityZones"]
    assert [(row["ZoneName"], row["OptInStatus"]) for row in zones] == [("ap-southeast-2-per-1a", "not-opted-in")]


def test_outposts_belong_to_one_account_and_region(client: Client) -> None:
    outposts = client("outposts").list_outposts()["Outposts"]
    assert [row["OutpostId"] for row in outposts] == ["op-0a1b2c3d4e5f67890"]
    assert client("outposts", "eu-west-1").list_outposts()["Outposts"] == []


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_keys(client: Client, region: str) -> None:
    kms = client("kms", region)
    aliases = {row["AliasName"]: row["TargetKeyId"] for row in kms.list_aliases()["Aliases"]}
    assert aliases.keys() >= {"alias/aws/ebs", "alias/golden-images", "alias/retired"}
    states = {name: kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] for name in list(aliases)[:3]}
    assert states == {
        "alias/aws/ebs": "Enabled",
        "alias/golden-images": "Enabled",
        "alias/retired": "Disabled",
    }


def test_an_action_moto_does_not_have_is_a_clean_error(client: Client, control: Control) -> None:
    assert refusal(client().describe_id_format) == ("InvalidAction", 400)
    assert control()["calls"]["ec2"]["us-east-1"]["DescribeIdFormat"] == 1


def test_what_moto_lacks_is_a_clean_error_in_every_service(client: Client) -> None:
    assert refusal(client("kms").update_primary_region, KeyId="x", PrimaryRegion="eu-west-1")[0] == "InvalidAction"
    odd = {"Filters": [{"Name": "shoe-size", "Values": ["1"]}]}
    assert refusal(client().describe_vpcs, **odd) == ("InvalidParameterValue", 400)
