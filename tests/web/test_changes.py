"""Changes that wait for another administrator, on the pages."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies.core.models import Account
from amicopy.copies.core.policy_models import ApprovalRule, FreezeWindow
from amicopy.copies.core.proposal_models import Proposal
from tests.copies.conftest import make_person, make_rule
from tests.web.conftest import SignedIn
from tests.web.page import Page, read
from tests.web.test_account_pages import account_typed
from tests.web.test_policy_pages import freeze_typed
from tests.web.test_rules import rule_typed

pytestmark = pytest.mark.django_db
WEB = Path(__file__).resolve().parents[2] / "amicopy" / "web"


@pytest.fixture
def boss(signed_in: SignedIn) -> Client:
    return signed_in("administrator", name="boss")


@pytest.fixture
def second(signed_in: SignedIn) -> Client:
    return signed_in("administrator", name="second")


def changes(client: Client) -> Page:
    return read(client.get("/changes/"))


def test_a_rule_is_proposed_seen_and_confirmed_by_another(boss: Client, second: Client) -> None:
    page = read(boss.post("/rules/new/", rule_typed(), follow=True))
    assert "nothing has changed yet. It waits for another administrator" in page.told
    assert not ApprovalRule.objects.exists()
    assert changes(boss).navigation("Main").link("Changes").text == "Changes"
    mine = changes(boss).by_id(f"change-{Proposal.objects.get().pk}")
    assert not mine.buttons("Confirm")
    assert mine.buttons("Withdraw")
    page = changes(second)
    assert "1 waiting for you" in page.navigation("Main").link("Changes").text
    item = page.by_id(f"change-{Proposal.objects.get().pk}")
    assert "Proposed by boss" in item.text
    assert "Europe" in item.table().row("Name").text
    assert "2 approvals from approver" in item.table().row("Asks for").text
    assert "Encryption" in item.text
    assert "GiB" not in item.text, "what is empty and means nothing"
    address = item.form(to=f"/changes/{Proposal.objects.get().pk}/confirm/").address
    assert "confirmed. It counts from now on" in read(second.post(address, follow=True)).told
    assert ApprovalRule.objects.get().name == "Europe"
    page = changes(boss)
    assert "Nothing waits" in page.text
    assert "Confirmed" in page.region("Decided last").table().row("Add rule").text


def test_who_proposed_it_cannot_confirm_it_past_the_page(boss: Client, second: Client) -> None:
    boss.post("/rules/new/", rule_typed())
    number = Proposal.objects.get().pk
    assert "You proposed it" in read(boss.post(f"/changes/{number}/confirm/", follow=True)).told
    assert not ApprovalRule.objects.exists()
    assert "withdrawn" in read(boss.post(f"/changes/{number}/withdraw/", follow=True)).told
    assert "withdrawn already" in read(second.post(f"/changes/{number}/confirm/", follow=True)).told
    for verb in ("confirm", "reject", "withdraw"):
        assert boss.post(f"/changes/{2**63}/{verb}/").status_code == 404


def test_what_asks_nobody_is_said_in_words(boss: Client, second: Client) -> None:
    rule = make_rule("Large", requirements=[{"group": "approver", "count": 2}])
    boss.post(f"/rules/{rule.pk}/", rule_typed(name="Large", DestinationRegion="", who="nobody"))
    row = changes(second).by_id(f"change-{Proposal.objects.get().pk}").table().row("Asks for").text
    assert "2 approvals from approver" in row
    assert "nobody: approved at once" in row


def test_it_is_rejected_with_a_reason(boss: Client, second: Client) -> None:
    boss.post("/rules/new/", rule_typed())
    number = Proposal.objects.get().pk
    assert "Enter why" in read(second.post(f"/changes/{number}/reject/", follow=True)).told
    second.post(f"/changes/{number}/reject/", {"reason": "Too much"})
    assert "Too much" in changes(boss).region("Decided last").text


def test_what_waits_is_said_where_it_would_change(boss: Client, second: Client, account: Account) -> None:
    rule = make_rule("Large")
    window = FreezeWindow.objects.create(name="Now", starts_at=timezone.now(), ends_at=timezone.now() + timedelta(1))
    other = make_person("other", "auditor")
    boss.post(f"/rules/{rule.pk}/switch/", {"to": "off"})
    boss.post(f"/freezes/{window.pk}/end/")
    boss.post(f"/people/{other.pk}/roles/", {"roles": ["approver"]})
    seen = read(boss.get(f"/accounts/{account.pk}/edit/")).field("seen").value
    role = "arn:aws:iam::111122223333:role/amicopy"
    typed = account_typed(name=account.name, account_id=account.account_id, role_arn=role, seen=seen)
    boss.post(f"/accounts/{account.pk}/edit/", typed)
    assert Proposal.objects.count() == 4
    for address in (
        "/rules/",
        f"/rules/{rule.pk}/",
        "/freezes/",
        f"/freezes/{window.pk}/",
        f"/people/{other.pk}/",
        f"/accounts/{account.pk}/",
        f"/accounts/{account.pk}/edit/",
    ):
        assert "boss proposed a change" in read(second.get(address)).text, address
    answer = read(second.post(f"/rules/{rule.pk}/delete/", follow=True))
    assert "boss proposed a change of it" in answer.told
    answer = read(second.post(f"/people/{other.pk}/roles/", {"roles": ["requester"]}, follow=True))
    assert "boss proposed a change of it" in answer.told


def test_a_person_is_switched_off_at_once_and_on_by_two(boss: Client, second: Client) -> None:
    other = make_person("other", "requester")
    page = read(boss.post(f"/people/{other.pk}/switch/", {"to": "off"}, follow=True))
    assert "Switching them on again takes another administrator" in page.told
    assert not page.status().buttons("Undo")
    assert not User.objects.get(pk=other.pk).is_active
    assert "nothing has changed" in read(boss.post(f"/people/{other.pk}/switch/", {"to": "on"}, follow=True)).told
    second.post(f"/changes/{Proposal.objects.get().pk}/confirm/")
    assert User.objects.get(pk=other.pk).is_active


def test_a_newcomer_gets_their_link_at_once_and_roles_later(boss: Client, second: Client) -> None:
    page = read(boss.post("/people/", {"username": "newcomer", "roles": ["auditor"]}, follow=True))
    assert "newcomer is added" in page.told
    assert "waits for another administrator" in page.told


def test_a_freeze_begins_at_once_and_ends_by_two(boss: Client, second: Client) -> None:
    assert "is added" in read(boss.post("/freezes/new/", freeze_typed(), follow=True)).told
    window = FreezeWindow.objects.get()
    boss.post(f"/freezes/{window.pk}/end/")
    second.post(f"/changes/{Proposal.objects.get().pk}/confirm/")
    window.refresh_from_db()
    assert window.ends_at <= timezone.now()


def test_the_only_administrator_is_told_that_changes_take_effect_at_once(boss: Client, settings: Settings) -> None:
    for address in ("/rules/", "/freezes/", "/people/", "/accounts/", "/changes/"):
        assert "You are the only administrator" in read(boss.get(address)).text, address
    assert "there is only one administrator" in read(boss.post("/rules/new/", rule_typed(), follow=True)).told
    settings.TWO_PERSON_CHANGES = False
    assert "TWO_PERSON_CHANGES is off" in read(boss.get("/rules/")).text


def test_who_pushed_the_others_out_sees_how_it_goes_on(boss: Client, second: Client) -> None:
    other = User.objects.get(username="second")
    boss.post(f"/people/{other.pk}/switch/", {"to": "off"})
    boss.post("/rules/new/", rule_typed())
    assert not ApprovalRule.objects.exists()
    assert "Nobody can confirm your changes now" in changes(boss).text
    assert "manage.py confirm_change" in changes(boss).text


def test_pages_make_these_changes_by_proposals_alone() -> None:
    verbs = {
        "policy_actions": {"save_rule", "switch_rule", "move_rule", "delete_rule"}
        | {"save_freeze", "end_freeze", "delete_freeze"},
        "people": {"add", "add_administrator", "set_roles", "switch"},
        "accounts": {"save"},
    }
    for path in WEB.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.attr not in verbs.get(node.value.id, ()), f"{path.name} calls {ast.unparse(node)}"
