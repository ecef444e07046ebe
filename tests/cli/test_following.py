"""Following a request: how each end ends the run, and what happens while nothing or too much does."""

import os
import pty
import re
import select
import subprocess
import time

import pytest
from django.db.models import F
from pytest_django import Settings

from amicopy.copies.core.models import CopyRequest
from amicopy.copies.requests import verbs
from tests.cli.conftest import ASKED, Command, become, ended, filed, interrupt, line
from tests.cli.door import Door
from tests.copies.conftest import acting, approve, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
QUICK = ("--interval", "0.1s")


@pytest.fixture
def row(amicopy: Command) -> CopyRequest:
    """Two copies are asked for."""
    assert amicopy("request", *ASKED, "--region", "eu-west-1", "--region", "us-west-2").code == 0
    return filed()


def approved(row: CopyRequest) -> CopyRequest:
    """On SQLite the server of a test reads over the same connection, so that it may have answered with the new version
    from the middle of the transaction: another one has it asked once more."""
    approve(make_person("approver", "approver"), row)
    CopyRequest.objects.filter(pk=row.pk).update(version=F("version") + 1)
    row.refresh_from_db()
    return row


def test_waiting_ends_when_the_copies_are_there(amicopy: Command, row: CopyRequest) -> None:
    process = amicopy.begin("status", row.pk, "--follow", *QUICK)
    line(process, "eu-west-1: HELD, 0 %")
    approved(row)
    line(process, "us-west-2: QUEUED, 0 %")
    become(row, "COMPLETED", {0: "AVAILABLE", 1: "AVAILABLE"})
    run = ended(process)
    assert run.code == 0
    assert "COMPLETED, succeeded" in run.out
    assert re.search(r"111122223333 +us-west-2 +AVAILABLE +100 +ami-2", run.out)
    told = amicopy("wait", row.pk, "--output", "json")
    assert (told.code, told.err) == (0, "")
    assert told.json["images"] == {"111122223333": {"eu-west-1": "ami-1", "us-west-2": "ami-2"}}


@pytest.mark.parametrize(
    ("state", "copies", "code", "outcome"),
    [
        ("COMPLETED", ("AVAILABLE", "AVAILABLE"), 0, "succeeded"),
        ("PARTIAL", ("AVAILABLE", "FAILED"), 5, "partly"),
        ("FAILED", ("FAILED", "FAILED"), 5, "failed"),
        ("CANCELLED", ("CANCELLED", "CANCELLED"), 4, "cancelled"),
    ],
)
def test_the_code_says_what_became_of_it(
    amicopy: Command, row: CopyRequest, state: str, copies: tuple[str, str], code: int, outcome: str
) -> None:
    become(approved(row), state, dict(enumerate(copies)))
    for command in (("wait", row.pk), ("status", row.pk, "--follow")):
        run = amicopy(*command, "--output", "json")
        assert (run.code, run.json["outcome"]) == (code, outcome)
    # Only looking isn't failing.
    assert amicopy("status", row.pk).code == 0


def test_what_nobody_approves_ends_with_4(amicopy: Command, row: CopyRequest) -> None:
    process = amicopy.begin("wait", row.pk, *QUICK)
    verbs.reject(acting(make_person("approver", "approver")), row.pk, reason="Which ticket?")
    run = ended(process)
    assert (run.code, "REJECTED, rejected" in run.out) == (4, True)
    amicopy("request", *ASKED, "--region", "eu-west-1")
    other = CopyRequest.objects.latest("pk")
    CopyRequest.objects.filter(pk=other.pk).update(state="EXPIRED")
    assert amicopy("wait", other.pk).code == 4


def test_the_time_limit_ends_with_3(amicopy: Command, row: CopyRequest) -> None:
    run = amicopy("wait", row.pk, "--timeout", "0.5s", *QUICK, "--output", "json")
    assert (run.code, run.json["final"]) == (3, False)
    assert f"It goes on: amicopy wait {row.pk}" in run.err
    assert amicopy("wait", row.pk, "--timeout", "0").code == 3


