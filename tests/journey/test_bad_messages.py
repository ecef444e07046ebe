"""Messages of somebody else on amicopy's queue: rejected and logged, and the workers go on."""

import uuid
from typing import Any

import pytest
from kombu import Connection, Exchange, Producer

from amicopy.queues import Queue
from tests.journey.conftest import Person, Running, until

pytestmark = [pytest.mark.slow, pytest.mark.processes]
JSON = "application/json"


def headers(**changed: Any) -> dict[str, Any]:
    return {"task": "amicopy.copies.tasks.ping", "id": str(uuid.uuid4()), "lang": "py", **changed}


BAD: list[tuple[bytes, str, dict[str, Any]]] = [
    (b'{"a":1}', JSON, headers()),
    (b"\xff\xfe{", JSON, headers()),
    (b"7", JSON, headers()),
    (b"[[],{},{}]", JSON, headers(task="no.such.task")),
    (b"[[],{},{}]", JSON, {"task": "amicopy.copies.tasks.ping"}),
    (b"[[],{},{}]", JSON, headers(timelimit="nonsense")),
    (b"[[],{},{}]", JSON, headers(compression="application/x-gzip")),
    (b"[[1],{},{}]", JSON, headers()),
    (b"\x80\x04N.", "application/x-python-serialize", headers()),
    (b"hello", "text/plain", {}),
]


def test_o7_workers_outlive_messages_that_are_not_amicopys(
    running: Running, requester: Person, approver: Person
) -> None:
    with Connection(running.environ["CELERY_BROKER_URL"]) as broker:
        queue = running.environ["CELERY_QUEUE"]
        producer = Producer(broker.channel(), exchange=Exchange(""), routing_key=queue)
        # More than a worker has processes, so that one lost place in the pool for each would show.
        for body, content_type, of_the_message in BAD * 8:
            encoding = "utf-8" if content_type == JSON else "binary"
            producer.publish(
                body, serializer=None, content_type=content_type, content_encoding=encoding, headers=of_the_message
            )
    number = requester.submit(Name="after-bad-messages")
    approver.approve(number)
    until(lambda: requester.state(number) == "COMPLETED")
    assert running.started["worker"].poll() is None


def test_o5_no_message_of_beat_ends_by_the_clock_of_its_host(running: Running) -> None:
    """Read as it lies on the queue, while no worker takes any."""
    running.kill("worker")
    try:
        with Connection(running.environ["CELERY_BROKER_URL"]) as broker:
            channel: Any = broker.channel()

            def waiting() -> Any:
                return channel.basic_get(Queue.START.named(running.environ["CELERY_QUEUE"]), no_ack=True)

            message = until(waiting)
            assert message.headers["expires"] is None
            assert float(message.properties["expiration"]) > 0
    finally:
        running.start("worker")
