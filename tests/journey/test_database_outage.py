"""The database is gone, or hangs, under real processes: pages say so and come back by themselves, copies go on. Each
test prints how long it took until things went on."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request

import pytest

from amicopy.copies.core.token_models import new_text
from amicopy.local import processes
from tests.gate import Gate
from tests.journey.conftest import Person, Running, everything, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.skipif(
        not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="Needs PostgreSQL (DATABASE_URL)."
    ),
]
CHANGED = {
    "ANSWER_SECONDS": "8",
    "DATABASE_CONNECT_SECONDS": "2",
    "DATABASE_STATEMENT_SECONDS": "3",
}
# How long the database is away: 60 seconds every night.
AWAY_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "20"))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    url = urlsplit(os.environ["DATABASE_URL"])
    gate = Gate(url.hostname or "127.0.0.1", url.port or 5432)
    through = url._replace(netloc=f"{url.username}@127.0.0.1:{gate.port}")
    monkeypatch.setenv("DATABASE_URL", through.geturl())
    return gate


@pytest.fixture
def behind(gate: Gate, tmp_path: Path) -> Iterator[Running]:
    """amicopy with its database behind the gate."""
    var = tmp_path / "var"
    var.mkdir()
    with everything(var, "amicopy_outage", log=tmp_path / "log", changed=CHANGED) as running:
        yield running
        # What is cleaned up needs the database.
        gate.open()


def answered(person: Person, path: str, **headers: str) -> tuple[int, str, str]:
    """The status of a page, what it says, and its Retry-After; 0 where nothing answers."""
    try:
        response = person.opener.open(Request(person.url + path, headers=headers), timeout=60)
    except HTTPError as refused:
        response = refused
    except URLError:
        return 0, "", ""
    with response:
        return response.status, response.read().decode(), response.headers.get("Retry-After", "")


@pytest.mark.parametrize("how", ["refuse", "hang"])
def test_pages_say_so_and_copies_go_on_once_the_database_is_back(behind: Running, gate: Gate, how: str) -> None:
    requester, approver = Person(behind.url, "requester"), Person(behind.url, "approver")
    number = requester.submit(Name="in flight")
    approver.approve(number)
    until(lambda: requester.copies(number) == ["COPYING"])
    getattr(gate, how)()
    away_until = time.monotonic() + AWAY_SECONDS
    while time.monotonic() < away_until:
        status, page, again = answered(requester, "/requests/")
        assert (status, again) == (503, "5"), page
        assert '<meta http-equiv="refresh" content="5">' in page
        status, page, again = answered(requester, "/api/v1/requests", Authorization=f"Bearer {new_text()}")
        assert (status, again) == (503, "5"), page
        assert '"code": "unavailable"' in page
    assert all(process.poll() is None for process in behind.started.values()), "nothing has ended"
    gate.open()
    began = time.monotonic()
    until(lambda: answered(requester, "/requests/")[0] == 200)
    pages = time.monotonic() - began
    until(lambda: requester.copies(number) == ["AVAILABLE"])
    copies = time.monotonic() - began
    took = f"pages after {pages:.1f} s, the copy in flight after {copies:.1f} s"
    print(f"database, {how}, {AWAY_SECONDS:g} s: {took}")  # noqa: T201
    assert len(behind.control("images")) == 1


def test_web_opens_its_port_without_a_database(behind: Running, gate: Gate) -> None:
    requester = Person(behind.url, "requester")
    processes.stop(behind.started.pop("web"))
    gate.refuse()
    behind.start("web")
    assert until(lambda: answered(requester, "/requests/")[0]) == 503
    gate.open()
    until(lambda: answered(requester, "/requests/")[0] == 200)
