"""The queues: every task has one, workers read them all with that of the version before, and a worker that does keeps a
process free for starting copies. With real processes: tests/journey/test_turns.py."""

import gc
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from celery import current_app
from celery.worker import state
from django.conf import settings
from kombu.asynchronous.timer import Timer
from kombu.common import QoS

from amicopy import queues
from amicopy.copies import tasks
from amicopy.turns import Turns

START, TRACK, VERIFY = (
    "amicopy.copies.tasks.start_due",
    "amicopy.copies.tasks.track_due",
    "amicopy.audit.tasks.verify",
)


def test_every_task_has_a_queue() -> None:
    current_app.loader.import_default_modules()
    assert {task for task in current_app.tasks if task.startswith("amicopy.")} == set(queues.QUEUE_OF)
    assert sum(map(len, queues.TASKS.values())) == len(queues.QUEUE_OF), "no task has two"


def test_workers_read_all_queues_and_the_one_of_the_version_before() -> None:
    assert settings.CELERY_TASK_DEFAULT_QUEUE == settings.CELERY_QUEUE
    assert tuple(current_app.amqp.queues.consume_from) == queues.names(settings.CELERY_QUEUE)


@pytest.mark.parametrize(("task", "queue"), [(START, "start"), (TRACK, "track"), (VERIFY, "upkeep")])
def test_a_message_goes_to_the_queue_of_its_task(task: str, queue: str) -> None:
    route = current_app.amqp.router.route({}, task)
    assert route["queue"].name == f"{settings.CELERY_QUEUE}.{queue}"


def test_the_queue_of_the_version_before_is_declared_as_it_was() -> None:
    """RabbitMQ refuses another declaration of a queue that is there."""
    before, *_ = queues.declared("amicopy", kind="quorum")
    assert (before.name, before.exchange.name, before.exchange.type, before.routing_key, before.durable) == (
        "amicopy",
        "amicopy",
        "direct",
        "amicopy",
        True,
    )
    assert before.queue_arguments == {"x-queue-type": "quorum"}


# --- one process stays free for starting ---


class Request:
    """What Celery's worker knows a message as, as far as `Turns` is concerned."""

    def __init__(self, task: str) -> None:
        self.name, self.id, self.acknowledged = task, f"{task} {id(self)}", False
        state.task_reserved(self)

    def acknowledge(self) -> None:
        self.acknowledged = True

    def end(self) -> None:
        state.task_ready(self)


class Worker:
    """The turns of a worker with a pool of so many processes; `ran` are the tasks that were given to it."""

    def __init__(self, processes: int) -> None:
        self.ran: list[str] = []
        self.kept: list[Request] = []
        self.turns = Turns(self._run, lambda: processes)
        self.timer, self.qos = Timer(), QoS(Mock(), processes)

    def take(self, task: str) -> Request:
        request = Request(task)
        self.kept.append(request)
        self.turns.take(request, timer=self.timer, qos=self.qos)
        return request

    def _run(self, request: Any) -> None:
        self.ran.append(request.name.rpartition(".")[2])


@pytest.fixture(autouse=True)
def nothing_given() -> Iterator[None]:
    yield
    for each in list(state.reserved_requests):
        state.task_ready(each)


def test_the_last_process_is_for_starting_and_what_waits_goes_on_when_another_is_free() -> None:
    worker = Worker(3)
    first = worker.take(TRACK)
    worker.take(VERIFY)
    worker.take(TRACK)
    assert worker.ran == ["track_due", "verify"], "the third waits"
    assert worker.qos.value == 4, "and a message more may come from the broker meanwhile"
    worker.take(START)
    assert worker.ran == ["track_due", "verify", "start_due"]
    worker.turns.go_on(worker.timer, worker.qos)
    assert len(worker.ran) == 3, "starting has taken none of the others' processes, and given none back"
    first.end()
    worker.turns.go_on(worker.timer, worker.qos)
    assert worker.ran[3:] == ["track_due"]
    assert worker.qos.value == 3


def test_what_waits_already_waits_once() -> None:
    worker = Worker(2)
    running = worker.take(TRACK)
    waiting = worker.take(TRACK)
    more = [worker.take(TRACK) for _ in range(100)]
    assert all(request.acknowledged for request in more)
    assert not waiting.acknowledged
    assert worker.qos.value == 3
    running.end()
    worker.turns.go_on(worker.timer, worker.qos)
    assert worker.ran == ["track_due"] * 2


def test_a_worker_of_one_process_does_one_after_the_other() -> None:
    worker = Worker(1)
    worker.take(TRACK)
    worker.take(VERIFY)
    assert worker.ran == ["track_due"]


def test_after_the_broker_was_away_what_waited_comes_from_it_again() -> None:
    worker = Worker(2)
    worker.take(TRACK).end()
    worker.take(VERIFY)
    worker.take(TRACK)
    worker.turns.forget()
    worker.turns.go_on(worker.timer, worker.qos)
    assert worker.ran == ["track_due", "verify"]


def test_what_a_worker_has_loaded_is_shared_by_its_processes() -> None:
    """A collection of garbage writes to all objects it looks at, and so gives each process a copy of its own."""
    try:
        tasks._load()
        assert gc.get_freeze_count() > 100_000
    finally:
        gc.unfreeze()
