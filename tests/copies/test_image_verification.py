"""A finished image against what was approved: each property that can differ is seen when it does."""

from dataclasses import replace
from typing import Any

import pytest

from amicopy.aws.shapes import Image, Snapshot, Volume, image_of, snapshot_of
from amicopy.copies.engine.image_verification import compare

KEY = "arn:aws:kms:eu-west-1:111122223333:key/one"
TAGS = {"team": "platform"}
SPECIFICATIONS = [
    {"ResourceType": kind, "Tags": [{"Key": "team", "Value": "platform"}]} for kind in ("image", "snapshot")
]
PARAMETERS = {
    "Name": "golden",
    "Description": "for tests",
    "SourceImageId": "ami-1",
    "SourceRegion": "us-east-1",
    "Encrypted": True,
    "KmsKeyId": "alias/one",
    "CopyImageTags": True,
    "TagSpecifications": SPECIFICATIONS,
}
SOURCE: dict[str, Any] = {
    "OwnerId": "111122223333",
    "volumes": [{"DeviceName": "/dev/xvda", "VolumeSize": 8, "Encrypted": False}],
    "tags": {"os": "al2023", "aws:backup": "x"},
}
VOLUME = Volume("/dev/xvda", "snap-1", 8, "gp3", True, KEY)
IMAGE = replace(
    image_of({"ImageId": "ami-2", "Name": "golden", "Description": "for tests", "OwnerId": "111122223333"}),
    SourceImageId="ami-1",
    volumes=(VOLUME,),
    tags={**TAGS, "os": "al2023", "added": "by somebody"},
)
SNAPSHOT = replace(snapshot_of({"SnapshotId": "snap-1", "Encrypted": True, "KmsKeyId": KEY}), tags=TAGS)


def differing(image: Image = IMAGE, snapshot: Snapshot = SNAPSHOT, **changes: Any) -> list[str]:
    rows = compare({**PARAMETERS, **changes}, image, [snapshot], source=SOURCE, key_arn=KEY)
    return [row["property"] for row in rows if not row["ok"]]


def test_what_is_as_approved_passes_and_says_what_was_compared() -> None:
    rows = compare(PARAMETERS, IMAGE, [SNAPSHOT], source=SOURCE, key_arn=KEY)
    assert [row["property"] for row in rows] == [
        "Name",
        "SourceImageId",
        "Description",
        "Volumes",
        "Encrypted",
        "KmsKeyId",
        "Tags of the image",
        "Tags of the snapshots",
    ]
    assert all(row["ok"] for row in rows)


@pytest.mark.parametrize(
    ("image", "snapshot", "name"),
    [
        ({"Name": "other"}, {}, "Name"),
        ({"SourceImageId": "ami-9"}, {}, "SourceImageId"),
        ({"Description": ""}, {}, "Description"),
        ({"volumes": ()}, {}, "Volumes"),
        ({"volumes": (replace(VOLUME, VolumeSize=9),)}, {}, "Volumes"),
        ({}, {"Encrypted": False}, "Encrypted"),
        ({}, {"KmsKeyId": "arn:aws:kms:eu-west-1:111122223333:key/other"}, "KmsKeyId"),
        ({"tags": TAGS}, {}, "Tags of the image"),
        ({"tags": {"os": "al2023", "team": "other"}}, {}, "Tags of the image"),
        ({}, {"tags": {}}, "Tags of the snapshots"),
    ],
)
def test_what_differs_is_named(image: dict[str, Any], snapshot: dict[str, Any], name: str) -> None:
    assert differing(replace(IMAGE, **image), replace(SNAPSHOT, **snapshot)) == [name]


def test_a_copy_of_an_encrypted_source_must_be_encrypted_though_nobody_asked() -> None:
    source = {**SOURCE, "volumes": [{**SOURCE["volumes"][0], "Encrypted": True}]}
    parameters = {name: PARAMETERS[name] for name in ("Name", "SourceImageId", "SourceRegion")}
    rows = compare(parameters, IMAGE, [replace(SNAPSHOT, Encrypted=False)], source=source)
    assert [row["property"] for row in rows if not row["ok"]] == ["Encrypted"]


def test_a_copy_to_an_outpost_must_be_encrypted_though_nobody_asked() -> None:
    parameters = {name: PARAMETERS[name] for name in ("Name", "SourceImageId", "SourceRegion")}
    for where, wrong in (
        ({"DestinationOutpostArn": "arn:aws:outposts:eu-west-1:1:outpost/op-1"}, ["Encrypted"]),
        ({}, []),
    ):
        rows = compare({**parameters, **where}, IMAGE, [replace(SNAPSHOT, Encrypted=False)], source=SOURCE)
        assert [row["property"] for row in rows if not row["ok"]] == wrong


def test_tags_of_another_accounts_source_are_not_expected() -> None:
    rows = compare(PARAMETERS, replace(IMAGE, tags=TAGS), [SNAPSHOT], source={**SOURCE, "OwnerId": "9"}, key_arn=KEY)
    assert all(row["ok"] for row in rows)
