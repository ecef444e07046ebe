"""The main job from a terminal, every process for real: asked for, followed, approved, copied, exported, verified."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import ASKED, Command, ended, environ, line
from tests.journey.conftest import Person, Running

pytestmark = [pytest.mark.slow, pytest.mark.processes]


def terminal(running: Running, name: str, home: Path, *scopes: str) -> Command:
    """The command as somebody's who made a token on their page."""
    _, page = Person(running.url, name).post("/settings/tokens/", name="nightly", days="30", scopes=list(scopes))
    found = re.search(r"amic_[0-9A-Za-z]{57}", page)
    assert found, page
    return Command(environ(home, AMICOPY_SERVER=running.url, AMICOPY_TOKEN=found[0]))


def test_a_pipeline_asks_follows_and_proves(running: Running, tmp_path: Path) -> None:
    asking = terminal(running, "requester", tmp_path, "read", "request")
    deciding = terminal(running, "approver", tmp_path, "read", "decide")
    destinations = ("--region", "eu-west-1", "--destination")
    wrong = "DestinationRegion=us-west-2,Encrypted=true,KmsKeyId=alias/retired"
    anyway = ("--submit-anyway", "The key is enabled again on Monday.")
    process = asking.begin("request", *ASKED, *destinations, wrong, *anyway, "--follow", "--interval", "0.2s")
    number = re.findall(r"[0-9]+", line(process, "Request #"))[0]
    shown = deciding("show", number, "--output", "json").json
    assert deciding("approve", number, "--content-hash", shown["content_hash"]).code == 0
    line(process, "eu-west-1: COPYING")
    run = ended(process)
    assert run.code == 5
    assert re.search(r"eu-west-1 +AVAILABLE +100 +ami-[0-9a-f]{17}", run.out)
    assert "Given key ID is not accessible." in asking("show", number).out
    auditing = terminal(running, "auditor", tmp_path, "audit")
    path = tmp_path / "export.zip"
    assert auditing("audit", "export", "--to", path).code == 0
    # Nobody gave a key, so only the signatures weren't looked at.
    verified = auditing("audit", "verify", path)
    assert (verified.code, "Nothing is wrong" in verified.out) == (3, True)


def test_who_waits_is_told_at_once_whatever_the_interval(running: Running, tmp_path: Path) -> None:
    asking = terminal(running, "requester", tmp_path, "read", "request")
    process = asking.begin("request", *ASKED, "--region", "eu-west-1", "--follow", "--interval", "1d")
    number = re.findall(r"[0-9]+", line(process, "Request #"))[0]
    line(process, "eu-west-1: HELD")
    assert asking("withdraw", number).code == 0
    # It ends within the minute that a test gives it, so it didn't look once a day.
    assert ended(process).code == 4
