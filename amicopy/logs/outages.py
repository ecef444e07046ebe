"""A broker that is away, in short. Celery says so at each try, in hundreds of lines a minute with their tracebacks;
that it is back stands in a line of its own, "Connected to".

A worker that looks for its broker doesn't hear from its own processes. Once it is back, answers to messages of before
are refused, and a process that has long done its task may be told that it took too long, and is replaced.
"""

import logging
import re
import time

EVERY_SECONDS = 60.0
# Of Celery's worker, of its processes, of beat, and of whoever wakes workers.
LOGGERS = (
    "celery.worker.consumer",
    "celery.worker.request",
    "multiprocessing",
    "celery.beat",
    "amicopy.copies.lifecycle.wakeup",
)
SAID = re.compile(
    r"Cannot connect to|Connection to broker lost|Connection error|Couldn't apply scheduled task|broker did not take"
    r"|Couldn't ack|Couldn't reject|Pool process .* error: SoftTimeLimitExceeded"
)


class InShort(logging.Filter):
    """Lets everything through but that the broker is away, which this process says once a minute, without traceback and
    with how often it was about to."""

    def __init__(self) -> None:
        super().__init__()
        self._said_at = -EVERY_SECONDS
        self._kept_back = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or not record.name.startswith(LOGGERS):
            return True
        words = record.getMessage()
        if not SAID.search(words):
            return True
        now = time.monotonic()
        if now - self._said_at < EVERY_SECONDS:
            self._kept_back += 1
            return False
        more = f" ({self._kept_back} more since the last such line)" if self._kept_back else ""
        self._said_at, self._kept_back = now, 0
        record.msg, record.args = f"The broker is away: {words.splitlines()[0]}{more}", ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True
