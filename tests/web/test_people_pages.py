"""The pages of people: added, given roles, a password set through a link that works once, switched off."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from amicopy.audit.models import AuditEvent
from tests.copies.conftest import make_person
from tests.web.conftest import SignedIn
from tests.web.page import read

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"  # a test's


def test_a_newcomer_is_added_sets_a_password_works_and_is_switched_off(signed_in: SignedIn) -> None:
    boss, newcomer = signed_in("administrator"), Client()
    answer = boss.post("/people/", {"username": "newcomer", "roles": ["auditor"]})
    user = User.objects.get(username="newcomer")
    assert answer["Location"] == f"/people/{user.pk}/"
    answer = boss.post(f"/people/{user.pk}/password-link/")
    assert answer["Cache-Control"] == "private, no-store"
    link = read(answer).button("Copy the link").attribute("data-clip").removeprefix("http://testserver")
    assert link.startswith("/set-password/")
    form = newcomer.get(link, follow=True)
    assert form.status_code == 200
    address = form.redirect_chain[-1][0]
    assert newcomer.post(address, {"new_password1": "short", "new_password2": "short"}).status_code == 422
    assert newcomer.post(address, {"new_password1": PASSWORD, "new_password2": PASSWORD}).status_code == 302
    assert AuditEvent.objects.latest("pk").action == "person.password_set"
    assert PASSWORD not in str(list(AuditEvent.objects.values_list("data", flat=True)))
    assert "too old" in read(Client().get(link, follow=True)).text, "once"
    signed = newcomer.post("/sign-in/", {"username": "newcomer", "password": PASSWORD})
    assert signed.status_code == 302
    assert newcomer.get("/audit/").status_code == 200
    assert newcomer.get("/people/").status_code == 403
    boss.post(f"/people/{user.pk}/roles/", {"roles": ["requester"]})
    assert newcomer.get("/requests/new/").status_code == 200
    boss.post(f"/people/{user.pk}/switch/", {"to": "off"})
    assert newcomer.get("/audit/").status_code == 302
    assert "Switched off" in read(boss.get("/people/")).table("People").row("newcomer").text


def test_a_link_is_mailed_and_not_shown_to_whoever_asks_for_it(signed_in: SignedIn) -> None:
    boss = signed_in("administrator")
    boss.post("/people/", {"username": "newcomer", "email": "n@amicopy.example", "roles": ["approver"]})
    path = f"/people/{User.objects.get(username='newcomer').pk}/"
    page = read(boss.get(path))
    assert "shown to nobody else" in page.region("Account").text
    page = read(boss.post(f"{path}password-link/", follow=True))
    assert "A link is on its way to n@amicopy.example." in page.told
    assert "/set-password/" not in page.text
    assert not page.buttons("Copy the link")


def test_the_page_says_who_is_confirmed_by_whom_and_another_administrator_confirms(signed_in: SignedIn) -> None:
    boss, second = signed_in("administrator", name="boss"), signed_in("administrator", name="second")
    boss.post("/people/", {"username": "newcomer", "roles": ["approver"]})
    path = f"/people/{User.objects.get(username='newcomer').pk}/"
    assert "Not confirmed, from boss" in read(boss.get("/people/")).table("People").row("newcomer").text
    mine = read(boss.get(path)).region("Given by")
    assert not mine.buttons("Confirm newcomer")
    assert "second can confirm newcomer on the page People" in mine.text
    refused = read(boss.post(f"{path}confirm/", follow=True))
    assert "You can't confirm newcomer" in refused.told
    theirs = read(second.get(path)).region("Given by")
    assert theirs.button("Confirm newcomer")
    answer = second.post(f"{path}confirm/", follow=True)
    assert "newcomer is confirmed." in read(answer).told
    after = read(answer).region("Given by")
    assert "Confirmed by second" in after.text
    assert not after.buttons("Confirm newcomer")
    assert "Not confirmed" not in read(boss.get("/people/")).text
    event = AuditEvent.objects.latest("pk")
    assert "Confirmed what a person was given" in read(boss.get(f"/audit/{event.pk}/")).text
    own = User.objects.get(username="boss")
    assert "Whoever operates amicopy" in read(second.get(f"/people/{own.pk}/")).region("Given by").text


def test_a_superuser_is_another_superusers_to_change(signed_in: SignedIn) -> None:
    boss = signed_in("administrator")
    root = User.objects.create_superuser("root", "root@people.example", "a password")
    path = f"/people/{root.pk}/"
    page = read(boss.get(path))
    assert "for another superuser to change" in page.text
    assert not page.has_field("email")
    assert not page.buttons("Switch off")
    for address, typed in (
        ("email", {"email": "x@people.example"}),
        ("roles", {"roles": []}),
        ("switch", {"to": "off"}),
    ):
        assert "Only another superuser" in read(boss.post(f"{path}{address}/", typed, follow=True)).told
    root.refresh_from_db()
    assert root.is_active
    assert root.email == "root@people.example"


def test_an_administrator_changes_an_address_and_what_is_wrong_with_it_is_said_beside_it(signed_in: SignedIn) -> None:
    boss = signed_in("administrator")
    user = make_person("somebody", "auditor")
    path = f"/people/{user.pk}/"
    answer = boss.post(f"{path}email/", {"email": "s@people.example"})
    assert answer["Location"] == path
    assert read(boss.get(path)).field("email").value == "s@people.example"
    wrong = boss.post(f"{path}email/", {"email": "s@people"})
    assert wrong.status_code == 422
    page = read(wrong)
    assert page.field("email").value == "s@people", "what was typed is kept"
    assert page.alert().link("Enter an e-mail address").address == "#id_email"
    assert "Enter an e-mail address" in page.field("email").said
    assert boss.post(f"{path}email/", {"email": f"{'x' * 250}@people.example"}).status_code == 422
    user.refresh_from_db()
    assert user.email == "s@people.example"
    event = AuditEvent.objects.latest("pk")
    assert event.data["changes"] == {"email": ["", "s@people.example"]}
    assert "Changed a person" in read(boss.get(f"/audit/{event.pk}/")).text


def test_nobody_else_changes_an_address_not_even_their_own(signed_in: SignedIn) -> None:
    client = signed_in("auditor")
    own = User.objects.get(username="auditor")
    assert client.post(f"/people/{own.pk}/email/", {"email": "s@people.example"}).status_code == 403
    client.post("/settings/", {"email": "s@people.example"})
    own.refresh_from_db()
    assert own.email == ""


def test_what_is_refused_is_said(signed_in: SignedIn) -> None:
    boss = signed_in("administrator")
    own = User.objects.get(username="administrator")
    assert "somebody else to change" in read(boss.get(f"/people/{own.pk}/")).text
    page = read(boss.post(f"/people/{own.pk}/roles/", {"roles": ["break-glass"]}, follow=True))
    assert "Somebody else has to" in page.told
    answer = boss.post("/people/", {"username": "administrator", "email": "nonsense", "roles": ["emperor"]})
    assert answer.status_code == 422
    assert "Enter an e-mail address, such as" in read(answer).field("email").said
    assert boss.post("/people/", {"username": "administrator"}).status_code == 422
    for path in ("/people/999999/", f"/people/{2**63}/"):
        assert boss.get(path).status_code == 404
    assert Client().get("/set-password/x/y/").status_code == 200
