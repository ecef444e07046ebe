"""The log of answers, what is listed of everything ever made, and what is changed from outside."""

from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from tests.conftest import Control
from tests.sandbox.calls import GOLDEN, copy, image, refusal, snapshots
from tests.sandbox.conftest import Client

OWN = "111122223333"


def test_every_answer_is_found_by_its_request_id(ec2: Any, control: Control) -> None:
    image_id = copy(ec2, ClientToken="one")
    answer = ec2.describe_images(ImageIds=[image_id])
    with pytest.raises(ClientError) as caught:
        ec2.deregister_image(ImageId="ami-0123456789abcdef0")
    copied, looked, refused = control("answers")
    assert [row["number"] for row in (copied, looked, refused)] == [1, 2, 3]
    place = {"service": "ec2", "account": OWN, "region": "eu-west-1", "answer": "aws"}
    done = {"carried_out": True, "code": "", "message": "", "status": 200}
    assert copied.items() >= {**place, **done, "action": "CopyImage", "token": "one"}.items()
    assert (copied["ids"], copied["shown"]) == ([GOLDEN], {image_id: "pending"})
    assert looked.items() >= {**place, **done, "action": "DescribeImages"}.items()
    assert (looked["ids"], looked["shown"]) == ([image_id], {image_id: "pending"})
    assert looked["request_id"] == answer["ResponseMetadata"]["RequestId"]
    error = caught.value.response
    assert refused.items() >= {**place, "carried_out": False, "status": 400, "shown": {}}.items()
    assert (refused["code"], refused["message"]) == (error["Error"]["Code"], error["Error"]["Message"])
    assert control(f"answers?request_id={error['ResponseMetadata']['RequestId']}") == [refused]


def test_answers_are_read_on_and_narrowed(ec2: Any, control: Control, client: Client) -> None:
    copy(ec2)
    client("sts").get_caller_identity()
    last = control("answers")[-1]["number"]
    assert [row["service"] for row in control("answers?service=sts")] == ["sts"]
    copy(client("ec2", "us-west-2"))
    assert [row["region"] for row in control(f"answers?after={last}")] == ["us-west-2"]
    assert [row["region"] for row in control("answers?action=CopyImage&region=eu-west-1")] == ["eu-west-1"]


@pytest.mark.parametrize("service", ["kms", "sts"])
def test_errors_of_other_services_are_logged(client: Client, control: Control, service: str) -> None:
    control("faults", kind="expired", service=service)
    call = {"kms": "list_aliases", "sts": "get_caller_identity"}[service]
    code, status = refusal(getattr(client(service), call))
    [row] = control("answers")
    assert (row["code"], row["status"], row["carried_out"]) == (code, status, False)
    assert row["message"] == "Request has expired."


def test_whom_a_call_would_let_in_is_logged_in_both_forms(ec2: Any, control: Control) -> None:
    control("settings", copy_seconds=0)
    image_id, other, third = copy(ec2), "222233334444", "333344445555"
    unit = "arn:aws:organizations::222233334444:ou/o-a1b2c3d4e5/ou-a1b2-c3d4e5f6"
    snapshot_id = snapshots(ec2, image_id)[0]["SnapshotId"]
    of_image, of_snapshot = {"ImageId": image_id}, {"SnapshotId": snapshot_id, "Attribute": "createVolumePermission"}
    add = [{"UserId": other}, {"OrganizationalUnitArn": unit}]
    ec2.modify_image_attribute(**of_image, LaunchPermission={"Add": add, "Remove": [{"UserId": third}]})
    ec2.modify_image_attribute(**of_image, OperationType="add", UserIds=[third], OrganizationalUnitArns=[unit])
    ec2.modify_image_attribute(**of_image, OperationType="remove", UserIds=[third])
    control("faults", kind="throttle", action="ModifySnapshotAttribute", skip=1)
    again = {**of_snapshot, "OperationType": "add", "UserIds": [other]}
    ec2.modify_snapshot_attribute(**again)
    assert refusal(ec2.modify_snapshot_attribute, **again)[0] == "RequestLimitExceeded"
    modified = [row for row in control("answers") if row["action"].startswith("Modify")]
    assert [sorted(row["gives"]) for row in modified] == [
        [other, unit],
        [third, unit],
        [],
        [other],
        [other],
    ]
    assert [row["carried_out"] for row in modified] == [True, True, True, True, False]
    assert {tuple(row["gives"]) for row in control("answers") if row not in modified} == {()}


def test_what_nobody_heard_of_is_told_from_what_was_not_done(ec2: Any, control: Control) -> None:
    for kind in ("drop", "drop-after"):
        control("faults", kind=kind, action="CopyImage")
        with pytest.raises((ConnectionClosedError, HTTPClientError)):
            copy(ec2)
    for kind in ("answer", "answer-after"):
        control("faults", kind=kind, action="CopyImage", status=403)
        with pytest.raises(ClientError):
            copy(ec2)
    rows = control("answers")
    assert [(row["answer"], row["status"], row["carried_out"]) for row in rows] == [
        ("none", 0, False),
        ("none", 0, True),
        ("html", 403, False),
        ("html", 403, True),
    ]
    made = [row["ImageId"] for row in control("images")]
    assert [list(row["shown"]) for row in rows] == [[], [made[0]], [], [made[1]]]


