"""The history by the command line: exported, kept whole or not at all, and verified without a server."""

import json
from pathlib import Path

import pytest
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from tests.api.conftest import token_of
from tests.cli.conftest import ASKED, Command, filed
from tests.copies.conftest import make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def auditing(amicopy: Command) -> Command:
    assert amicopy("request", *ASKED, "--region", "eu-west-1").code == 0
    return amicopy.with_token(token_of(make_person("auditor", "auditor"), "audit"))


def test_an_export_verifies(auditing: Command, tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "export.zip"
    run = auditing("audit", "export", "--to", path)
    assert (run.code, run.out) == (0, "")
    assert f"{path}: {path.stat().st_size:,} bytes" in run.err
    key = settings.AUDIT_PUBLIC_KEYS[0]
    verified = auditing("audit", "verify", "--key", key, path, AMICOPY_TOKEN="", AMICOPY_SERVER="")
    assert (verified.code, verified.out.splitlines()[-1]) == (0, "All of it holds.")
    assert auditing("audit", "verify", path).code == 3
    path.write_bytes(b"x")
    assert auditing("audit", "verify", path).code == 1
    assert auditing("audit", "verify").code == 2
    help_ = auditing("audit", "verify", "--help")
    assert (help_.code, "--head" in help_.out) == (0, True)


def test_an_export_is_narrowed_and_goes_into_a_pipe(auditing: Command) -> None:
    number = filed().pk
    run = auditing("audit", "export", "--format", "jsonl", "--request", number, "--to", "-")
    assert (run.code, run.err) == (0, "")
    assert {json.loads(text)["request"] for text in run.out.splitlines()} == {number}
    assert auditing("audit", "export", "--format", "csv", "--to", "-").out.startswith("id,")
    assert AuditEvent.objects.filter(action="audit.exported", source="api").count() == 2


def test_a_file_that_is_there_stays_and_a_refusal_leaves_none(auditing: Command, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_text("mine")
    assert auditing("audit", "export", "--to", path).code == 2
    assert path.read_text() == "mine"
    other = tmp_path / "other.zip"
    refused = auditing("audit", "export", "--since", "yesterday", "--to", other)
    assert (refused.code, "since: " in refused.err) == (6, True)
    nowhere = auditing("audit", "export", "--to", tmp_path / "none" / "x.zip")
    assert (nowhere.code, "can't be written" in nowhere.err) == (2, True)
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == ["export.zip"]
