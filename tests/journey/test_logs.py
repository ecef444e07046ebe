"""What the processes log: one id from the page, through the message and the worker, to AWS's answer, as JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journey.conftest import PASSWORD, Person, everything, until

pytestmark = [pytest.mark.slow, pytest.mark.processes]


def entries(log: Path) -> Iterator[dict[str, Any]]:
    """The lines that amicopy wrote; before it and the worker are set up, Python and Celery write their own."""
    for line in log.read_text().splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def test_one_id_leads_from_the_page_to_the_call_of_aws(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with everything(tmp_path, "amicopy_logs", log=log, changed={"LOG_FORMAT": "json"}) as running:
        requester, approver = Person(running.url, "requester"), Person(running.url, "approver")
        number = requester.submit(Name="golden-logged")
        approver.approve(number)
        assert until(lambda: requester.state(number) == "COMPLETED")
        calls = running.control("answers?action=CopyImage")
    said = list(entries(log))
    (approval,) = [each for each in said if each.get("path") == f"/requests/{number}/approve/"]
    assert (approval["method"], approval["status"], approval["person"]) == ("POST", 302, "approver")
    steps = [each for each in said if each.get("request") == number and each["correlation"] == approval["correlation"]]
    assert [each["action"] for each in steps] == ["copy.queued", "copy.starting", "copy.copying", "copy.available"]
    assert [call["request_id"] for call in calls] == [steps[2]["aws_request_id"]]
    text = log.read_text()
    assert PASSWORD not in text
    assert "Traceback" not in text
