"""A line of the log is an entry of amicopy's, whatever was sent."""

import io
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from amicopy.logs.lines import OneLine, WithoutTraceback

LINE = "%(levelname)s %(name)s: %(message)s"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What comes out of what settings name."""
    console: dict[str, Any] = settings.LOGGING["handlers"]["console"]
    assert settings.LOGGING["formatters"][console["formatter"]]["()"] == "amicopy.logs.lines.OneLine"
    assert settings.LOGGING["filters"][console["filters"][0]]["()"] == "amicopy.logs.lines.WithoutTraceback"
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(OneLine(fmt=LINE))
    handler.addFilter(WithoutTraceback())
    root = logging.getLogger()
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


@pytest.mark.parametrize(
    "sent", ["a\nERROR fake: b", "a\r\nb", "a\x1b[2Kb", "a\x85b", "a\u2028b", "a\0b", "\t\x0b\x0c"]
)
def test_what_was_sent_begins_no_line(log: io.StringIO, sent: str) -> None:
    logging.getLogger("x").warning("Refused: %s", sent)
    written = log.getvalue()
    assert len(written.splitlines()) == 1
    assert written.removesuffix("\n").isprintable()


def test_a_traceback_is_moved_in(log: io.StringIO) -> None:
    try:
        raise ValueError("first\nERROR fake: second\r\x1b")
    except ValueError:
        logging.getLogger("x").exception("Failed")
    first, *others = log.getvalue().removesuffix("\n").split("\n")
    assert first == "ERROR x: Failed"
    assert len(others) > 3
    assert all(line.startswith("\t") for line in others)


def test_what_was_refused_leaves_one_line(log: io.StringIO) -> None:
    assert Client(headers={"Host": "evil.example"}).get("/sign-in/").status_code == 400
    assert "evil.example" in log.getvalue()
    assert Client().generic("POST", "/sign-in/", b"x", content_type="a/b; charset=utf-16").status_code == 400
    assert Client().post("/sign-in/", {str(number): "x" for number in range(3000)}).status_code == 400
    lines = [line for line in log.getvalue().splitlines() if not line.startswith("INFO amicopy.access: ")]
    assert len(lines) == 3
