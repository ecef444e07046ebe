"""AWS hangs and ten people look things up, each in three tabs: somebody else's pages don't notice."""

import threading
from collections.abc import Iterator

import pytest

from tests.journey.conftest import Person, Running, typed, until
from tests.web.page import read

pytestmark = [pytest.mark.slow, pytest.mark.processes]
TABS = 30


@pytest.fixture
def hanging(running: Running) -> Iterator[Running]:
    fault = running.control("faults", kind="hang", count=None, seconds=120)
    yield running
    running.control("faults", method="DELETE", id=fault["id"])


def test_a_dashboard_answers_while_every_look_up_hangs(hanging: Running, approver: Person) -> None:
    stop, counts = threading.Event(), [0] * TABS

    def look(index: int, person: Person, page: str) -> None:
        """As somebody who changes the source all the time; every other one without a script."""
        while not stop.is_set():
            image = f"ami-{index:08x}{counts[index]:09x}"
            if index % 2:
                person.post("/requests/new/", page=page, **typed(SourceImageId=image), look="1")
            else:
                person.post("/requests/new/source/", page=page, **typed(SourceImageId=image))
            counts[index] += 1

    people = [Person(hanging.url, "requester") for _ in range(TABS)]
    pages = [person.get("/requests/new/") for person in people]
    threads = [
        threading.Thread(target=look, args=(index, person, page))
        for index, (person, page) in enumerate(zip(people, pages, strict=True))
    ]
    for thread in threads:
        thread.start()
    try:
        until(lambda: min(counts) >= 1)
        for _ in range(10):
            with approver.opener.open(f"{hanging.url}/", timeout=10) as answer:
                assert read(answer.read().decode()).headings("Dashboard")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
