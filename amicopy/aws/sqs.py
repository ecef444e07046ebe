"""SQS, as far as amicopy needs it: hearing what EventBridge puts into a queue. Raises the errors of
`amicopy.aws.errors`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import client, typed_errors

# https://docs.aws.amazon.com/general/latest/gr/sqs-service.html; the second form is the old one, still in use.
_HOST = r"(?:sqs(?:-fips)?\.(?P<region>[a-z0-9-]+)|(?P<old>[a-z0-9-]+)\.queue)\.[a-z0-9.-]+"
_URL = re.compile(rf"https://{_HOST}/(?P<account>[0-9]{{12}})/(?P<name>[A-Za-z0-9_-]{{1,80}})")
# The most that one call may bring and delete.
MOST = 10


@dataclass(frozen=True)
class Queue:
    url: str
    account_id: str
    region: str


@dataclass(frozen=True)
class Message:
    receipt: str
    body: str


def queue_at(url: str) -> Queue:
    """The queue with this address. Raises ValueError for what is no address of a standard queue."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(
            f"{url} isn't the address of a queue, such as https://sqs.eu-west-1.amazonaws.com/ACCOUNT/NAME."
        )
    return Queue(url, found["account"], found["region"] or found["old"])


@typed_errors()
def receive(account: AwsAccount, queue: Queue, *, wait_seconds: int) -> list[Message]:
    """Up to ten messages; waits this long, 20 seconds at most, for the first. They stay hidden from others for the
    queue's own time."""
    answer = client("sqs", account, queue.region).receive_message(
        QueueUrl=queue.url, MaxNumberOfMessages=MOST, WaitTimeSeconds=wait_seconds
    )
    return [Message(raw["ReceiptHandle"], raw.get("Body", "")) for raw in answer.get("Messages") or ()]


def delete(account: AwsAccount, queue: Queue, messages: Sequence[Message]) -> None:
    """Deletes up to ten messages. One that can't be deleted comes again, which harms nobody."""
    entries = [{"Id": str(n), "ReceiptHandle": message.receipt} for n, message in enumerate(messages)]
    if entries:
        with typed_errors():
            client("sqs", account, queue.region).delete_message_batch(QueueUrl=queue.url, Entries=entries)


def show_again(account: AwsAccount, queue: Queue, messages: Sequence[Message], *, seconds: int) -> None:
    """Has up to ten messages come again in so many seconds."""
    entries = [
        {"Id": str(n), "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds}
        for n, message in enumerate(messages)
    ]
    if entries:
        with typed_errors():
            client("sqs", account, queue.region).change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)


@typed_errors()
def waiting(account: AwsAccount, queue: Queue, *, quick: bool = True) -> int:
    """About how many messages wait in the queue."""
    answer = client("sqs", account, queue.region, quick=quick).get_queue_attributes(
        QueueUrl=queue.url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])
