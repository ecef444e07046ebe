"""Wakes the workers after a commit. Only a hint: what is due is found by the sweep whether or not this arrives."""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.pools import ProducerPool, producers

from amicopy.logs import correlation
from amicopy.queues import QUEUE_OF, Queue

logger = logging.getLogger(__name__)

# After a failed send none is tried for this long, so that a dead broker can't slow down a page or a bulk decision.
PAUSE_SECONDS = 10.0
_paused_until = 0.0


# What is asked for within `together`, and how often; None outside.
_gathered: ContextVar[Counter[str] | None] = ContextVar("gathered", default=None)


def nudge(task: str) -> None:
    """Sends the task `amicopy.copies.tasks.<task>` once the transaction has committed. Never raises."""
    transaction.on_commit(lambda: _send_or_gather(task), robust=True)


@contextmanager
def together() -> Iterator[None]:
    """For many transactions in a row: a task that each of them asks for is sent after the first, so that work begins,
    and after the last, so that none is left."""
    gathered: Counter[str] = Counter()
    token = _gathered.set(gathered)
    try:
        yield
    finally:
        _gathered.reset(token)
        for task, times in gathered.items():
            if times > 1:
                send(task)


def _producers() -> ProducerPool:
    """Connections of their own, with waits as short as a hint is worth; kombu keeps one pool for each broker."""
    connection = current_app.connection_for_write()
    connection.transport_options = settings.BROKER_HINT_OPTIONS
    pool: ProducerPool = producers[connection]
    return pool


def _send_or_gather(task: str) -> None:
    gathered = _gathered.get()
    if gathered is not None:
        gathered[task] += 1
    if gathered is None or gathered[task] == 1:
        send(task)


def send(task: str, *, to: Queue | None = None, **arguments: object) -> None:
    """Sends the task at once, to its own queue unless told otherwise. Never raises: a broker that does not take it is
    logged and left alone for a while."""
    global _paused_until
    if time.monotonic() < _paused_until:
        return
    name = f"amicopy.copies.tasks.{task}"
    try:
        with _producers().acquire(block=True) as producer:
            current_app.send_task(
                name,
                kwargs=arguments,
                headers={correlation.HEADER: str(correlation.current())},
                producer=producer,
                queue=(to or QUEUE_OF[name]).named(settings.CELERY_QUEUE),
            )
    except Exception as error:  # any transport's own error: the sweep does the same work a little later
        _paused_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("The broker did not take a message (%s); the sweep finds the work.", type(error).__name__)