def test_an_action_that_failed_behind_a_proxys_page_is_not_carried_out(ec2: Any, control: Control) -> None:
    control("faults", kind="answer-after", action="CopyImage", status=200)
    copy_params = {"Name": "copy", "SourceImageId": "ami-0123456789abcdef0", "SourceRegion": "us-east-1"}
    assert "ImageId" not in ec2.copy_image(**copy_params)
    [row] = control("answers")
    assert (row["carried_out"], row["code"], row["answer"]) == (False, "InvalidAMIID.NotFound", "html")


def test_removal_is_logged_with_what_became_of_snapshots(ec2: Any, control: Control) -> None:
    image_id = copy(ec2)
    control("advance", seconds=600)
    ids = [row["SnapshotId"] for row in snapshots(ec2, image_id)]
    ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
    [row] = control("answers?action=DeregisterImage")
    assert (row["ids"], row["shown"]) == ([image_id], dict.fromkeys(ids, "success"))


def test_everything_ever_made_is_listed(ec2: Any, control: Control) -> None:
    tags = [{"ResourceType": kind, "Tags": [{"Key": "mark", "Value": kind}]} for kind in ("image", "snapshot")]
    image_id = copy(ec2, ClientToken="one", TagSpecifications=tags)
    first, second = (row["SnapshotId"] for row in snapshots(ec2, image_id))
    ec2.create_tags(Resources=[image_id, first], Tags=[{"Key": "late", "Value": "1"}])
    before = control()["clock"]
    ec2.deregister_image(ImageId=image_id)
    ec2.delete_snapshot(SnapshotId=first)
    [row] = control("images")
    assert (row["ImageId"], row["State"], row["ClientToken"]) == (image_id, "deregistered", "one")
    assert (row["SourceImageId"], row["SourceRegion"]) == (GOLDEN, "us-east-1")
    assert row["Tags"] == {"mark": "image", "late": "1"}
    assert row["Started"] <= before <= row["Removed"]
    assert [(part["SnapshotId"], part["Tags"]) for part in row["Snapshots"]] == [(second, {"mark": "snapshot"})]
    [gone] = row["DeletedSnapshots"]
    assert (gone["SnapshotId"], gone["Tags"]) == (first, {"mark": "snapshot", "late": "1"})


def test_forgotten_tokens_make_another_image(ec2: Any, control: Control, client: Client) -> None:
    elsewhere = client("ec2", "us-west-2")
    first, other = copy(ec2, ClientToken="one"), copy(elsewhere, ClientToken="one")
    assert control("forget-tokens", method="POST") == {"forgotten": 2}
    assert copy(ec2, ClientToken="one", Name="changed") != first
    assert copy(elsewhere, ClientToken="one") != other
    assert len(control("images")) == 4


def test_a_source_can_be_disabled_and_its_snapshots_archived(ec2: Any, control: Control, client: Client) -> None:
    home = client()
    place = {"Account": OWN, "Region": "us-east-1"}
    snapshot_id = image(home, GOLDEN)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    control("resource", ResourceId=snapshot_id, StorageTier="archive", **place)
    assert home.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]["StorageTier"] == "archive"
    assert refusal(copy, ec2=ec2) == ("IncorrectState", 400)
    control("resource", ResourceId=snapshot_id, StorageTier="standard", **place)
    copy(ec2)
    assert control("resource", ResourceId=GOLDEN, State="disabled", **place) == {"State": "disabled"}
    assert image(home, GOLDEN)["State"] == "disabled"
    assert GOLDEN not in {row["ImageId"] for row in home.describe_images(Owners=["self"])["Images"]}
    assert refusal(copy, ec2=ec2)[0] == "InvalidAMIID.Unavailable"
    control("resource", ResourceId=GOLDEN, State="", **place)
    copy(ec2)


@pytest.mark.parametrize("state", ["transient", "invalid", "error", "deregistered", "news-to-everybody"])
def test_an_image_can_be_given_any_state(ec2: Any, control: Control, state: str) -> None:
    image_id = copy(ec2)
    control("resource", ResourceId=image_id, Account=OWN, Region="eu-west-1", State=state)
    assert image(ec2, image_id)["State"] == state


@pytest.mark.parametrize(
    "change",
    [{"ResourceId": "ami-0123456789abcdef0"}, {"StorageTier": "archive"}, {"Size": 1}, {"Region": "eu-west-1"}],
)
def test_a_change_that_makes_no_sense_is_refused(control: Control, change: dict[str, Any]) -> None:
    with pytest.raises(HTTPError) as caught:
        control("resource", **{"ResourceId": GOLDEN, "Account": OWN, "Region": "us-east-1", **change})
    assert caught.value.code == 400
    caught.value.close()
