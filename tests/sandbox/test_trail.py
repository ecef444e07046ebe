"""CloudTrail's event history with plain boto3: who called what, once it is told, page by page."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Control
from tests.sandbox.calls import GOLDEN, refusal
from tests.sandbox.conftest import Client

ME = "arn:aws:iam::111122223333:user/amicopy"
ROLE = "arn:aws:iam::444455556666:role/amicopy"


@pytest.fixture
def trail(client: Client, control: Control) -> Any:
    control("settings", trail_seconds=0)
    return client("cloudtrail", "eu-west-1")


def about(value: str, key: str = "ResourceName") -> dict[str, Any]:
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


def names(trail: Any, **asked: Any) -> list[str]:
    return [event["EventName"] for event in trail.lookup_events(**asked)["Events"]]


def test_an_event_says_who_called_what_of_an_image_the_newest_first(trail: Any, ec2: Any, done: str) -> None:
    ec2.modify_image_attribute(ImageId=done, LaunchPermission={"Add": [{"UserId": "222233334444"}]})
    ec2.create_tags(Resources=[done], Tags=[{"Key": "a", "Value": "b"}])
    ec2.delete_tags(Resources=[done], Tags=[{"Key": "a"}])
    ec2.deregister_image(ImageId=done)
    made = ["CopyImage", "ModifyImageAttribute", "CreateTags", "DeleteTags", "DeregisterImage"]
    assert names(trail, **about(done)) == made[::-1]
    shared = trail.lookup_events(**about("ModifyImageAttribute", "EventName"))["Events"][0]
    assert (shared["Username"], shared["EventSource"], shared["ReadOnly"]) == ("amicopy", "ec2.amazonaws.com", "false")
    assert shared["Resources"] == [{"ResourceType": "AWS::EC2::Ami", "ResourceName": done}]
    assert isinstance(shared["EventTime"], datetime)
    said = json.loads(shared["CloudTrailEvent"])
    assert (said["userIdentity"]["type"], said["userIdentity"]["arn"]) == ("IAMUser", ME)
    permissions = said["requestParameters"]["launchPermission"]
    assert permissions == {"add": {"items": [{"userId": "222233334444"}]}}
    assert said["eventID"] == shared["EventId"]


def test_parameters_are_told_without_their_values(trail: Any, client: Client, control: Control) -> None:
    control("settings", alias_seconds=0)
    ssm = client("ssm", "eu-west-1")
    ssm.put_parameter(Name="/golden", Value="secret", Type="String")
    ssm.delete_parameter(Name="/golden")
    events = trail.lookup_events(**about("/golden"))["Events"]
    assert [event["EventName"] for event in events] == ["DeleteParameter", "PutParameter"]
    assert "secret" not in json.dumps(events, default=str)
    assert json.loads(events[1]["CloudTrailEvent"])["requestParameters"]["name"] == "/golden"


def test_what_was_refused_has_its_error(trail: Any, ec2: Any, done: str) -> None:
    ec2.enable_image_deregistration_protection(ImageId=done)
    assert refusal(ec2.deregister_image, ImageId=done)[0] == "OperationNotPermitted"
    refused, _ = trail.lookup_events(**about(done))["Events"][:2]
    assert json.loads(refused["CloudTrailEvent"])["errorCode"] == "OperationNotPermitted"


def test_an_event_comes_late_and_goes_after_90_days(trail: Any, ec2: Any, done: str, control: Control) -> None:
    control("settings", trail_seconds=300)
    ec2.deregister_image(ImageId=done)
    assert "DeregisterImage" not in names(trail, **about(done))
    control("advance", seconds=301)
    assert "DeregisterImage" in names(trail, **about(done))
    control("advance", seconds=90 * 86400)
    assert names(trail, **about(done)) == []


def test_each_account_and_region_has_its_own(trail: Any, ec2: Any, done: str, client: Client) -> None:
    assert names(client("cloudtrail", "us-east-1"), **about(done)) == []
    keys = client("sts").assume_role(RoleArn=ROLE, RoleSessionName="somebody", ExternalId="amicopy-sandbox")
    client("ssm", "eu-west-1", credentials=keys["Credentials"]).put_parameter(Name="/a", Value="b", Type="String")
    assert names(trail, **about("/a")) == []
    theirs = client("cloudtrail", "eu-west-1", credentials=keys["Credentials"])
    [event] = theirs.lookup_events(**about("/a"))["Events"]
    identity = json.loads(event["CloudTrailEvent"])["userIdentity"]
    assert (identity["type"], identity["arn"]) == (
        "AssumedRole",
        "arn:aws:sts::444455556666:assumed-role/amicopy/somebody",
    )


def test_pages_and_times_narrow_it(trail: Any, ec2: Any, done: str, control: Control) -> None:
    for number in range(5):
        ec2.create_tags(Resources=[done], Tags=[{"Key": "n", "Value": str(number)}])
    asked = about("CreateTags", "EventName")
    pages = list(trail.get_paginator("lookup_events").paginate(**asked, PaginationConfig={"PageSize": 2}))
    assert [len(page["Events"]) for page in pages] == [2, 2, 1]
    token = trail.lookup_events(**asked, MaxResults=2)["NextToken"]
    assert refusal(trail.lookup_events, NextToken=token, **about(done))[0] == "InvalidNextTokenException"
    now = datetime.fromtimestamp(control("")["clock"], UTC)
    hour = timedelta(hours=1)
    assert names(trail, **asked, StartTime=now + hour, EndTime=now + 2 * hour) == []
    assert names(trail, **asked, EndTime=now - hour) == []
    assert len(names(trail, **asked, StartTime=now - hour)) == 5


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        ({"NextToken": "x"}, "InvalidNextTokenException"),
        (
            {"StartTime": datetime(2026, 2, 1, tzinfo=UTC), "EndTime": datetime(2026, 1, 1, tzinfo=UTC)},
            "InvalidTimeRangeException",
        ),
        ({"LookupAttributes": [*about("a")["LookupAttributes"] * 2]}, "InvalidLookupAttributesException"),
    ],
)
def test_what_does_not_fit_is_refused(trail: Any, asked: dict[str, Any], code: str) -> None:
    assert refusal(trail.lookup_events, **asked) == (code, 400)


def test_a_role_that_may_not_is_refused_and_so_is_the_third_call_in_a_second(
    trail: Any, client: Client, control: Control
) -> None:
    control("faults", kind="error", service="cloudtrail", code="UnauthorizedOperation", status=400, message="no")
    assert refusal(trail.lookup_events)[0] == "AccessDeniedException"
    control("settings", buckets=0.001)
    for _ in range(2):
        trail.lookup_events(**about(GOLDEN))
    assert refusal(trail.lookup_events)[0] == "ThrottlingException"
    assert client("cloudtrail", "us-west-2").lookup_events()["Events"] == []
