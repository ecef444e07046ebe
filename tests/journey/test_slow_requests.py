"""Connections that send slowly, much, nothing, or not what they said: pages go on for everybody else."""

import json
import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.journey.conftest import Person, Running, until

pytestmark = [pytest.mark.slow, pytest.mark.processes]
SECONDS = 60.0


@contextmanager
def connected(running: Running, count: int = 1, *, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections on which this was sent, and nothing else."""
    with ExitStack() as opened:
        found = []
        for _ in range(count):
            made = socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 80), timeout=SECONDS)
            found.append(opened.enter_context(made))
            made.sendall(sent)
        yield found


def sign_in(running: Running, *headers: str, body: bytes = b"") -> bytes:
    """A post to the sign-in page that gets as far as its fields being read."""
    with urlopen(f"{running.url}/sign-in/") as answer:
        token = re.search(r"csrftoken=(\w+)", answer.headers["Set-Cookie"])
    assert token
    lines = ["POST /sign-in/ HTTP/1.1", "Host: 127.0.0.1", f"Cookie: csrftoken={token[1]}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def unanswered(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    return False


def status(connection: socket.socket) -> int:
    """The status of the answer; 0 when the connection was closed without one."""
    connection.settimeout(SECONDS)
    return int(connection.recv(64)[9:12] or 0)


FORM = "Content-Type: application/x-www-form-urlencoded"


def test_a_hundred_slow_requests_stop_no_page(running: Running, requester: Person) -> None:
    slow = sign_in(running, FORM, "Content-Length: 100000", body=b"username=")
    with connected(running, 100, sent=slow) as held:
        with urlopen(f"{running.url}/healthz", timeout=10) as answer:
            assert answer.status == HTTPStatus.OK
        assert "Dashboard" in requester.get("/")
        assert all(unanswered(each) for each in held), "none of them had ended by then"


def test_a_thousand_idle_connections_stop_no_page(running: Running, requester: Person) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
    with connected(running, 1100) as held:
        assert "Dashboard" in requester.get("/")
        assert all(unanswered(each) for each in held)


def test_what_does_not_arrive_is_given_up(running: Running) -> None:
    body = sign_in(running, FORM, "Content-Length: 100000", body=b"username=")
    with (
        connected(running) as idle,
        connected(running, sent=b"GET / HT") as head,
        connected(running, sent=body) as slow,
    ):
        assert status(slow[0]) == HTTPStatus.REQUEST_TIMEOUT
        assert status(head[0]) == status(idle[0]) == 0


def test_what_is_too_long_or_of_unknown_length_is_not_read(running: Running) -> None:
    multipart = "Content-Type: multipart/form-data; boundary=x"
    with connected(running, sent=sign_in(running, multipart, f"Content-Length: {300 * 2**20}")) as (huge,):
        assert status(huge) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    with connected(running, sent=sign_in(running, FORM, "Transfer-Encoding: chunked")) as (chunked,):
        assert status(chunked) == HTTPStatus.LENGTH_REQUIRED
    with connected(running, sent=sign_in(running, f"X-Long: {'x' * 300_000}")) as (head,):
        assert status(head) == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


def test_a_program_hears_of_it_as_a_problem(running: Running) -> None:
    lines = ["POST /api/v1/requests HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    for more, expected, code in (
        ("Content-Length: 10000000", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large"),
        ("Transfer-Encoding: chunked", HTTPStatus.LENGTH_REQUIRED, "length-missing"),
    ):
        with connected(running, sent="\r\n".join([*lines, more, "", ""]).encode()) as (refused,):
            refused.settimeout(SECONDS)
            said = b"".join(iter(lambda: refused.recv(65536), b""))
        head, _, body = said.partition(b"\r\n\r\n")
        assert int(head[9:12]) == expected
        assert b"application/problem+json" in head
        assert json.loads(body)["code"] == code


def test_a_request_that_breaks_off_is_not_taken_for_a_whole_one(running: Running) -> None:
    with connected(running, sent=sign_in(running, FORM, "Content-Length: 100", body=b"username=x")) as (broken,):
        broken.shutdown(socket.SHUT_WR)
        assert status(broken) == HTTPStatus.BAD_REQUEST


def test_many_large_bodies_at_once_are_refused_before_they_fill_the_memory(running: Running, requester: Person) -> None:
    large = sign_in(running, FORM, "Content-Length: 2500000", body=b"x" * 2_400_000)
    with connected(running, 30, sent=large) as held:
        refused = until(lambda: [each for each in held if not unanswered(each)])
        assert "Dashboard" in requester.get("/")
        assert len(refused) < len(held)
        assert status(refused[0]) == HTTPStatus.SERVICE_UNAVAILABLE, "and not for being late"


def test_an_export_arrives_in_whole(running: Running) -> None:
    auditor = Person(running.url, "auditor")
    page = auditor.get("/audit/")
    _, file = auditor.post("/audit/export/", page=page, format="jsonl")
    assert until(lambda: '"person.signed_in"' in file)
    assert file.endswith("}\n")
