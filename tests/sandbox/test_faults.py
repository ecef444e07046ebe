"""Every kind of fault rule, AWS's token buckets, and events to a queue."""

import json
import time
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError

from amicopy.sandbox.server import Server
from tests.conftest import Control
from tests.sandbox.calls import copy, image, refusal, snapshots
from tests.sandbox.conftest import ONCE, Client

ROLE = {
    "RoleArn": "arn:aws:iam::444455556666:role/amicopy",
    "RoleSessionName": "amicopy",
    "ExternalId": "amicopy-sandbox",
}


def test_a_throttled_call_can_be_repeated(client: Client, control: Control) -> None:
    control("faults", kind="throttle", action="CopyImage")
    ec2 = client("ec2", "eu-west-1")
    assert refusal(copy, ec2=ec2) == ("RequestLimitExceeded", 503)
    copy(ec2)
    assert control()["refusals"] == {"RequestLimitExceeded": 1}
    assert [call.get("error") for call in control("calls?action=CopyImage")] == ["RequestLimitExceeded", None]


def test_a_rule_matches_skips_counts_and_is_logged(client: Client, control: Control) -> None:
    rule = control(
        "faults",
        kind="error",
        code="Unavailable",
        message="Try later",
        service="ec2",
        region="eu-west-1",
        skip=1,
        count=2,
    )
    ireland, oregon = client("ec2", "eu-west-1"), client("ec2", "us-west-2")
    seen = []
    for _ in range(4):
        oregon.describe_regions()
        seen.append(outcome(ireland))
    assert seen == ["ok", "Unavailable 503", "Unavailable 503", "ok"]
    listed = control("faults")
    assert [(row["id"], row["used"]) for row in listed["rules"]] == [(rule["id"], 2)]
    assert [(use["action"], use["region"]) for use in listed["uses"]] == [("DescribeRegions", "eu-west-1")] * 2
    assert control("faults", method="DELETE")["rules"] == []


def outcome(ec2: Any) -> str:
    try:
        ec2.describe_regions()
    except ec2.exceptions.ClientError as error:
        return f"{error.response['Error']['Code']} {error.response['ResponseMetadata']['HTTPStatusCode']}"
    return "ok"


def test_a_principal_can_be_denied_with_and_without_dry_run(client: Client, control: Control) -> None:
    denial = {
        "kind": "error",
        "code": "UnauthorizedOperation",
        "message": "You are not authorized.",
        "count": None,
    }
    control("faults", **denial, account="111122223333", action="CopyImage", region="eu-west-1")
    ec2 = client("ec2", "eu-west-1")
    assert refusal(copy, ec2=ec2) == ("UnauthorizedOperation", 403)
    assert refusal(copy, ec2=ec2, DryRun=True) == ("UnauthorizedOperation", 403)
    other = client("sts").assume_role(**ROLE)["Credentials"]
    copy(client("ec2", "eu-west-1", credentials=other), SourceImageId="ami-07c3fa0628b5e91d4")


def test_a_seed_gives_the_same_chance_again(client: Client, control: Control) -> None:
    ec2 = client()
    runs = []
    for _ in range(2):
        control("faults", kind="throttle", chance=0.5, seed=7, count=None)
        runs.append([outcome(ec2) for _ in range(12)])
        control("faults", method="DELETE")
    assert runs[0] == runs[1]
    assert 0 < runs[0].count("ok") < 12


def test_a_dropped_call_was_not_carried_out(client: Client, control: Control) -> None:
    control("faults", kind="drop", action="CopyImage")
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        copy(client("ec2", "eu-west-1"))
    assert control("images") == []


def test_a_lost_answer_is_found_again_by_its_token(client: Client, control: Control) -> None:
    control("faults", kind="drop-after", action="CopyImage")
    ec2 = client("ec2", "eu-west-1")
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        copy(ec2, ClientToken="lost")
    [made] = control("images")
    assert copy(ec2, ClientToken="lost") == made["ImageId"]
    assert len(control("images")) == 1


def test_botocores_own_repetition_keeps_its_token(server: Server, control: Control, client: Client) -> None:
    control("faults", kind="drop-after", action="CopyImage")
    patient = client("ec2", "eu-west-1", config=Config(retries={"total_max_attempts": 3}))
    copy(patient)
    assert len(control("images")) == 1
    assert len(control("calls?action=CopyImage")) == 2


