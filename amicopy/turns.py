"""A worker that reads all queues keeps one of its processes free for starting copies: tracking, telling and upkeep may
have the others. What there is no process for waits in the worker, in its order.

Such a message only says when to look; so when one of its task waits already, another says nothing new and is dropped.
"""

from collections.abc import Callable
from typing import Any

from celery.worker import state
from kombu.asynchronous.timer import Timer
from kombu.common import QoS

from amicopy.queues import QUEUE_OF, Queue

# Between two looks whether a process has become free, while something waits for one.
LOOK_SECONDS = 0.1


class Turns:
    """What may run at once of a worker. `run` gives a request to one of its `processes`."""

    def __init__(self, run: Callable[[Any], None], processes: Callable[[], int]) -> None:
        self._run, self._processes = run, processes
        self._waiting: dict[str, Any] = {}

    def take(self, request: Any, *, timer: Timer, qos: QoS) -> None:
        """Runs a request, or has it wait. Meanwhile the worker may take a message more from the broker."""
        if request.name in self._waiting:
            request.acknowledge()
            state.task_ready(request)
        elif self._is_free_for(request):
            self._run(request)
        else:
            self._waiting[request.name] = request
            qos.increment_eventually()
            timer.call_after(LOOK_SECONDS, self.go_on, (timer, qos))

    def go_on(self, timer: Timer, qos: QoS) -> None:
        """Runs what waits and may run by now."""
        for name, request in list(self._waiting.items()):
            if not self._is_free_for(request):
                timer.call_after(LOOK_SECONDS, self.go_on, (timer, qos))
                return
            del self._waiting[name]
            qos.decrement_eventually()
            self._run(request)

    def forget(self) -> None:
        """After the connection to the broker was lost: it gives what waits to a worker once more."""
        self._waiting.clear()

    def _is_free_for(self, request: Any) -> bool:
        if _starts(request):
            return True
        given = set(state.active_requests) | set(state.reserved_requests)
        others = sum(
            each is not request and not _starts(each) and each is not self._waiting.get(each.name) for each in given
        )
        return others < max(1, self._processes() - 1)


def _starts(request: Any) -> bool:
    return QUEUE_OF.get(request.name) is Queue.START
