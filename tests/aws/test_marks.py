"""Images and snapshots found by a tag: exactly those, and with all their tags."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from amicopy.aws import ec2
from amicopy.aws.account import AwsAccount
from amicopy.aws.marks import images_marked, snapshots_marked
from tests.aws.answering import Answering, http
from tests.conftest import Control

OWN = AwsAccount("111122223333")
REGION, KEY = "eu-west-1", "amicopy:copy"
FINDERS = pytest.mark.parametrize("find", [images_marked, snapshots_marked])
Find = Callable[..., list[Any]]


def made(mark: str) -> str:
    """The id of a copy with this mark on image and snapshots."""
    tags = [{"Key": KEY, "Value": mark}, {"Key": "team", "Value": "platform"}]
    call = {
        "Name": "golden",
        "SourceImageId": "ami-0a7f3c92d41be6058",
        "SourceRegion": "us-east-1",
        "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")],
    }
    return ec2.copy_image(OWN, region=REGION, parameters=call, client_token=mark).image_id


def test_a_mark_finds_its_image_and_snapshots_and_no_others(sandbox: Control) -> None:
    mine, other = made("prod/17"), made("prod/171")
    [image] = images_marked(OWN, region=REGION, key=KEY, value="prod/17")
    assert image.ImageId == mine
    assert image.tags == {KEY: "prod/17", "team": "platform"}
    snapshots = snapshots_marked(OWN, region=REGION, key=KEY, value="prod/17")
    assert {row.SnapshotId for row in snapshots} == {
        row.SnapshotId for row in ec2.snapshots_of_copies(OWN, region=REGION, image_ids=[mine])[mine]
    }
    assert {tuple(row.tags.items()) for row in snapshots} == {((KEY, "prod/17"), ("team", "platform"))}
    both = images_marked(OWN, region=REGION, key=KEY, value=["prod/17", "prod/171", "prod/9"])
    assert {image.ImageId for image in both} == {mine, other}
    assert images_marked(OWN, region="us-west-2", key=KEY, value="prod/17") == []
    assert images_marked(OWN, region=REGION, key="another", value="prod/17") == []


@FINDERS
@pytest.mark.parametrize("pattern", ["prod/*", "prod/1?", "*", "\\*"])
def test_wildcards_in_a_mark_are_letters(sandbox: Control, find: Find, pattern: str) -> None:
    made("prod/17")
    assert find(OWN, region=REGION, key=KEY, value=pattern) == []
    made(pattern)
    assert {found.tags[KEY] for found in find(OWN, region=REGION, key=KEY, value=pattern)} == {pattern}


@FINDERS
def test_a_beginning_finds_all_of_an_installation(sandbox: Control, find: Find) -> None:
    for mark in ("prod/17", "prod/18", "prod-2/1", "a*/1"):
        made(mark)
    found = find(OWN, region=REGION, key=KEY, value="prod/", beginning=True)
    assert {each.tags[KEY] for each in found} == {"prod/17", "prod/18"}
    found = find(OWN, region=REGION, key=KEY, value="a*/", beginning=True)
    assert {each.tags[KEY] for each in found} == {"a*/1"}


@FINDERS
def test_many_marks_take_a_call_for_200(answering: Answering, find: Find) -> None:
    answering.answer = lambda headers, body: http(200, "<X><requestId>r</requestId></X>")
    assert find(OWN, region=REGION, key=KEY, value=[f"prod/{number}" for number in range(401)]) == []
    asked = [parse_qs(body.decode()) for _, body in answering.asked]
    values = [sum(name.startswith("Filter.1.Value.") for name in query) for query in asked]
    assert values == [200, 200, 1]
    assert {query["Filter.1.Name"][0] for query in asked} == {f"tag:{KEY}"}
    answering.asked.clear()
    assert find(OWN, region=REGION, key=KEY, value=[]) == []
    assert answering.asked == []


def test_only_own_images_are_looked_for_and_disabled_ones_too(answering: Answering) -> None:
    answering.answer = lambda headers, body: http(200, "<X><requestId>r</requestId></X>")
    images_marked(OWN, region=REGION, key=KEY, value="prod/17")
    snapshots_marked(OWN, region=REGION, key=KEY, value="prod/17")
    images, snapshots = [parse_qs(body.decode()) for _, body in answering.asked]
    assert (images["Owner.1"], images["IncludeDisabled"]) == (["self"], ["true"])
    assert snapshots["Owner.1"] == ["self"]
