"""Undo in the message that says what was done: the inverse verb, posted as it stands in the page."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule, Delegation, FreezeWindow
from amicopy.copies.requests import delegation_actions, policy_actions
from amicopy.web.models import SavedView
from tests.copies.conftest import acting, make_person
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db


def undo_in(answer: Any) -> tuple[str, dict[str, str]] | None:
    """Where the button of the page's message posts to, and what."""
    messages = [status for status in read(answer).statuses() if status.text]
    assert len(messages) == 1, "The page says one thing: what was done."
    forms = [form for form in messages[0].forms() if form.buttons("Undo")]
    if not forms:
        return None
    (form,) = forms
    assert form.attribute("method") == "post"
    assert form.has_field("csrfmiddlewaretoken")
    return form.address, form.values


def undo(client: Client, answer: Any) -> Any:
    button = undo_in(answer)
    assert button, "There is no button that undoes it."
    return client.post(*button, follow=True)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


def test_a_deleted_view_comes_back_under_its_name(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    named = {"name": 'Week\'s "work" & more', "query": "?q=ireland&region=eu-west-1"}
    client.post("/requests/views/", named, follow=True)
    view = SavedView.objects.get()
    undo(client, client.post(f"/requests/views/{view.pk}/delete/", follow=True))
    again = SavedView.objects.get()
    assert (again.name, again.address) == (view.name, view.address)


def test_a_switched_rule_is_switched_back_and_that_again(signed_in: SignedIn) -> None:
    admin = signed_in("administrator")
    rule = policy_actions.save_rule(acting(make_person("administrator", "administrator")), ApprovalRule(name="Large"))
    answer = undo(admin, admin.post(f"/rules/{rule.pk}/switch/", {"to": "off"}, follow=True))
    assert "is switched on" in read(answer).told
    assert ApprovalRule.objects.get().enabled
    undo(admin, answer)
    assert not ApprovalRule.objects.get().enabled
    assert actions() == ["rule.created", *["rule.changed"] * 3]


def test_an_ended_freeze_runs_again_exactly_as_it_was(signed_in: SignedIn) -> None:
    admin = signed_in("administrator")
    admin.cookies["time-zone"] = "Asia/Tokyo"
    now = timezone.now()
    window = FreezeWindow(
        name="Year end",
        DestinationRegion="eu-*",
        starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(hours=2, microseconds=7),
    )
    before = policy_actions.save_freeze(acting(make_person("administrator", "administrator")), window).as_dict()
    answer = admin.post(f"/freezes/{window.pk}/end/", follow=True)
    assert FreezeWindow.objects.get().ends_at <= timezone.now()
    undo(admin, answer)
    assert FreezeWindow.objects.get().as_dict() == before
    assert actions() == ["freeze.made", "freeze.changed", "freeze.changed"]


def test_a_vote_handed_over_is_taken_back_and_handed_over_again_until_the_same_time(signed_in: SignedIn) -> None:
    giver, receiver = signed_in("approver"), make_person("stand-in", "approver")
    until = timezone.now().replace(second=0, microsecond=0) + timedelta(days=3)
    sent = {"receiver": str(receiver.pk), "until": f"{until:%Y-%m-%dT%H:%M}", "reason": "Away"}
    answer = undo(giver, giver.post("/delegations/", sent, follow=True))
    assert not Delegation.objects.filter(until__gt=timezone.now()).exists()
    undo(giver, answer)
    running = Delegation.objects.get(until__gt=timezone.now())
    assert (running.until, running.reason, running.receiver) == (until, "Away", receiver)
    assert actions() == ["delegation.made", "delegation.ended", "delegation.made"]


def test_a_vote_handed_to_a_team_is_handed_to_it_again(signed_in: SignedIn) -> None:
    team = Group.objects.create(name="stand-ins")
    make_person("stand-in", "approver", "stand-ins")
    giver = signed_in("approver")
    until = f"{timezone.now() + timedelta(days=3):%Y-%m-%dT%H:%M}"
    answer = giver.post("/delegations/", {"receiver": f"group-{team.pk}", "until": until, "reason": ""}, follow=True)
    undo(giver, undo(giver, answer))
    assert Delegation.objects.get(until__gt=timezone.now()).group == team


def test_nobody_is_offered_to_hand_over_anothers_vote_again(signed_in: SignedIn) -> None:
    giver, receiver = make_person("giver", "approver"), signed_in("approver", name="stand-in")
    until = timezone.now() + timedelta(days=3)
    made = delegation_actions.delegate(acting(giver), receiver=make_person("stand-in", "approver"), until=until)
    assert undo_in(receiver.post(f"/delegations/{made.pk}/end/", follow=True)) is None


def test_a_person_switched_off_is_let_in_again(signed_in: SignedIn) -> None:
    admin, other = signed_in("administrator"), make_person("left-early", "requester")
    off = admin.post(f"/people/{other.pk}/switch/", {"to": "off"}, follow=True)
    other.refresh_from_db()
    assert not other.is_active
    answer = undo(admin, off)
    other.refresh_from_db()
    assert other.is_active
    assert "left-early is switched on." in read(answer).told
    assert actions() == ["person.switched_off", "person.switched_on"]
    # Nothing was done, so there is nothing to undo.
    assert undo_in(admin.post(f"/people/{other.pk}/switch/", {"to": "on"}, follow=True)) is None


def test_what_cannot_be_undone_offers_nothing(signed_in: SignedIn) -> None:
    requester, approver = signed_in("requester"), signed_in("approver")
    assert undo_in(requester.post("/requests/new/", typed(), follow=True)) is None
    row = CopyRequest.objects.get()
    sent = {"content_hash": row.content_hash}
    assert undo_in(approver.post(f"/requests/{row.pk}/approve/", sent, follow=True)) is None