def test_a_hanging_call_ends_with_the_clients_time_limit(control: Control, client: Client) -> None:
    control("faults", kind="hang", action="DescribeRegions", seconds=5)
    hasty = client(config=ONCE.merge(Config(read_timeout=0.3)))
    with pytest.raises(ReadTimeoutError):
        hasty.describe_regions()
    hasty.describe_regions()


def test_latency_only_delays(control: Control, client: Client) -> None:
    control("faults", kind="latency", action="DescribeRegions", seconds=0.3)
    ec2 = client()
    before = time.monotonic()
    ec2.describe_regions()
    assert time.monotonic() - before >= 0.3


def test_a_late_answer_comes_after_the_deed(control: Control, client: Client) -> None:
    hasty = client("ec2", "eu-west-1", config=ONCE.merge(Config(read_timeout=0.5)))
    control("faults", kind="late", action="CopyImage", seconds=5)
    with pytest.raises(ReadTimeoutError):
        copy(hasty)
    assert [row["State"] for row in control("images")] == ["pending"]
    assert [(row["kind"], row["used"]) for row in control("faults")["rules"]] == [("late", 1)]


def test_expired_credentials(control: Control, client: Client) -> None:
    control("faults", kind="expired", service="ec2")
    control("faults", kind="expired", service="kms")
    assert refusal(client().describe_regions)[0] == "RequestExpired"
    assert refusal(client("kms").list_aliases)[0] == "ExpiredTokenException"


def test_a_new_image_can_be_unknown_for_a_while(control: Control, client: Client) -> None:
    control("faults", kind="hide", seconds=30)
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    by_id = [{"Name": "image-id", "Values": [image_id]}]
    assert refusal(ec2.describe_images, ImageIds=[image_id])[0] == "InvalidAMIID.NotFound"
    assert ec2.describe_images(Filters=by_id)["Images"] == []
    control("advance", seconds=31)
    assert len(ec2.describe_images(Filters=by_id)["Images"]) == 1


def test_an_image_can_stay_unknown_for_ever(control: Control, client: Client) -> None:
    control("faults", kind="hide")
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    control("advance", seconds=10_000_000)
    assert refusal(ec2.describe_images, ImageIds=[image_id])[0] == "InvalidAMIID.NotFound"
    assert [row["State"] for row in control("images")] == ["available"]


def test_a_copy_fails_at_a_percentage_with_a_reason(control: Control, client: Client) -> None:
    control("faults", kind="fail", percent=60, reason="Out of luck")
    ec2 = client("ec2", "eu-west-1")
    assert refusal(copy, ec2=ec2, DryRun=True)[0] == "DryRunOperation"
    image_id = copy(ec2)
    assert image(ec2, image_id)["State"] == "pending"
    control("advance", seconds=600)
    failed = image(ec2, image_id)
    assert (failed["State"], failed["StateReason"]["Message"]) == ("failed", "Out of luck")
    assert sorted(row["Progress"] for row in snapshots(ec2, image_id)) == ["60%", "92%"]
    assert image(ec2, copy(ec2))["State"] == "pending"


def test_a_failed_copy_can_become_available_after_all(control: Control, client: Client) -> None:
    control("faults", kind="fail", percent=60, reason="Out of luck", seconds=1000)
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    control("advance", seconds=600)
    failed = image(ec2, image_id)
    assert (failed["State"], failed["StateReason"]["Message"]) == ("failed", "Out of luck")
    assert {row["State"] for row in snapshots(ec2, image_id)} == {"error"}
    control("advance", seconds=600)
    done = image(ec2, image_id)
    assert (done["State"], "StateReason" in done) == ("available", False)
    assert {(row["State"], row["Progress"]) for row in snapshots(ec2, image_id)} == {("completed", "100%")}
    copy(ec2, SourceImageId=image_id, SourceRegion="eu-west-1")


QUOTA = "You have reached your quota of 50000 for the number of images, including pending, in this Region."


