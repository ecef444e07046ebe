"""What belongs together: one id from the page, through the message and the worker, to the call of AWS, in the log and
in the history.

A request over HTTP begins one, a message carries it, and a copy keeps the one of whoever had it queued or cancelled:
whatever worker goes on with the copy, days later as well, does so under that id.
"""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# The header of a message.
HEADER = "amicopy_correlation"
_current: ContextVar[uuid.UUID | None] = ContextVar("correlation", default=None)


def current() -> uuid.UUID:
    """The id of what is under way, a new one where nothing is."""
    return _current.get() or uuid.uuid4()


@contextmanager
def under(correlation_id: uuid.UUID | None) -> Iterator[None]:
    """Everything inside is logged and recorded under this id; None: under a new one."""
    token = _current.set(correlation_id or uuid.uuid4())
    try:
        yield
    finally:
        _current.reset(token)


def read(text: object) -> uuid.UUID | None:
    """The id in a message's header, None where there is none; a message may hold anything."""
    try:
        return uuid.UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


class WithCorrelation(logging.Filter):
    """Lets everything through, with the id of what is under way as `correlation`; empty where nothing is."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "correlation"):
            record.correlation = str(_current.get() or "")
        return True
