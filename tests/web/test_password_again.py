"""What gives power asks once more who is there, and loses nothing of what was typed."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.web import password_again
from tests.copies.conftest import make_person
from tests.web.conftest import SignedIn, typed
from tests.web.page import Page, read
from tests.web.test_roles import PAGE, patterns
from tests.web.test_rules import rule_typed

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-1"
AGAIN = password_again.FIELD


@pytest.fixture
def late(signed_in: SignedIn) -> Client:
    """An administrator who gave their password a while ago."""
    client = signed_in("administrator")
    boss = User.objects.get(username="administrator")
    boss.set_password(PASSWORD)
    boss.save()
    client.force_login(boss)
    return later(client)


def later(client: Client, minutes: int = 16) -> Client:
    client.get("/")
    session = client.session
    session["shown_at"] = (timezone.now() - timedelta(minutes=minutes)).isoformat()
    session.save()
    return client


def form_of(page: Page) -> tuple[str, dict[str, str]]:
    form = page.form(to=page.region("Is it still you?").attribute("action"))
    return form.address, form.values


def test_it_asks_keeps_what_was_typed_and_goes_on_with_the_password(late: Client) -> None:
    answer = late.post("/rules/new/?from=here", rule_typed(name='<b>Quotes" & more'))
    assert answer.status_code == 403
    assert answer["Cache-Control"] == "private, no-store"
    assert not ApprovalRule.objects.exists()
    address, values = form_of(read(answer))
    assert address == "/rules/new/?from=here"
    answer = late.post(address, values | {AGAIN: PASSWORD}, follow=True)
    assert "is added at the end" in read(answer).told
    rule = ApprovalRule.objects.get()
    assert (rule.name, rule.requirements) == ('<b>Quotes" & more', [{"group": "approver", "count": 2}])
    event = AuditEvent.objects.get(action="person.password_given")
    assert (event.actor, event.data) == ("administrator", {"for": "rule-new"})
    assert PASSWORD not in str(list(AuditEvent.objects.values_list("data", flat=True)))
    # And for a while it asks no more.
    assert late.post("/rules/new/", rule_typed(name="Another")).status_code == 302


def test_what_has_several_values_is_kept_with_all_of_them(late: Client) -> None:
    other = make_person("other")
    answer = late.post(f"/people/{other.pk}/roles/", {"roles": ["auditor", "requester"]})
    page = read(answer)
    sent = [field.attribute("value") for field in page.marked("name", "roles")]
    assert sent == ["auditor", "requester"]
    late.post(f"/people/{other.pk}/roles/", {"roles": sent, AGAIN: PASSWORD})
    assert set(other.groups.values_list("name", flat=True)) == {"auditor", "requester"}


def test_a_wrong_password_does_nothing_and_too_many_rest_like_those_at_the_door(late: Client) -> None:
    answer = late.post("/rules/new/", rule_typed() | {AGAIN: "not-it"})
    assert answer.status_code == 422
    assert "That isn't your password" in read(answer).field(AGAIN).said
    assert read(answer).field(AGAIN).value == ""
    assert form_of(read(answer))[1]["name"] == "Europe"
    tries = 1
    while answer.status_code == 422:
        answer = late.post("/rules/new/", rule_typed() | {AGAIN: "not-it"})
        tries += 1
        assert tries < 20
    assert answer.status_code == 429
    assert "Too many wrong passwords" in read(answer).text
    assert late.post("/rules/new/", rule_typed() | {AGAIN: PASSWORD}).status_code == 429
    sign_in = {"username": "administrator", "password": PASSWORD}
    assert Client().post("/sign-in/", sign_in).status_code == 429, "It is one count."
    assert not ApprovalRule.objects.exists()
    assert AuditEvent.objects.filter(action="person.password_wrong", actor="administrator").exists()


def test_a_right_password_takes_the_wrong_ones_back(late: Client) -> None:
    for _ in range(3):
        for _ in range(3):
            assert late.post("/rules/new/", rule_typed() | {AGAIN: "not-it"}).status_code == 422
        late.post("/rules/new/", rule_typed(name="x", **{"requirements-0-count": ""}) | {AGAIN: PASSWORD})
        later(late)


def test_an_empty_one_is_said_so_and_not_counted(late: Client) -> None:
    for _ in range(10):
        answer = late.post("/rules/new/", rule_typed() | {AGAIN: ""})
        assert answer.status_code == 422
    assert "Enter your password" in read(answer).text
    assert not AuditEvent.objects.filter(action="person.password_wrong").exists()


def test_breaking_the_glass_asks(signed_in: SignedIn) -> None:
    signed_in("requester").post("/requests/new/", typed())
    row = CopyRequest.objects.get()
    hero = make_person("hero", "break-glass")
    hero.set_password(PASSWORD)
    hero.save()
    client = Client()
    client.force_login(hero)
    later(client)
    data = {"content_hash": row.content_hash, "reason": "Outage"}
    assert client.post(f"/requests/{row.pk}/break-glass/", data).status_code == 403
    client.post(f"/requests/{row.pk}/break-glass/", data | {AGAIN: PASSWORD})
    row.refresh_from_db()
    assert row.break_glass


def test_an_export_asks_and_then_is_the_file(late: Client) -> None:
    address = "/audit/export/?action=rule.created"
    assert late.post(address, {"format": "csv"}).status_code == 403
    answer: Any = late.post(address, {"format": "csv", AGAIN: PASSWORD})
    assert "attachment" in answer["Content-Disposition"]
    assert b"id,at" in b"".join(answer.streaming_content)


def test_who_has_just_signed_in_is_not_asked(settings: Settings) -> None:
    boss = make_person("boss", "administrator")
    boss.set_password(PASSWORD)
    boss.save()
    client = Client()
    client.post("/sign-in/", {"username": "boss", "password": PASSWORD})
    assert client.post("/rules/new/", rule_typed()).status_code == 302
    settings.PASSWORD_AGAIN_MINUTES = 5
    later(client, 6)
    assert client.post("/rules/new/", rule_typed(name="x")).status_code == 403


def test_who_has_no_password_is_led_to_another_way(late: Client) -> None:
    boss = User.objects.get(username="administrator")
    boss.set_unusable_password()
    boss.save()
    late.force_login(boss)
    later(late)
    assert "Sign out and in again" in read(late.post("/rules/new/", rule_typed() | {AGAIN: "x"})).text


def test_no_way_out_leads_elsewhere(late: Client) -> None:
    answer = late.post("/rules/new/", rule_typed(), headers={"Referer": "https://evil.example/"})
    assert read(answer).link("Cancel").address == "/"
    answer = late.post("/rules/new/", rule_typed(), headers={"Referer": "http://testserver/rules/new/"})
    assert read(answer).link("Cancel").address == "http://testserver/rules/new/"


def test_the_page_of_roles_says_which_addresses_ask() -> None:
    section = PAGE.partition("\n## Who it is, once more\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"`([a-z-]+)`", section))
    assert listed == password_again.ASKS
    assert {str(pattern.name) for pattern in patterns()} >= password_again.ASKS


def test_no_address_that_asks_is_posted_to_by_a_script() -> None:
    """Such a post would be answered with a page in a panel."""
    for path in (Path(__file__).resolve().parents[2] / "templates").rglob("*.html"):
        for name in re.findall(r"hx-post=\"{% url '([a-z-]+)'", path.read_text()):
            assert name not in password_again.ASKS, path
