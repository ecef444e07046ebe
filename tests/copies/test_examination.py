"""Checks side by side: whatever hangs or fails, the others are heard, and in time."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import get_args

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit import triggers
from amicopy.audit.models import AuditCheck, HeadStore
from amicopy.copies.core.models import Account
from amicopy.copies.operations.health import channels, checks, examination, history, machinery
from amicopy.copies.operations.health.checks import Check
from amicopy.copies.operations.health.finding import Finding, Part, State, well
from amicopy.copies.operations.health.words import WORDS, words_of
from amicopy.copies.voting import rule_faults
from amicopy.notify.models import Endpoint, Kind, Message
from amicopy.notify.models import State as MessageState
from amicopy.notify.sealing import seal
from amicopy.web.session_store import SessionStore
from tests.conftest import Control

HEALTH = Path(machinery.__file__).parent


def codes(found: Iterator[Finding] | list[Finding]) -> list[str]:
    return [finding.code for finding in found]


@pytest.fixture
def hangs() -> Iterator[Check]:
    """A check that never ends by itself."""
    end = threading.Event()

    def look() -> Iterator[Finding]:
        yield well(Part.BROKER, "broker-answers", count=0)
        end.wait()

    yield Check(Part.BROKER, look, seconds=0.3, asks_database=False)
    end.set()


def fails() -> Iterator[Finding]:
    yield well(Part.DISK, "disk-has-room")
    raise RuntimeError("A secret that nobody should read.")


def test_what_hangs_or_fails_is_a_finding_and_keeps_nobody_waiting(hangs: Check) -> None:
    fine = Check(Part.TOKENS, lambda: iter([well(Part.TOKENS, "heads-nowhere")]), asks_database=False)
    before = time.monotonic()
    found = examination.examine([hangs, Check(Part.DISK, fails, asks_database=False), fine])
    assert time.monotonic() - before < checks.SECONDS
    assert codes(found) == ["broker-answers", "no-answer", "disk-has-room", "check-failed", "heads-nowhere"]
    assert "secret" not in " ".join(str(words_of(finding)) for finding in found)


def test_every_finding_has_words_and_there_are_no_others() -> None:
    source = "".join(path.read_text() for path in HEALTH.glob("*.py") if path.name != "words.py")
    used = set(re.findall(r'"([a-z][a-z-]+-[a-z-]+)"', source)) - {"maxmemory-policy", "access-keys", "e-mail"}
    used -= {"not-opted-in", "check-"}
    used |= {f"rule-group-{code}" for code in get_args(rule_faults.Code)}
    assert used == set(WORDS)


@pytest.mark.django_db(transaction=True)
def test_doctor_speaks_json_and_ends_with_one_while_something_is_down(sandbox: Control, account: Account) -> None:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json", stdout=out)
    assert ended.value.code == 1
    found = {each["code"]: each for each in json.loads(out.getvalue())}
    assert found["workers-never"] | {"seen": ""} == {
        "part": "workers",
        "place": "",
        "code": "workers-never",
        "state": "down",
        "since": None,
        "seen": "",
        "means": "Nothing is started or followed.",
        "do": "Run celery -A amicopy worker.",
        "data": {},
    }
    assert found["credentials-work"]["place"] == "sandbox"
    assert found["database-answers"]["state"] == "well"


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_hangs_does_not_keep_doctor_waiting(sandbox: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(current_app.conf, "broker_write_url", f"amqp://127.0.0.1:{server.getsockname()[1]}//")
        before = time.monotonic()
        found = examination.examine_all()
        assert time.monotonic() - before < 15
    down = {finding.code for finding in found if finding.part is Part.BROKER}
    assert down <= {"broker-away", "no-answer"}
    assert down
    assert "database-answers" in codes(found)


@pytest.mark.django_db
def test_a_chain_that_is_broken_late_or_never_looked_at_is_told() -> None:
    assert codes(history.chain()) == ["chain-never-verified"]
    row = AuditCheck.objects.create(full=False, outcome="good", head_id=0, head_hash="", events=3)
    assert codes(history.chain()) == ["chain-verified"]
    AuditCheck.objects.update(at=timezone.now() - timedelta(hours=1))
    assert codes(history.chain()) == ["chain-late"]
    AuditCheck.objects.filter(pk=row.pk).update(full=True, outcome="broken", finding="Event 7 isn't as it was written.")
    [broken] = history.chain()
    assert (broken.code, broken.state) == ("chain-broken", State.DOWN)
    assert "Event 7 isn't as it was written. Copies go on." in str(words_of(broken))


@pytest.mark.django_db
def test_triggers_that_were_taken_off_are_told() -> None:
    assert codes(history.append_only()) == []
    triggers.remove(connection)
    [weak] = history.append_only()
    assert "is missing" in str(words_of(weak))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"fault": "unwritable"}, "head-not-kept"),
        ({"fault": "missing"}, "head-not-kept"),
        ({"written_at": None}, "head-not-kept"),
        ({"written_at": timezone.now() - timedelta(days=1)}, "head-not-kept"),
        ({}, "head-kept"),
    ],
)
def test_heads_that_do_not_arrive_are_told(settings: Settings, row: dict[str, object], code: str) -> None:
    settings.AUDIT_HEAD_DIR = "/nowhere/heads"
    now = timezone.now()
    HeadStore.objects.create(**{"kind": "folder", "name": "x", "tried_at": now, "written_at": now, **row})
    assert codes(history.heads()) == [code]


@pytest.mark.django_db
def test_mail_and_webhooks_that_fail_or_wait_are_told(settings: Settings) -> None:
    settings.EMAIL_ON = True
    person = User.objects.create(username="somebody")
    hook = Endpoint.objects.create(name="tickets", sealed_url=seal("https://hooks.example/x"))
    assert codes(channels.email()) == ["email-sent"]
    assert codes(channels.webhooks()) == ["webhooks-well"]
    now = timezone.now()
    values = {"kind": Kind.ASKED, "request": 1, "round": 1, "created_at": now, "trying_since": now}
    due = now - timedelta(minutes=5)
    stood: tuple[dict[str, object], ...] = ({"tries": 0}, {"tries": 3}, {"state": MessageState.FAILED})
    for number, rest in enumerate(stood):
        for person_or_hook in (person, hook):
            whom = {"person" if person_or_hook is person else "endpoint": person_or_hook}
            Message.objects.create(**(values | {"event": number, "next_try_at": due} | rest | whom))
    assert codes(channels.email()) == ["messages-late", "email-failing", "email-undelivered"]
    found = list(channels.webhooks())
    assert codes(found) == ["messages-late", "webhook-failing", "webhook-undelivered"]
    assert {finding.place for finding in found} == {"tickets"}


@pytest.mark.django_db
def test_sessions_that_nobody_sweeps_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machinery, "UNSWEPT", 1)
    rows = SessionStore.get_model_class().objects
    assert codes(machinery.sessions()) == ["sessions-swept"]
    for key in ("a", "b"):
        rows.create(session_key=key, session_data="", expire_date=timezone.now() - timedelta(hours=2))
    assert codes(machinery.sessions()) == ["sessions-unswept"]


def test_a_disk_that_is_nearly_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "disk-full" not in codes(machinery.disk())
    monkeypatch.setattr(machinery, "ALMOST_NONE", 2**60)
    assert set(codes(machinery.disk())) == {"disk-full"}
    monkeypatch.setattr(machinery, "ALMOST_NONE", 0)
    monkeypatch.setattr(machinery, "LITTLE", 2**60)
    monkeypatch.setattr(machinery, "LITTLE_SHARE", 2.0)
    assert set(codes(machinery.disk())) == {"disk-nearly-full"}


def test_a_broker_whose_messages_come_twice_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app.conf, "broker_write_url", "memory://")
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 300}
    settings.CELERY_TASK_TIME_LIMIT = 120
    assert codes(machinery.broker()) == ["broker-answers"]
    settings.CELERY_TASK_TIME_LIMIT = 480
    assert codes(machinery.broker()) == ["broker-redelivers", "broker-answers"]
