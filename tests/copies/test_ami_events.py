"""Push: AWS's events by EventBridge and SQS, over HTTP. They only say when to look; polling stays the truth."""

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.aws import errors, sqs
from amicopy.copies import tasks
from amicopy.copies.core.engine_models import EventQueue, EventSource
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.engine import ami_events, leases
from amicopy.sandbox.server import Server
from tests.conftest import Control
from tests.copies.conftest import Submit, approve, make_call
from tests.doctor import findings

pytestmark = pytest.mark.django_db
URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/ami-events"
QUEUE = sqs.queue_at(URL)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def queue(sandbox: Control, server: Server, settings: Settings) -> Any:
    """An SQS client beside the queue that the account's AMI events in eu-west-1 go to."""
    settings.EVENTS_QUEUES = [URL]
    session = boto3.Session("AKIASANDBOX000000000", "not-checked", region_name="eu-west-1")
    client = session.client("sqs", endpoint_url=server.url)
    client.create_queue(QueueName="ami-events", Attributes={"VisibilityTimeout": "1"})
    bus = session.client("events", endpoint_url=server.url)
    bus.put_rule(Name="amis", EventPattern=json.dumps({"source": ["aws.ec2"]}))
    bus.put_targets(Rule="amis", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:eu-west-1:111122223333:ami-events"}])
    return client


@pytest.fixture
def copying(submit: Submit, approver: User, queue: Any) -> CopyRequest:
    """A request whose copy was just looked at, so that it isn't due."""
    request = approve(approver, submit(make_call()))
    tasks.start_due(wake=False)
    tasks.track_due()
    return request


def event(image_id: str = "ami-1", **members: Any) -> str:
    return json.dumps(
        {
            "source": "aws.ec2",
            "detail-type": "EC2 AMI State Change",
            "account": "111122223333",
            "region": "eu-west-1",
            "detail": {"ImageId": image_id, "State": "available"},
            **members,
        }
    )


def is_due(request: CopyRequest) -> bool:
    return ImageCopy.objects.filter(leases.due(timezone.now()), request=request).exists()


def listen_until_heard() -> None:
    """Polls until a message came; the sandbox sends its events from a thread of its own."""
    for _ in range(10):
        if ami_events.listen_once(QUEUE, wait_seconds=2):
            return
    pytest.fail("No message came.")


def test_an_event_of_aws_has_the_copy_looked_at_now(copying: CopyRequest, sandbox: Control) -> None:
    assert not is_due(copying)
    sandbox("advance", seconds=600)
    listen_until_heard()
    assert is_due(copying)
    tasks.track_due()
    copying.refresh_from_db()
    assert copying.state == "COMPLETED"
    assert sqs.waiting(ami_events.account_of(QUEUE), QUEUE) == 0
    assert EventSource.objects.get().DestinationRegion == "eu-west-1"


def test_doubled_late_and_foreign_events_are_deleted_and_change_nothing(copying: CopyRequest, queue: Any) -> None:
    before = list(ImageCopy.objects.values())
    for _ in range(2):
        queue.send_message(QueueUrl=URL, MessageBody=event("ami-0123456789abcdef0"))
    queue.send_message(QueueUrl=URL, MessageBody=event(account="000000000000"))
    listen_until_heard()
    assert list(ImageCopy.objects.values()) == before
    assert sqs.waiting(ami_events.account_of(QUEUE), QUEUE) == 0


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "null",
        '"text"',
        "7",
        "[" * 100_000,
        "{}",
        event(source="aws.s3"),
        event(**{"detail-type": "EC2 Instance State-change Notification"}),
        event(detail=None),
        event(detail={"ImageId": 7}),
        event(detail={"ImageId": ""}),
        event(region=["eu-west-1"]),
        event("ami-" + "0" * 100),
        event("ami-\0"),
    ],
)
def test_garbage_is_no_event(body: str) -> None:
    assert ami_events.read(body) is None


def test_garbage_in_the_queue_is_deleted(copying: CopyRequest, queue: Any) -> None:
    for body in ("garbage", "[]", event(detail=None)):
        queue.send_message(QueueUrl=URL, MessageBody=body)
    while ami_events.listen_once(QUEUE, wait_seconds=0):
        pass
    assert sqs.waiting(ami_events.account_of(QUEUE), QUEUE) == 0