def test_ctrl_c_ends_the_looking_and_says_that_the_copy_goes_on(amicopy: Command, row: CopyRequest) -> None:
    process = amicopy.begin("status", row.pk, "--follow", *QUICK)
    line(process, "eu-west-1: HELD")
    interrupt(process)
    run = ended(process)
    assert (run.code, run.out) == (130, "")
    assert f"The request goes on; look again with: amicopy status {row.pk} --follow" in run.err
    row.refresh_from_db()
    assert row.state == "PENDING"


def test_a_server_that_goes_and_comes_back_is_followed_on(amicopy: Command, row: CopyRequest, door: Door) -> None:
    patient = {"AMICOPY_SERVER": door.url, "AMICOPY_RETRY_FOR": "60s"}
    process = amicopy.begin("status", row.pk, "--follow", *QUICK, **patient)
    line(process, "eu-west-1: HELD")
    door.shut()
    line(process, "can't be reached")
    become(approved(row), "COMPLETED", {0: "AVAILABLE", 1: "AVAILABLE"})
    door.modes.extend(["busy", "busy"])
    door.open()
    line(process, "answers 503")
    assert ended(process).code == 0


def test_who_cuts_a_held_answer_is_asked_without_holding(amicopy: Command, row: CopyRequest, door: Door) -> None:
    approved(row)
    # The first look goes through; what was to be held ends without an answer.
    door.modes.extend(["", "lose"])
    process = amicopy.begin("status", row.pk, "--follow", *QUICK, AMICOPY_SERVER=door.url)
    line(process, "eu-west-1: QUEUED")
    become(row, "COMPLETED", {0: "AVAILABLE", 1: "AVAILABLE"})
    run = ended(process)
    assert (run.code, "Trying again" in run.err) == (0, False)
    assert door.preferred[:3] == ["", "wait=25", ""]


def test_a_server_that_stays_away_ends_with_7(amicopy: Command, row: CopyRequest, door: Door) -> None:
    door.shut()
    run = amicopy("--retry-for", "1s", "status", row.pk, AMICOPY_SERVER=door.url)
    assert (run.code, run.out) == (7, "")
    assert f"{door.url} can't be reached: " in run.err
    assert "Trying again" in run.err


def test_a_server_that_wants_more_patience_than_there_is_isn_t_waited_for(
    amicopy: Command, row: CopyRequest, door: Door
) -> None:
    door.modes.append("busy long")
    run = amicopy("status", row.pk, AMICOPY_SERVER=door.url)
    assert (run.code, len(door.calls)) == (7, 1)
    assert "Trying again" not in run.err


def test_too_many_calls_are_waited_out_or_said(amicopy: Command, row: CopyRequest, settings: Settings) -> None:
    settings.API_CALLS_PER_MINUTE = 0
    run = amicopy("--retry-for", "0", "status", row.pk)
    assert run.code == 7
    assert "This token may make 0 calls a minute" in run.err


def test_what_isn_t_amicopy_is_said(amicopy: Command, row: CopyRequest, door: Door) -> None:
    door.modes.append("html")
    run = amicopy("status", row.pk, AMICOPY_SERVER=door.url)
    assert (run.code, "not as amicopy does" in run.err) == (7, True)
    # A redirection is not followed: the token is for this server.
    door.modes.append("elsewhere")
    run = amicopy("status", row.pk, AMICOPY_SERVER=door.url)
    assert run.code == 6
    assert "answers 302" in run.err


def test_a_terminal_gets_a_bar_for_each_destination(amicopy: Command, row: CopyRequest) -> None:
    become(approved(row), "PARTIAL", {0: "AVAILABLE", 1: "FAILED"})
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*amicopy.start, "status", str(row.pk), "--follow", "--output", "json"],
        env=amicopy.environ | {"TERM": "xterm-256color", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=follower,
    )
    os.close(follower)
    shown = everything(leader)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 5
    # Standard output stays JSON alone.
    assert out.startswith(b"{")
    assert re.search(r"#\d+ eu-west-1.*━.*100%.*AVAILABLE", shown)
    assert re.search(r"#\d+ us-west-2.*━.*0%.*FAILED", shown)


def everything(terminal: int) -> str:
    """What is written to a terminal until its last writer ends."""
    found, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        found += piece
    os.close(terminal)
    return found.decode()
