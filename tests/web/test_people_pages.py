"""The pages of people: added, given roles, a password set through a link that works once, switched off."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from amicopy.audit.models import AuditEvent
from tests.web.conftest import SignedIn

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"  # a test's


def test_a_newcomer_is_added_sets_a_password_works_and_is_switched_off(signed_in: SignedIn) -> None:
    boss, newcomer = signed_in("administrator"), Client()
    answer = boss.post("/people/", {"username": "newcomer", "email": "n@amicopy.example", "roles": ["auditor"]})
    user = User.objects.get(username="newcomer")
    assert answer["Location"] == f"/people/{user.pk}/"
    page = boss.post(f"/people/{user.pk}/password-link/")
    assert page["Cache-Control"] == "private, no-store"
    found = re.search(r"http://testserver(/set-password/[^<]+)", page.content.decode())
    assert found is not None
    form = newcomer.get(found[1], follow=True)
    assert form.status_code == 200
    address = form.redirect_chain[-1][0]
    assert newcomer.post(address, {"new_password1": "short", "new_password2": "short"}).status_code == 422
    assert newcomer.post(address, {"new_password1": PASSWORD, "new_password2": PASSWORD}).status_code == 302
    assert AuditEvent.objects.latest("pk").action == "person.password_set"
    assert PASSWORD not in str(list(AuditEvent.objects.values_list("data", flat=True)))
    assert "too old" in Client().get(found[1], follow=True).content.decode(), "once"
    signed = newcomer.post("/sign-in/", {"username": "newcomer", "password": PASSWORD})
    assert signed.status_code == 302
    assert newcomer.get("/audit/").status_code == 200
    assert newcomer.get("/people/").status_code == 403
    boss.post(f"/people/{user.pk}/roles/", {"roles": ["requester"]})
    assert newcomer.get("/requests/new/").status_code == 200
    boss.post(f"/people/{user.pk}/switch/", {"to": "off"})
    assert newcomer.get("/audit/").status_code == 302
    assert "Switched off" in boss.get("/people/").content.decode()


def test_what_is_refused_is_said(signed_in: SignedIn) -> None:
    boss = signed_in("administrator")
    own = User.objects.get(username="administrator")
    assert "somebody else to change" in boss.get(f"/people/{own.pk}/").content.decode()
    page = boss.post(f"/people/{own.pk}/roles/", {"roles": ["break-glass"]}, follow=True).content.decode()
    assert "Somebody else has to" in page
    answer = boss.post("/people/", {"username": "administrator", "email": "nonsense", "roles": ["emperor"]})
    assert answer.status_code == 422
    assert "Enter an e-mail address." in answer.content.decode()
    assert boss.post("/people/", {"username": "administrator"}).status_code == 422
    for path in ("/people/999999/", f"/people/{2**63}/"):
        assert boss.get(path).status_code == 404
    assert Client().get("/set-password/x/y/").status_code == 200
