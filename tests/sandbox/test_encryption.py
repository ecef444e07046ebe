"""Which key the snapshots of a copy get, and that a bad key shows only afterwards."""

from typing import Any

import pytest

from tests.conftest import Control
from tests.sandbox.calls import copy, image, snapshots
from tests.sandbox.conftest import Client

DEFAULT_KEY_IMAGE = "ami-0d2f6b80c5e1794a3"
GOLDEN_KEY_IMAGE = "ami-0e93a1c7d64f5b082"


def key_arn(client: Client, region: str, alias: str) -> str:
    return str(client("kms", region).describe_key(KeyId=alias)["KeyMetadata"]["Arn"])


@pytest.mark.parametrize(
    ("region", "params", "alias"),
    [
        ("us-west-2", {}, None),
        ("us-west-2", {"Encrypted": False}, None),
        ("us-west-2", {"Encrypted": True}, "alias/aws/ebs"),
        ("us-west-2", {"Encrypted": True, "KmsKeyId": "alias/golden-images"}, "alias/golden-images"),
        ("us-west-2", {"SourceImageId": DEFAULT_KEY_IMAGE}, "alias/aws/ebs"),
        ("us-west-2", {"SourceImageId": GOLDEN_KEY_IMAGE}, "alias/aws/ebs"),
        ("us-east-1", {"SourceImageId": GOLDEN_KEY_IMAGE}, "alias/golden-images"),
        ("eu-central-1", {}, "alias/aws/ebs"),
    ],
)
def test_the_key_of_a_copy(client: Client, region: str, params: dict[str, Any], alias: str | None) -> None:
    ec2 = client("ec2", region)
    image_id = copy(ec2, **params)
    expected = alias and key_arn(client, region, alias)
    assert {row.get("KmsKeyId") for row in snapshots(ec2, image_id)} == {expected}
    assert {row["Ebs"]["Encrypted"] for row in image(ec2, image_id)["BlockDeviceMappings"]} == {alias is not None}


@pytest.mark.parametrize("form", ["id", "alias", "arn", "alias-arn"])
def test_a_key_can_be_named_in_four_ways(client: Client, form: str) -> None:
    arn = key_arn(client, "us-west-2", "alias/golden-images")
    forms = {
        "id": arn.split("/")[-1],
        "alias": "alias/golden-images",
        "arn": arn,
        "alias-arn": "arn:aws:kms:us-west-2:111122223333:alias/golden-images",
    }
    ec2 = client("ec2", "us-west-2")
    image_id = copy(ec2, Encrypted=True, KmsKeyId=forms[form])
    assert {row["KmsKeyId"] for row in snapshots(ec2, image_id)} == {arn}


@pytest.mark.parametrize("bad", ["unknown", "disabled", "other-region"])
def test_a_bad_key_is_accepted_and_fails_later(client: Client, control: Control, bad: str) -> None:
    reference = {
        "unknown": "alias/nothing",
        "disabled": "alias/retired",
        "other-region": key_arn(client, "us-east-1", "alias/golden-images"),
    }[bad]
    ec2 = client("ec2", "us-west-2")
    image_id = copy(ec2, Encrypted=True, KmsKeyId=reference)
    assert image(ec2, image_id)["State"] == "pending"
    control("advance", seconds=600)
    seen = image(ec2, image_id)
    assert seen["State"] == "failed"
    assert "Given key ID is not accessible" in seen["StateReason"]["Message"]
    for row in snapshots(ec2, image_id):
        assert row["State"] == "error"
        assert "Given key ID is not accessible" in row["StateMessage"]
        assert 0 < int(row["Progress"].rstrip("%")) < 100


def test_encryption_by_default_is_on_in_one_region(client: Client) -> None:
    regions = [row["RegionName"] for row in client().describe_regions()["Regions"]]
    on = [
        region for region in regions if client("ec2", region).get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
    ]
    assert on == ["eu-central-1"]
    default = client("ec2", "eu-central-1").get_ebs_default_kms_key_id()["KmsKeyId"]
    assert default == key_arn(client, "eu-central-1", "alias/aws/ebs")
