"""SIGTERM to everything at once, as a supervisor that tells whole groups sends it, with a call under way."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.journey.conftest import Person, everything, until

pytestmark = [pytest.mark.slow, pytest.mark.processes]
STOPPED = ("web", "worker", "beat")


def test_all_end_soon_and_what_was_under_way_is_made_once(tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.mkdir()
    with everything(var, "amicopy_stopping", log=tmp_path / "log", changed={"LEASE_SECONDS": "300"}) as running:
        requester, approver = Person(running.url, "requester"), Person(running.url, "approver")
        running.control("faults", kind="hang", action="CopyImage", seconds=60)
        number = requester.submit(Name="under way")
        approver.approve(number)
        until(lambda: running.control("calls?action=CopyImage"))
        stopping = {name: running.started.pop(name) for name in STOPPED}
        began = time.monotonic()
        for process in stopping.values():
            os.killpg(process.pid, signal.SIGTERM)
        for name, process in stopping.items():
            until(lambda process=process: process.poll() is not None, seconds=30)  # type: ignore[misc]
            print(f"{name} ended {time.monotonic() - began:.1f} s after SIGTERM to its group")  # noqa: T201
        for name in STOPPED:
            running.start(name)
        until(lambda: signed_in(running.url))
        again = Person(running.url, "requester")
        until(lambda: again.copies(number) == ["AVAILABLE"])
        assert len(running.control("images")) == 1


def signed_in(url: str) -> bool:
    """Whether web answers again."""
    try:
        return bool(Person(url, "requester"))
    except OSError:
        return False
