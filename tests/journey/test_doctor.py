"""The doctor beside real processes: it says that all is well, and who is missing."""

import subprocess
import sys

import pytest

from tests.journey.conftest import ROOT, Person, Running, until

pytestmark = [pytest.mark.slow, pytest.mark.processes]


def doctor(running: Running) -> tuple[int, str]:
    command = [sys.executable, "manage.py", "doctor"]
    done = subprocess.run(command, env=running.environ, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_the_doctor_finds_nothing_wrong_and_then_misses_the_worker(
    running: Running, requester: Person, approver: Person
) -> None:
    number = requester.submit(Name="for-the-doctor")
    approver.approve(number)
    until(lambda: requester.state(number) == "COMPLETED")
    code, said = doctor(running)
    assert code == 0, said
    for what in ("database", "broker", "workers", "beat", "work", "account sandbox, eu-west-1"):
        assert f"ok       {what}:" in said
    running.kill("worker")
    try:
        code, said = doctor(running)
        assert code == 1
        assert "WRONG    workers:" in said
    finally:
        running.start("worker")
