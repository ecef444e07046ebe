"""How a worker takes messages: one that amicopy didn't send is rejected and logged, and the worker goes on.

Celery's own consumer ends the worker for a body or a header that isn't what it expects, or loses a place in the pool
over it; the broker then gives the message to the next worker, until none is left. So it only sees messages that have
the form of those that `wakeup` and beat send: https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

import logging
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer
from django.conf import settings
from kombu import Message
from kombu.common import QoS

from amicopy.queues import Queue
from amicopy.turns import Turns

logger = logging.getLogger(__name__)
# Headers that delay or end a task, or make it another's: amicopy's own messages have none of them.
UNUSED = ("eta", "expires", "group", "retries")


class Consumer(CeleryConsumer):
    """Celery's consumer, with a way out for every message, and with a process kept for starting copies. Named by the
    setting `CELERY_WORKER_CONSUMER`."""

    # Set by Celery with each connection.
    qos: QoS

    def __init__(self, on_task_request: Callable[[Any], None], *args: Any, **kwargs: Any) -> None:
        self._turns = Turns(on_task_request, lambda: self.pool.num_processes)
        super().__init__(on_task_request, *args, **kwargs)
        if Queue.START.named(settings.CELERY_QUEUE) in self.app.amqp.queues.consume_from:
            self.on_task_request = self._in_turn

    def _in_turn(self, request: Any) -> None:
        self._turns.take(request, timer=self.timer, qos=self.qos)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        """What is called with each message of a new connection."""
        self._turns.forget()
        handle = super().create_task_handler(*args, **kwargs)

        def on_message(message: Message) -> None:
            fault = fault_of(message, self.app.tasks)
            if fault:
                # Nothing of the message itself goes into the log: who knows what somebody put into it.
                logger.error("A message that isn't amicopy's is rejected: %s.", fault)
                message.reject_log_error(logger, self.connection_errors)  # type: ignore[attr-defined]  # celery's own
            else:
                handle(message)

        return on_message


def fault_of(message: Message, tasks: Any) -> str:
    """What keeps a message from being one of amicopy's, such as "its body isn't a task's"; empty when nothing does."""
    headers: Any = message.headers
    if not isinstance(headers, dict) or not isinstance(headers.get("task"), str) or headers["task"] not in tasks:
        return "it names no task of amicopy"
    if not isinstance(headers.get("id"), str) or any(headers.get(name) for name in UNUSED):
        return "its headers aren't those of amicopy"
    limits: Any = headers.get("timelimit") or []
    if not isinstance(limits, list) or len(limits) not in (0, 2) or not all(map(_is_limit, limits)):
        return "its time limits aren't numbers"
    try:
        body = message.payload
    except Exception as error:  # any decoder's own error
        return f"its body can't be read ({type(error).__name__})"
    # Positional arguments, named ones, and what is to happen afterwards: nothing.
    if [type(part) for part in body] != [list, dict, dict] if isinstance(body, list) else True:
        return "its body isn't a task's"
    return "its body asks for more than a task" if any(body[2].values()) else ""


def _is_limit(limit: Any) -> bool:
    return limit is None or (isinstance(limit, int | float) and not isinstance(limit, bool) and limit > 0)
