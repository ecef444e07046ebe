"""A worker that is told to stop: another goes on at once, with the same token."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journey.conftest import Person, Running, until

pytestmark = [pytest.mark.slow, pytest.mark.processes]
# Far longer than this test takes, so that no lease ends by itself.
LONG_LEASE = "300"


@pytest.fixture
def long_leases(running: Running) -> Iterator[Running]:
    usual = running.environ["LEASE_SECONDS"]
    running.environ["LEASE_SECONDS"] = LONG_LEASE
    running.kill("worker")
    running.start("worker")
    yield running
    running.environ["LEASE_SECONDS"] = usual
    running.control("faults", kind="latency", seconds=0)
    for name in [name for name in running.started if name.startswith("worker")]:
        running.kill(name)
    running.start("worker")


def test_a_worker_told_to_stop_in_the_middle_of_a_call_hands_it_back(
    long_leases: Running, requester: Person, approver: Person
) -> None:
    long_leases.control("faults", kind="hang", action="CopyImage", seconds=60)
    number = requester.submit(Name="handed-back")
    approver.approve(number)

    def calls() -> list[dict[str, Any]]:
        found = long_leases.control("calls?action=CopyImage")
        return [call for call in found if call["params"]["Name"] == "handed-back"]

    until(calls)
    long_leases.start("worker-2")
    stopping = long_leases.started.pop("worker")
    stopping.send_signal(signal.SIGTERM)
    first, second = until(lambda: calls() if len(calls()) == 2 else [])
    assert second["time"] - first["time"] < 18, "before the first call's own time limit of 20 seconds"
    until(lambda: requester.state(number) == "COMPLETED")
    assert len({str(call["params"]) for call in calls()}) == 1, "the same token and parameters"
    images = [image for image in long_leases.control("images") if image["Name"] == "handed-back"]
    assert len(images) == 1
    assert until(lambda: stopping.poll() is not None)
    assert stopping.returncode == 0
