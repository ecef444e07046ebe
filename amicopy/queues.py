"""The broker's queues, and which task waits in which: starting, tracking, telling and upkeep keep each other from
nothing. One worker reads all of them unless `celery worker -Q` names some; see docs/operating.md.

The queue that is called CELERY_QUEUE itself is the one of versions before this: workers read it too, so that what web
or beat of such a version send while all are replaced isn't lost.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from kombu import Exchange
from kombu import Queue as KombuQueue


class Queue(StrEnum):
    """One of the queues, by the end of its name."""

    START = "start"
    TRACK = "track"
    TELL = "tell"
    UPKEEP = "upkeep"

    def named(self, prefix: str) -> str:
        """Its name at the broker, where `prefix` is the installation's CELERY_QUEUE."""
        return f"{prefix}.{self}"


TASKS: Mapping[Queue, tuple[str, ...]] = {
    # What finds all that is due is short, and is what starts wait for when a hint is lost.
    Queue.START: (
        "amicopy.copies.tasks.sweep",
        "amicopy.copies.tasks.start_due",
        "amicopy.copies.tasks.look_at_full_places",
        # Doctor's, which sends one to each queue.
        "amicopy.copies.tasks.ping",
    ),
    # Copies that AWS has begun, and what follows them.
    Queue.TRACK: (
        "amicopy.copies.tasks.track_due",
        "amicopy.copies.tasks.cancel_due",
        "amicopy.copies.tasks.do_steps",
    ),
    Queue.TELL: ("amicopy.notify.tasks.send_due",),
    Queue.UPKEEP: (
        "amicopy.audit.tasks.archive",
        "amicopy.audit.tasks.verify",
        "amicopy.audit.tasks.write_head",
        "amicopy.copies.tasks.check_accounts",
        "amicopy.copies.tasks.check_permissions",
        "amicopy.copies.tasks.deposit_head",
        "amicopy.copies.tasks.expire_due",
        "amicopy.copies.tasks.look_again_at_requests",
        "amicopy.copies.tasks.look_at_copies",
        "amicopy.copies.tasks.look_for_drift",
        "amicopy.copies.tasks.look_for_leftovers",
        "amicopy.copies.tasks.notice_changes",
        "amicopy.copies.tasks.remove_leftovers",
        "amicopy.copies.tasks.take_back_groups",
        "amicopy.copies.tasks.trace_drift",
        "amicopy.web.tasks.sweep_tables",
    ),
}
QUEUE_OF: Mapping[str, Queue] = {task: queue for queue, tasks in TASKS.items() for task in tasks}


def names(prefix: str) -> tuple[str, ...]:
    """All queues at the broker, that of before first."""
    return prefix, *(queue.named(prefix) for queue in Queue)


def routes(prefix: str) -> dict[str, dict[str, str]]:
    """Celery's table of routes."""
    return {task: {"queue": queue.named(prefix)} for task, queue in QUEUE_OF.items()}


def declared(prefix: str, *, kind: str) -> tuple[KombuQueue, ...]:
    """The queues as workers and senders declare them. `kind` is RabbitMQ's, empty elsewhere; the queue of before is
    declared as it was, since RabbitMQ refuses another declaration."""
    arguments: dict[str, Any] = {"x-queue-type": kind} if kind else {}
    return tuple(KombuQueue(name, Exchange(name), name, queue_arguments=arguments or None) for name in names(prefix))
