"""AWS hangs and several people look things up, each in two tabs: somebody else's pages don't notice."""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.journey.conftest import Person, Running, add_requesters, everything, typed, until
from tests.web.page import read

pytestmark = [pytest.mark.slow, pytest.mark.processes]
# Each person may ask for so much a minute, beyond which nobody waits for anything.
PEOPLE, TABS = 5, 10
# As long as somebody takes to type another image.
TYPED_SECONDS = 2.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With one thread more than may wait for look-ups, so that one that waited beyond would be missed at once, also by
    a machine that is too slow to keep eight of them busy."""
    with everything(tmp_path_factory.mktemp("var"), "amicopy_looks", changed={"WEB_THREADS": "3"}) as it:
        yield it


@contextmanager
def looking(running: Running) -> Iterator[list[int]]:
    """All look things up all the time, without a script; how often each has, as it grows."""
    people = [Person(running.url, name) for name in add_requesters(running, PEOPLE)]
    page, counts, stop = people[0].get("/requests/new/"), [0] * TABS, threading.Event()
    pages = [page, *(person.get("/requests/new/") for person in people[1:])]

    def look(tab: int) -> None:
        person, page = people[tab % PEOPLE], pages[tab % PEOPLE]
        while not stop.is_set():
            fields = typed(SourceImageId=f"ami-{tab:08x}{counts[tab]:09x}")
            person.post("/requests/new/", page=page, **fields, look="1")
            counts[tab] += 1
            stop.wait(TYPED_SECONDS)

    threads = [threading.Thread(target=look, args=(tab,)) for tab in range(TABS)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def seconds(person: Person, counts: list[int]) -> float:
    """How long a dashboard takes, once everybody has looked once more."""
    before = counts.copy()
    until(lambda: all(count > had for count, had in zip(counts, before, strict=True)))
    taken = []
    for _ in range(10):
        began = time.monotonic()
        assert read(person.get("/")).headings("Dashboard")
        taken.append(time.monotonic() - began)
    return statistics.median(taken)


def test_a_dashboard_answers_while_every_look_up_hangs(running: Running, approver: Person) -> None:
    """In no more than twice the time it takes while AWS answers them."""
    fault = running.control("faults", kind="hang", count=None, seconds=120)
    try:
        with looking(running) as counts:
            hanging = seconds(approver, counts)
            running.control("faults", method="DELETE", id=fault["id"])
            assert hanging <= 2 * seconds(approver, counts) + 0.5
    finally:
        running.control("reset", method="POST")
