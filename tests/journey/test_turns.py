"""One worker that reads all queues: a pass over many places takes none of the processes that starting needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.conftest import Person, Running, everything, until

pytestmark = [pytest.mark.slow, pytest.mark.processes]
PLACES = ("eu-west-1", "eu-west-2", "eu-central-1", "us-west-2")


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Running]:
    """AWS answers no look at the copies in these Regions; and nothing else ends a task that waits for it."""
    with everything(tmp_path, "amicopy_turns", changed={"LEASE_SECONDS": "300", "WORKER_CONCURRENCY": "2"}) as running:
        for region in PLACES:
            running.control("faults", kind="hang", action="DescribeSnapshots", region=region, count=None, seconds=300)
        yield running


def test_a_pass_over_places_that_hang_holds_up_no_start(hanging: Running) -> None:
    requester, approver = Person(hanging.url, "requester"), Person(hanging.url, "approver")
    for region in PLACES:
        approver.approve(requester.submit(Name=f"to-{region}", **{"destinations-0-DestinationRegion": region}))

    def looks() -> int:
        return sum(bool(rule["used"]) for rule in hanging.control("faults")["rules"])

    until(looks)
    # Each takes a sweep or more, which sends another message about the places that wait.
    for turn in range(4):
        number = requester.submit(Name=f"meanwhile-{turn}", **{"destinations-0-DestinationRegion": "sa-east-1"})
        approver.approve(number)
        until(lambda number=number: requester.copies(number)[0] in ("COPYING", "AVAILABLE"))  # type: ignore[misc]
    assert looks() == 1, "and the places that wait for a process wait on"