@pytest.mark.parametrize(
    ("action", "code", "message", "status"),
    [
        ("CopyImage", "ResourceLimitExceeded", QUOTA, 400),
        ("CopyImage", "InvalidKMSKey.InvalidState", "The KMS key is disabled <key> & more", 400),
        ("CopyImage", "InvalidParameterValue", "The specified KMS key is not accessible", 400),
        ("DescribeSnapshots", "UnauthorizedOperation", "You are not authorized to perform this operation.", 403),
    ],
)
def test_an_action_can_be_refused_for_good_while_others_work(
    control: Control, client: Client, action: str, code: str, message: str, status: int
) -> None:
    control("faults", kind="error", action=action, code=code, message=message, count=None)
    ec2 = client("ec2", "eu-west-1")
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            snapshots(ec2, copy(ec2))
        control("advance", seconds=100_000)
    assert caught.value.response["Error"] == {"Code": code, "Message": message}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert caught.value.operation_name == action
    assert [(row["code"], row["message"]) for row in control(f"answers?action={action}")] == [(code, message)] * 2


@pytest.mark.parametrize(
    "rule",
    [
        {"seconds": 1},
        {"kind": "boredom"},
        {"kind": "latency"},
        {"kind": "late"},
        {"kind": "drop", "shoe_size": 42},
        {"kind": "drop", "seconds": 42},
        {"kind": "answer", "body": "htlm"},
        {"kind": "hide", "resource": "ami"},
        {"kind": "hide", "since": "yesterday"},
        {"kind": "hide", "seconds": 5, "most_seconds": 5},
        {"kind": "hide", "most_seconds": 0},
        {"kind": "hide", "most_seconds": 60, "every": 100},
        {"kind": "needs-tag"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(control: Control, rule: dict[str, Any]) -> None:
    with pytest.raises(HTTPError) as caught:
        control("faults", **rule)
    assert caught.value.code == 400
    caught.value.close()


def test_a_token_bucket_empties_and_fills_again(control: Control, client: Client) -> None:
    control("settings", buckets=0.001, limit=300)
    ec2 = client("ec2", "eu-west-1")
    seen = [attempt(ec2) for _ in range(102)]
    assert seen == ["ok"] * 100 + ["RequestLimitExceeded"] * 2
    assert attempt(client("ec2", "us-west-2")) == "ok"
    control("advance", seconds=1000)
    assert [attempt(ec2) for _ in range(2)] == ["ok", "RequestLimitExceeded"]
    control("settings", buckets=0)
    assert attempt(ec2) == "ok"


def attempt(ec2: Any) -> str:
    try:
        copy(ec2)
    except ec2.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    return "ok"


def test_events_reach_a_queue(control: Control, client: Client) -> None:
    sqs, bus, ec2 = client("sqs", "eu-west-1"), client("events", "eu-west-1"), client("ec2", "eu-west-1")
    queue = sqs.create_queue(QueueName="ami-events")["QueueUrl"]
    bus.put_rule(
        Name="amis",
        EventPattern=json.dumps({"source": ["aws.ec2"], "detail": {"State": ["available", "failed", "deregistered"]}}),
    )
    bus.put_targets(Rule="amis", Targets=[{"Id": "queue", "Arn": "arn:aws:sqs:eu-west-1:111122223333:ami-events"}])
    control("faults", kind="fail", skip=1, reason="Out of luck")
    control("faults", kind="fail", skip=3, reason="For now", seconds=60)
    done, failed, cancelled, late = copy(ec2), copy(ec2), copy(ec2), copy(ec2)
    ec2.deregister_image(ImageId=cancelled)
    control("advance", seconds=600)
    events: list[Any] = []
    deadline = time.monotonic() + 10
    while len(events) < 5 and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, MaxNumberOfMessages=10)
        events += [json.loads(row["Body"]) for row in answer.get("Messages", [])]
    assert {(row["detail"]["ImageId"], row["detail"]["State"], row["detail"]["ErrorMessage"]) for row in events} == {
        (done, "available", ""),
        (failed, "failed", "Out of luck"),
        (cancelled, "deregistered", ""),
        (late, "failed", "For now"),
        (late, "available", ""),
    }
    for row in events:
        assert (row["detail-type"], row["source"]) == ("EC2 AMI State Change", "aws.ec2")
        assert (row["account"], row["region"]) == ("111122223333", "eu-west-1")
        assert row["resources"] == [f"arn:aws:ec2:eu-west-1::image/{row['detail']['ImageId']}"]
        assert row["detail"]["RequestId"]
