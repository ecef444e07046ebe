"""One worker that reads all queues: a pass over many places takes none of the processes that starting needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.conftest import Person, Running, everything, until

pytestmark = [pytest.mark.slow, pytest.mark.processes]
# As many as the worker has processes.
PLACES = ("eu-west-1", "eu-west-2", "eu-central-1", "us-west-2")


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Running]:
    """AWS answers no look at the copies in these Regions; and nothing else ends a task that waits for it."""
    with everything(tmp_path, "amicopy_turns", changed={"LEASE_SECONDS": "300"}) as running:
        for region in PLACES:
            running.control("faults", kind="hang", action="DescribeSnapshots", region=region, count=None, seconds=300)
        yield running


def test_a_pass_over_places_that_hang_holds_up_no_start(hanging: Running) -> None:
    requester, approver = Person(hanging.url, "requester"), Person(hanging.url, "approver")
    for region in PLACES:
        approver.approve(requester.submit(Name=f"to-{region}", **{"destinations-0-DestinationRegion": region}))

    def looks() -> int:
        return sum(bool(rule["used"]) for rule in hanging.control("faults")["rules"])

    until(lambda: looks() >= len(PLACES) - 1)
    number = requester.submit(Name="meanwhile", **{"destinations-0-DestinationRegion": "sa-east-1"})
    approver.approve(number)
    until(lambda: requester.copies(number) in (["COPYING"], ["AVAILABLE"]))
    assert looks() == len(PLACES) - 1, "and the place that waits for a process waits on"
