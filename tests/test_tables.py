"""Every table has something that bounds it, and says so; what is swept goes, and nothing else."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, reverse
from django.utils import timezone
from pytest_django import Settings

from amicopy.api.api import api
from amicopy.api.models import KeptAnswer, SeenSignature
from amicopy.audit.models import AuditCheck
from amicopy.copies.core.engine_models import Pulse
from amicopy.copies.core.minute_counts import MinuteCount
from amicopy.copies.core.models import Account, PermissionCheck
from amicopy.notify.models import Message, State
from amicopy.urls import urlpatterns
from amicopy.web import table_sweeps, unsent_posts
from amicopy.web.models import SeenLogout, UnsentPost
from amicopy.web.tasks import sweep_tables
from tests.copies.conftest import make_person
from tests.web.conftest import typed

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
PAGE = (Path(__file__).resolve().parents[1] / "docs" / "operating.md").read_text()


def test_the_list_of_tables_has_every_table_once() -> None:
    section = PAGE.partition("\n## Tables\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.+`) \|", section, re.M)
    listed = [name.strip("`") for cell in cells for name in cell.split(", ")]
    assert sorted(listed) == sorted(model._meta.db_table for model in apps.get_models(include_auto_created=True))


def sessions(ages: timedelta) -> Any:
    model = table_sweeps._sessions()
    return model.objects.create(session_key=f"key-{ages}"[:40], session_data="x", expire_date=timezone.now() - ages)


def told(age: timedelta, state: State = State.SENT) -> Any:
    at, number = timezone.now() - age, Message.objects.count()
    person = make_person("requester", "requester")
    common = {"kind": "ended", "request": 1, "round": 1, "subject": "x", "text": "x", "path": "/", "person": person}
    times = {"created_at": at, "trying_since": at, "next_try_at": at, "sent_at": at}
    return Message.objects.create(event=number, state=state, **common, **times)


def asked(age: timedelta) -> Any:
    account, _ = Account.objects.get_or_create(name="sandbox", account_id="111122223333")
    person = make_person("requester", "requester")
    about = {"account": account, "DestinationRegion": "eu-west-1", "parameters": {}, "fingerprint": "f"}
    return PermissionCheck.objects.create(asked=uuid4(), person=person, requested_at=timezone.now() - age, **about)


def counted(age: timedelta) -> Any:
    return MinuteCount.objects.create(key=f"person:{age}", minute=timezone.now() - age, count=1)


MAKE: dict[str, tuple[Callable[[timedelta], Any], timedelta]] = {
    "sessions": (sessions, timedelta(0)),
    "copies.MinuteCount": (counted, timedelta(hours=1)),
    "web.UnsentPost": (
        lambda age: UnsentPost.objects.create(address="10.0.0.1", at=timezone.now() - age),
        unsent_posts.KEPT,
    ),
    "api.KeptAnswer": (
        lambda age: KeptAnswer.objects.create(
            person=User.objects.create_user(f"caller-{age}"),
            key="k",
            fingerprint="f",
            started_at=timezone.now() - age,
        ),
        timedelta(days=7),
    ),
    "api.SeenSignature": (
        lambda age: SeenSignature.objects.create(signature=f"{age.total_seconds()}", at=timezone.now() - age),
        SeenSignature.KEPT,
    ),
    "web.SeenLogout": (
        lambda age: SeenLogout.objects.create(digest=f"{age.total_seconds()}", at=timezone.now() - age),
        SeenLogout.KEPT,
    ),
    "copies.Pulse": (lambda age: Pulse.objects.create(name="beat", host=str(age), at=timezone.now() - age), Pulse.KEPT),
    "copies.PermissionCheck": (asked, timedelta(days=1)),
    "notify.Message": (told, timedelta(days=400)),
    "audit.AuditCheck": (
        lambda age: AuditCheck.objects.create(
            full=True, outcome=AuditCheck.Outcome.GOOD, at=timezone.now() - age, head_id=0, events=0
        ),
        timedelta(days=400),
    ),
}


@pytest.mark.parametrize("sweep", table_sweeps.SWEEPS, ids=lambda sweep: sweep.model)
def test_what_is_over_goes_in_batches_and_the_rest_stays(
    sweep: table_sweeps.Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_sweeps, "BATCH", 2)
    make, kept = MAKE[sweep.model]
    for number in range(5):
        make(kept + timedelta(minutes=1 + number))
    stays = make(kept - timedelta(minutes=1))
    sweep_tables()
    assert [row.pk for row in type(stays).objects.all()] == [stays.pk]


def test_a_message_that_still_waits_is_never_swept() -> None:
    waiting = told(timedelta(days=500), State.WAITING)
    sweep_tables()
    assert Message.objects.get() == waiting


def test_forms_sent_while_signed_out_are_few_for_each_address_and_few_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsent_posts, "OF_ALL", 8)
    for number in range(20):
        Client(REMOTE_ADDR="10.0.0.1").post("/requests/new/", typed(Name=f"one-{number}"))
    assert {row.fields["Name"] for row in UnsentPost.objects.all()} == {f"one-{number}" for number in range(15, 20)}
    for number in range(20):
        Client(REMOTE_ADDR=f"10.0.1.{number}").post("/requests/new/", typed(Name=f"all-{number}"))
    assert {row.fields["Name"] for row in UnsentPost.objects.all()} == {f"all-{number}" for number in range(12, 20)}


def rows() -> dict[str, int]:
    return {
        model._meta.db_table: model._default_manager.count() for model in apps.get_models(include_auto_created=True)
    }


def test_nothing_else_that_is_sent_while_signed_out_is_written_down() -> None:
    User.objects.create_user("somebody")
    before, sent = rows(), typed(token="x", q="x")
    # The API answers nobody without a token, whose use is a person's.
    for pattern in (each for each in urlpatterns if isinstance(each, URLPattern)):
        try:
            address = reverse(pattern.name, kwargs=dict.fromkeys(pattern.pattern.converters, 1))
        except NoReverseMatch:
            address = reverse(pattern.name, kwargs=dict.fromkeys(pattern.pattern.converters, "x"))
        if pattern.name != "sign-in":
            for _ in range(2):
                assert Client().post(address, sent).status_code < 500
                assert Client().get(address, sent).status_code < 500
    after = rows()
    assert {table for table in after if after[table] != before[table]} == {UnsentPost._meta.db_table}


def test_no_program_without_a_token_or_a_key_has_anything_written_down(settings: Settings) -> None:
    """Each call of the API, and the EC2 endpoint: without anything, and with what only looks like something."""
    settings.EC2_DOOR = True
    make_person("requester", "requester")
    # The form of both; a signature by nobody's key, of now.
    token, at = f"amic_{'0' * 57}", timezone.now().strftime("%Y%m%dT%H%M%SZ")
    scope = f"Credential=AKIA{'0' * 16}/{at[:8]}/us-east-1/ec2/aws4_request"
    signature = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    before = rows()
    tried: list[dict[str, str]] = [{}, {"Authorization": f"Bearer {token}"}]
    for headers in (*tried, {"Authorization": signature, "X-Amz-Date": at}):
        for _ in range(2):
            assert Client(headers=headers).post("/ec2", "Action=CopyImage", content_type=FORM).status_code < 500
            for path, calls in api.get_openapi_schema()["paths"].items():
                address = re.sub(r"{\w+}", "1", path)
                for method in calls:
                    answer = Client(headers={**headers, "Idempotency-Key": "k"}).generic(
                        method.upper(), address, "{}", "application/json"
                    )
                    assert answer.status_code == 401, (method, path, answer.status_code)
    assert rows() == before
