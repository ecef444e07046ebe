"""A broker that is away is a line a minute."""

import io
import logging
from collections.abc import Iterator

import pytest
from celery.beat import SchedulingError
from celery.exceptions import SoftTimeLimitExceeded

from amicopy.logs import outages
from amicopy.logs.lines import OneLine

LOGGERS = (
    "celery.beat",
    "celery.worker.consumer.consumer",
    "celery.worker.consumer.connection",
    "celery.worker.request",
    "multiprocessing",
    "amicopy.copies",
)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(OneLine(fmt="%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(outages.InShort())
    # In the place of the handler of the settings, which has such a filter as well.
    said = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.handlers, logger.propagate) for logger in said]
    for logger in said:
        logger.handlers, logger.propagate = [handler], False
    yield written
    for logger, (handlers, propagate) in zip(said, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate


def _beat_fails() -> None:
    try:
        raise SchedulingError("Couldn't apply scheduled task sweep: [Errno 111] Connection refused")
    except SchedulingError as error:
        logging.getLogger("celery.beat").error("Message Error: %s\n%s", error, ["a", "b"], exc_info=True)


def test_an_outage_is_one_line_a_minute(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("amicopy.logs.outages.time.monotonic", lambda: now)
    for _ in range(48):
        _beat_fails()
        logging.getLogger("celery.worker.consumer.consumer").error("consumer: Cannot connect to %s: %s.", "amqp", "no")
    first = log.getvalue()
    assert first.splitlines() == [
        "ERROR celery.beat: The broker is away: Message Error: Couldn't apply scheduled task sweep: [Errno 111] "
        "Connection refused"
    ]
    now += outages.EVERY_SECONDS
    _beat_fails()
    assert log.getvalue().removeprefix(first).endswith("(95 more since the last such line)\n")


def test_what_follows_once_it_is_back_needs_no_traceback(log: io.StringIO) -> None:
    try:
        raise SoftTimeLimitExceeded
    except SoftTimeLimitExceeded as error:
        logging.getLogger("multiprocessing").error("Pool process %r error: %r", "worker", error, exc_info=True)
        logging.getLogger("celery.worker.request").critical("Couldn't ack %r, reason:%r", 7, error, exc_info=True)
    (line,) = log.getvalue().splitlines()
    assert line.startswith("ERROR multiprocessing: The broker is away: Pool process")


@pytest.mark.parametrize(
    ("logger", "level", "words"),
    [
        ("celery.worker.request", logging.WARNING, "Soft time limit (12.0s) exceeded"),
        ("multiprocessing", logging.ERROR, "Pool process 'worker' error: MemoryError()"),
        ("celery.worker.consumer.connection", logging.INFO, "Connected to amqp"),
        ("celery.worker.consumer.consumer", logging.ERROR, "A task of another kind"),
        ("amicopy.copies", logging.ERROR, "Cannot connect to something else"),
    ],
)
def test_everything_else_is_said_each_time(log: io.StringIO, logger: str, level: int, words: str) -> None:
    root = logging.getLogger(logger)
    before, root.level = root.level, logging.INFO
    try:
        for _ in range(3):
            root.log(level, words)
    finally:
        root.level = before
    assert log.getvalue().count(words) == 3
