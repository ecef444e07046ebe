"""Programs that prefer to wait for a change: held without a thread each, until it comes, the time is over, they leave,
or the server stops."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.journey.conftest import Person, Running, until
from tests.web.page import read

pytestmark = [pytest.mark.slow, pytest.mark.processes]
SECONDS = 60.0
# Several times as many as there are threads for pages.
MANY = 200


@pytest.fixture
def token(requester: Person) -> str:
    path = "/settings/tokens/"
    told = requester.post(path, name="poller", scopes="read", days="1")[1]
    return next(word for word in read(told).text.split() if word.startswith("amic_") and len(word) == 62)


@contextmanager
def asking(running: Running, token: str, number: int, count: int = 1, **headers: str) -> Iterator[list[socket.socket]]:
    """So many connections that asked for a status."""
    lines = [
        f"GET /api/v1/requests/{number}/status HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    sent = "\r\n".join(lines).encode() + b"\r\n\r\n"
    with ExitStack() as opened:
        found = []
        for _ in range(count):
            made = socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 80), timeout=SECONDS)
            found.append(opened.enter_context(made))
            made.sendall(sent)
        yield found


def answer(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Status, headers by small letters, and what is said."""
    connection.settimeout(SECONDS)
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(65536)
        assert piece, got
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return int(first.split()[1]), headers, json.loads(body) if body else None


def unanswered(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    return False


def test_a_wait_ends_with_a_change(running: Running, requester: Person, token: str) -> None:
    number = requester.submit(Name="waited-for")
    with asking(running, token, number, Prefer="wait=60") as (waiting,):
        with asking(running, token, number) as (at_once,):
            assert answer(at_once)[2]["state"] == "PENDING"
        assert unanswered(waiting)
        requester.post(f"/requests/{number}/withdraw/", page=requester.get(f"/requests/{number}/"))
        status, headers, said = answer(waiting)
    assert (status, said["state"], headers["preference-applied"]) == (200, "WITHDRAWN", "wait=60")
    # Nothing more is to be waited for.
    with asking(running, token, number, Prefer="wait=60") as (final,):
        status, headers, said = answer(final)
    assert (status, said["final"]) == (200, True)
    assert "preference-applied" not in headers


def test_a_wait_ends_with_its_time_and_nothing_new(running: Running, requester: Person, token: str) -> None:
    number = requester.submit(Name="waited-in-vain")
    with asking(running, token, number) as (first,):
        tag = answer(first)[1]["etag"]
    began = time.monotonic()
    with asking(running, token, number, Prefer="wait=1", If_None_Match=tag) as (waiting,):
        status, headers, said = answer(waiting)
    assert time.monotonic() - began >= 1
    assert (status, said, headers["etag"], headers["preference-applied"]) == (304, None, tag, "wait=1")
    with asking(running, token, number, Prefer="wait=1") as (waiting,):
        assert answer(waiting)[0] == 200
    # What changed before is told at once.
    with asking(running, token, number, Prefer="wait=60", If_None_Match='"1.0"') as (behind,):
        assert "preference-applied" not in answer(behind)[1]


def test_two_hundred_waits_stop_no_page(running: Running, requester: Person, approver: Person, token: str) -> None:
    number = requester.submit(Name="waited-for-by-many")
    with asking(running, token, number, MANY, Prefer="wait=60") as waiting:
        for _ in range(5):
            assert "waited-for-by-many" in requester.get(f"/requests/{number}/")
        assert all(map(unanswered, waiting))
        # Some leave: they are forgotten, and nobody else notices.
        for connection in waiting[: MANY // 2]:
            connection.close()
        assert approver.get("/approvals/")
        requester.post(f"/requests/{number}/withdraw/", page=requester.get(f"/requests/{number}/"))
        told = [answer(connection) for connection in waiting[MANY // 2 :]]
    assert {(status, said["state"]) for status, _, said in told} == {(200, "WITHDRAWN")}
    # A wait is one call of the token's, whatever becomes of it.
    assert min(int(headers["ratelimit-remaining"]) for _, headers, _ in told) >= 600 - MANY - 10


def test_a_server_that_stops_ends_waits_at_once(running: Running, requester: Person, token: str) -> None:
    number = requester.submit(Name="waited-for-until-the-end")
    try:
        with asking(running, token, number, 3, Prefer="wait=60") as waiting:
            with asking(running, token, number) as (at_once,):
                assert answer(at_once)[0] == 200
            assert all(map(unanswered, waiting))
            began = time.monotonic()
            stopping = running.started.pop("web")
            stopping.send_signal(signal.SIGTERM)
            assert {answer(connection)[0] for connection in waiting} == {200}
            assert until(lambda: stopping.poll() is not None) is True
        assert time.monotonic() - began < 30, "half of what they would have waited"
    finally:
        running.start("web")
        until(lambda: _up(running))


def _up(running: Running) -> bool:
    try:
        socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 80), timeout=1).close()
    except OSError:
        return False
    return True