def test_an_event_about_a_copy_that_is_being_looked_at_comes_again(copying: CopyRequest, queue: Any) -> None:
    copy = copying.copies.get()
    ImageCopy.objects.update(lease_id="0" * 32, lease_until=timezone.now() + timedelta(minutes=1))
    queue.send_message(QueueUrl=URL, MessageBody=event(copy.ImageId))
    listen_until_heard()
    attributes = queue.get_queue_attributes(QueueUrl=URL, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"
    ImageCopy.objects.update(lease_id=None, lease_until=None)
    queue.send_message(QueueUrl=URL, MessageBody=event(copy.ImageId))
    listen_until_heard()
    assert is_due(copying)


def test_polling_slows_down_while_events_arrive_and_is_back_when_one_was_missed(
    copying: CopyRequest, queue: Any, account: Account, settings: Settings
) -> None:
    settings.TRACK_SECONDS = 5.0

    def pause() -> float:
        ImageCopy.objects.update(next_step_at=timezone.now())
        tasks.track_due()
        due_at = copying.copies.get().next_step_at
        assert due_at is not None
        return (due_at - timezone.now()).total_seconds()

    assert pause() <= 5
    queue.send_message(QueueUrl=URL, MessageBody=event())
    listen_until_heard()
    assert 15 < pause() <= 20
    listening_since = timezone.now()
    EventQueue.objects.update(polled_at=listening_since - timedelta(minutes=3))
    assert pause() <= 5, "nobody listens any more"
    EventQueue.objects.update(polled_at=listening_since)
    EventSource.objects.update(heard_at=listening_since - timedelta(minutes=10))
    assert 15 < pause() <= 20, "nothing has happened that events should have told"
    source = ami_events.source_of(account.pk, "eu-west-1")
    assert source is not None
    ami_events.ended_unheard(source)
    assert pause() <= 5, "a copy has ended without an event"
    queue.send_message(QueueUrl=URL, MessageBody=event())
    listen_until_heard()
    assert 15 < pause() <= 20, "events arrive again"


def test_without_the_setting_no_statement_is_spent_on_push(settings: Settings, account: Account) -> None:
    settings.EVENTS_QUEUES = []
    assert ami_events.source_of(account.pk, "eu-west-1") is None


def test_a_queue_that_refuses_is_noted_and_does_not_end_the_listener(queue: Any, account: Account) -> None:
    gone = sqs.queue_at(URL.replace("ami-events", "gone"))
    with pytest.raises(errors.AwsError):
        ami_events.listen_once(gone, wait_seconds=0)
    assert EventQueue.objects.get(url=gone.url).error


@pytest.mark.parametrize(
    ("url", "account_id", "region"),
    [
        (URL, "111122223333", "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q", "111122223333", "cn-north-1"),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/111122223333/q", "111122223333", "us-gov-west-1"),
        ("https://eu-west-1.queue.amazonaws.com/111122223333/q", "111122223333", "eu-west-1"),
        ("https://sqs.eu-west-1.api.aws/111122223333/q", "111122223333", "eu-west-1"),
    ],
)
def test_a_queues_address_names_account_and_region(url: str, account_id: str, region: str) -> None:
    queue = sqs.queue_at(url)
    assert (queue.account_id, queue.region) == (account_id, region)


@pytest.mark.parametrize("url", ["", "ami-events", "http://127.0.0.1/1/q", URL + "/", URL + ".fifo", URL[:40]])
def test_what_is_no_address_of_a_queue_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="isn't the address of a queue"):
        sqs.queue_at(url)


def test_the_doctor_looks_at_the_queue_and_at_who_listens(queue: Any, account: Account, settings: Settings) -> None:
    def said() -> str:
        return " ".join(finding.words for finding in findings() if finding.what == "events")

    assert "Nobody listens" in said()
    ami_events.listen_once(QUEUE, wait_seconds=0)
    assert "is listened to" in said()
    settings.EVENTS_QUEUES = [URL.replace("ami-events", "gone")]
    assert "can't be looked at" in said()
    settings.EVENTS_QUEUES = ["ami-events"]
    assert "Check AMICOPY_EVENTS_QUEUE_URL" in said()


class Stop(threading.Event):
    """Ends a listener that has paused so many times, and keeps how long it would have."""

    def __init__(self, *, after: int) -> None:
        super().__init__()
        self.after, self.pauses = after, list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0)
        if len(self.pauses) == self.after:
            self.set()
        return self.is_set()


@pytest.mark.usefixtures("connections_stay")
def test_a_queue_that_does_not_answer_is_tried_again_ever_more_rarely(queue: Any, sandbox: Control) -> None:
    for round_of in ("first", "second"):
        queue.send_message(QueueUrl=URL, MessageBody=event(round_of))
        # The message is heard; from then on the queue doesn't answer.
        sandbox("faults", kind="error", action="ReceiveMessage", code="AccessDenied", status=403, skip=1, count=None)
        stop = Stop(after=7)
        ami_events.run(QUEUE, stop=stop)
        assert sqs.waiting(ami_events.account_of(QUEUE), QUEUE) == 0
        assert [pause for index, pause in enumerate(stop.pauses) if not 1 <= pause <= min(60, 2 * 2**index)] == []
        assert max(stop.pauses) > 8
        assert "AccessDenied" in EventQueue.objects.get().error
        sandbox("faults", method="DELETE")


def test_the_command_needs_the_setting_and_ends_at_once_on_sigterm(tmp_path: Path, server: Server) -> None:
    environ = {
        **os.environ,
        "AMICOPY_VAR_DIR": str(tmp_path),
        "SANDBOX_URL": server.url,
        "AMICOPY_EVENTS_QUEUE_URL": "",
    }
    command = [sys.executable, "manage.py", "listen"]
    without = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert without.returncode == 1
    assert "names no queue" in without.stderr
    environ["AMICOPY_EVENTS_QUEUE_URL"] = URL
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        # A watchdog, so that a listener that doesn't end fails the test instead of holding it up.
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "Listening to 1 queue.\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        watchdog.cancel()
