"""How workers are woken: after a commit, not once a transaction for many in a row, never at the cost of the verb."""

import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from kombu import Connection
from pytest_django import Settings

from amicopy.copies.core.models import CopyRequest
from amicopy.copies.lifecycle import wakeup
from amicopy.copies.requests import verbs
from amicopy.local import broker
from amicopy.queues import Queue
from tests.copies.conftest import Submit, acting, make_call

# What is asked for after a commit never happens in a test that runs in one transaction itself.
pytestmark = pytest.mark.django_db(transaction=True)

Sent = Callable[[], list[str]]
# Two seconds are promised; a machine that is busy may be as slow again.
PATIENCE = 4.5


@pytest.fixture
def sends_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has hints sent to another broker than the settings'."""

    def change(url: str) -> None:
        monkeypatch.setattr(wakeup, "_paused_until", 0.0)
        monkeypatch.setenv("CELERY_BROKER_WRITE_URL", url)

    return change


@pytest.fixture
def sent(sends_to: Callable[[str], None]) -> Iterator[Sent]:
    """A broker in this process; called, it tells the tasks it was given since the last call."""
    sends_to("memory://")
    with Connection("memory://") as memory:
        queue = memory.SimpleQueue(Queue.START.named(settings.CELERY_QUEUE))

        def take() -> list[str]:
            messages = [queue.get_nowait() for _ in range(queue.qsize())]
            for message in messages:
                message.ack()
            return [message.headers["task"].rpartition(".")[2] for message in messages]

        yield take
        queue.clear()


@pytest.fixture
def dead(sends_to: Callable[[str], None]) -> None:
    """A broker that nobody answers for."""
    sends_to("redis://127.0.0.1:9")


@pytest.fixture
def three(submit: Submit) -> list[CopyRequest]:
    return [submit(make_call(region)) for region in ("eu-west-1", "us-west-2", "us-east-2")]


def test_a_worker_is_woken_only_once_the_change_is_committed(sent: Sent) -> None:
    with transaction.atomic():
        wakeup.nudge("start_due")
        assert sent() == []
    assert sent() == ["start_due"]


def test_what_is_rolled_back_wakes_nobody(sent: Sent) -> None:
    with transaction.atomic():
        wakeup.nudge("start_due")
        transaction.set_rollback(True)
    assert sent() == []


def test_many_approvals_wake_the_workers_at_the_first_and_after_the_last(
    sent: Sent, three: list[CopyRequest], approver: User
) -> None:
    sent()
    results = verbs.decide_many(acting(approver), {row.pk: row.content_hash for row in three}, kind="approve")
    assert all(result.done for result in results)
    assert sent() == ["start_due", "start_due"]
    # Afterwards each wakes them for itself again.
    wakeup.nudge("start_due")
    wakeup.nudge("start_due")
    assert sent() == ["start_due", "start_due"]


def test_one_approval_among_refusals_wakes_them_once(sent: Sent, three: list[CopyRequest], approver: User) -> None:
    sent()
    seen = {three[0].pk: three[0].content_hash} | {row.pk: "0" * 64 for row in three[1:]}
    results = verbs.decide_many(acting(approver), seen, kind="approve")
    assert [result.done for result in results] == [True, False, False]
    assert sent() == ["start_due"]


def test_the_last_wake_up_is_sent_even_when_a_decision_breaks(sent: Sent) -> None:
    def break_off() -> None:
        with wakeup.together():
            wakeup.nudge("start_due")
            wakeup.nudge("start_due")
            assert sent() == ["start_due"]
            raise LookupError

    with pytest.raises(LookupError):
        break_off()
    assert sent() == ["start_due"]


@pytest.mark.usefixtures("dead")
def test_a_dead_broker_is_tried_once_and_costs_no_decision(
    three: list[CopyRequest], approver: User, caplog: pytest.LogCaptureFixture
) -> None:
    results = verbs.decide_many(acting(approver), {row.pk: row.content_hash for row in three}, kind="approve")
    assert all(result.done for result in results)
    assert sum("did not take a message" in line for line in caplog.messages) == 1


# --- brokers that take a connection and then answer nothing ---


def seconds_of(task: str) -> float:
    began = time.monotonic()
    wakeup.send(task)
    return time.monotonic() - began


@pytest.fixture
def valkey(sends_to: Callable[[str], None]) -> Iterator[int]:
    """The bundled broker, reached by hints; its process can be stopped and goes on at the end."""
    # A socket's path may be no longer than about a hundred characters.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "s"
        process = broker.start(path, directory=Path(folder))
        assert process is not None
        sends_to(f"redis+socket://{path}")
        try:
            yield process.pid
        finally:
            os.kill(process.pid, signal.SIGCONT)
            broker.stop(path)
            process.wait(timeout=10)


def test_a_stalled_valkey_costs_two_seconds_once(valkey: int, settings: Settings) -> None:
    if not settings.CELERY_BROKER_URL.startswith("redis"):
        pytest.skip("Another broker's limits are set (CELERY_BROKER_URL).")
    wakeup.send("start_due")
    os.kill(valkey, signal.SIGSTOP)
    assert 1 < seconds_of("start_due") < PATIENCE
    assert seconds_of("start_due") < 0.5, "no other is tried for a while"


class Gate:
    """In front of a server; shut, it takes connections and lets nothing through."""

    def __init__(self, port: int) -> None:
        self.behind, self.open = port, threading.Event()
        self.open.set()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        self.ends: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def close(self) -> None:
        self.open.set()
        for each in (self.listening, *self.ends):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self.listening.accept()
                there = socket.create_connection(("127.0.0.1", self.behind))
                self.ends += (here, there)
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                self.open.wait()
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


@pytest.fixture
def gate(sends_to: Callable[[str], None], settings: Settings) -> Iterator[Gate]:
    """RabbitMQ behind a gate, reached by hints."""
    url = urlsplit(settings.CELERY_BROKER_URL)
    if url.scheme != "amqp":
        pytest.skip("Needs RabbitMQ (CELERY_BROKER_URL).")
    gate = Gate(url.port or 5672)
    sends_to(f"amqp://{url.username}:{url.password}@127.0.0.1:{gate.port}/{url.path[1:]}")
    yield gate
    gate.close()


def test_a_rabbitmq_that_stalls_later_costs_nobody_anything(gate: Gate) -> None:
    wakeup.send("start_due")
    gate.open.clear()
    assert seconds_of("start_due") < PATIENCE


def test_a_rabbitmq_that_stalls_while_its_queue_is_made_costs_two_seconds_once(gate: Gate) -> None:
    with wakeup._producers().acquire(block=True) as producer:
        assert producer.channel, "connected, and the queue isn't declared yet"
    gate.open.clear()
    assert 1 < seconds_of("start_due") < PATIENCE
    assert seconds_of("start_due") < 0.5, "no other is tried for a while"
    gate.open.set()
    wakeup._paused_until = 0.0
    wakeup.send("start_due")
    assert wakeup._paused_until == 0.0, "taken again, over a new connection"


def test_a_rabbitmq_that_only_takes_connections_costs_two_seconds_once(gate: Gate) -> None:
    gate.open.clear()
    assert 1 < seconds_of("start_due") < PATIENCE
