"""The rule editor: administrators change rules on amicopy's own pages, and try them before they are saved."""

from typing import Any

import pytest
from django.test import Client

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.requests import policy_actions
from tests.copies.conftest import acting, make_person, make_rule
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(signed_in: SignedIn) -> Client:
    return signed_in("administrator")


def rule_typed(**changes: str) -> dict[str, str]:
    """What an administrator types for a rule that asks for two approvals into eu-*."""
    return {
        "name": "Europe",
        "enabled": "on",
        "DestinationRegion": "eu-*",
        "dry_runs": "copies",
        "who": "groups",
        "requirements-0-group": "approver",
        "requirements-0-count": "2",
        **changes,
    }


def seen(client: Client, rule: ApprovalRule) -> str:
    page = client.get(f"/rules/{rule.pk}/")
    return str(page.context["seen"])


def test_a_rule_is_added_on_the_page_and_counts_from_then_on(admin: Client, signed_in: SignedIn) -> None:
    make_person("approver-2", "approver")
    answer = admin.post("/rules/new/", rule_typed(), follow=True)
    assert "is added at the end" in read(answer).told
    rule = ApprovalRule.objects.get()
    assert rule.requirements == [{"group": "approver", "count": 2}]
    assert AuditEvent.objects.get(action="rule.created").data["rule"]["DestinationRegion"] == "eu-*"
    signed_in("requester").post("/requests/new/", typed())
    assert CopyRequest.objects.get().rules[0]["name"] == "Europe"


def test_a_change_is_saved_where_the_rule_stands_with_its_difference_in_the_history(admin: Client) -> None:
    rules = [make_rule(name, order=order, requirements=[]) for order, name in enumerate(("a", "b"), start=1)]
    changed = rule_typed(name="a", seen=seen(admin, rules[0]), **{"requirements-0-count": "1"})
    policy_actions.move_rule(acting(make_person("administrator", "administrator")), rules[0].pk, up=False)
    admin.post(f"/rules/{rules[0].pk}/", changed)
    rules[0].refresh_from_db()
    assert rules[0].requirements == [{"group": "approver", "count": 1}]
    assert list(ApprovalRule.objects.values_list("name", flat=True)) == ["b", "a"]
    changes = AuditEvent.objects.filter(action="rule.changed").latest("pk").data["changes"]
    assert changes == {"DestinationRegion": ["", "eu-*"], "requirements": [[], [{"group": "approver", "count": 1}]]}


def test_a_rule_somebody_else_changed_meanwhile_is_not_overwritten(admin: Client) -> None:
    rule = make_rule("rule", requirements=[])
    before = seen(admin, rule)
    policy_actions.switch_rule(acting(make_person("administrator", "administrator")), rule.pk, on=False)
    answer = admin.post(f"/rules/{rule.pk}/", rule_typed(seen=before), follow=True)
    assert "Somebody else has changed rule “rule” meanwhile" in read(answer).told
    rule.refresh_from_db()
    assert (rule.name, rule.enabled) == ("rule", False)


def test_a_rule_deleted_meanwhile_is_said_and_not_made_anew(admin: Client) -> None:
    rule = make_rule("rule", requirements=[])
    policy_actions.delete_rule(acting(make_person("administrator", "administrator")), rule.pk)
    assert admin.post(f"/rules/{rule.pk}/", rule_typed()).status_code == 404
    assert not ApprovalRule.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "Enter a name"),
        ({"name": "taken"}, "already exists"),
        ({"DestinationRegion": "eu west"}, "Enter Regions with commas"),
        ({"SourceAccount": "123"}, "Enter the 12 digits"),
        ({"larger_than": "10", "at_most": "10"}, "nothing fits both"),
        ({"larger_than": "9" * 5000}, "Enter a whole number"),
        ({"requirements-0-count": "0"}, "Enter 1 to 10 approvals"),
        ({"requirements-0-count": "x"}, "Enter 1 to 10 approvals"),
        ({"requirements-0-group": ""}, "Choose a role or team, or choose that nobody"),
        ({"requirements-0-group": "nonesuch"}, "There is no nonesuch"),
        ({"requirements-1-group": "approver", "requirements-1-count": "1"}, "Name each group once"),
        ({"dry_runs": "never"}, "Select a valid choice"),
        ({"who": ""}, "Choose whether anybody"),
        ({"account": "99"}, "Select a valid choice"),
        ({"name": "nul\0"}, "is added"),
    ],
)
def test_what_makes_no_sense_is_said_at_the_field_and_kept_in_the_form(
    admin: Client, changes: dict[str, str], words: str
) -> None:
    make_rule("taken")
    answer = admin.post("/rules/new/", rule_typed(**changes), follow=True)
    page = read(answer)
    if words == "is added":
        assert words in page.told
    else:
        assert answer.status_code == 422
        assert page.title.startswith("Error:")
        assert words in page.alert().text
        assert page.text.count(words) == 2, "in the summary and at the field"
        assert ApprovalRule.objects.count() == 1


def test_groups_are_added_and_taken_away_without_a_script(admin: Client) -> None:
    page = read(admin.post("/rules/new/", rule_typed(add="group")))
    assert page.has_field("requirements-1-group")
    assert not any(field.said for field in page.fields())
    data = rule_typed(**{"requirements-1-group": "auditor", "requirements-1-count": "3", "remove-group": "0"})
    page = read(admin.post("/rules/new/", data))
    assert page.field("requirements-0-group").value == "auditor"
    assert not page.has_field("requirements-1-group")
    assert not ApprovalRule.objects.exists()


def test_nobody_has_to_be_chosen_explicitly(admin: Client) -> None:
    admin.post("/rules/new/", rule_typed(who="nobody"))
    assert ApprovalRule.objects.get().requirements == []


def test_rules_are_moved_switched_and_deleted_after_a_question(admin: Client) -> None:
    first, second = make_rule("first", order=1), make_rule("second", order=2)
    admin.post(f"/rules/{second.pk}/move/", {"to": "up"})
    assert list(ApprovalRule.objects.values_list("name", flat=True)) == ["second", "first"]
    admin.post(f"/rules/{first.pk}/switch/", {"to": "off"})
    admin.post(f"/rules/{first.pk}/switch/", {"to": "off"})
    first.refresh_from_db()
    assert not first.enabled
    (shown,) = read(admin.get("/rules/")).marked("data-rule", str(first.pk))
    assert "Switched off" in shown.text
    assert "This can’t be undone" in read(admin.get(f"/rules/{first.pk}/delete/")).text
    assert ApprovalRule.objects.count() == 2
    admin.post(f"/rules/{first.pk}/delete/")
    assert list(ApprovalRule.objects.all()) == [second]
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["rule.changed", "rule.changed", "rule.deleted"]


def asked(page: Any) -> str:
    """What a trial on a page came to."""
    return str(page.context["trial"]["asked"])


def test_a_request_that_was_made_is_tried_against_the_rules(admin: Client, signed_in: SignedIn) -> None:
    signed_in("requester").post("/requests/new/", typed())
    request = CopyRequest.objects.get()
    make_person("approver-2", "approver")
    make_rule("America", order=1, DestinationRegion="us-*", requirements=[{"group": "auditor", "count": 1}])
    make_rule("Large", order=2, larger_than=500, requirements=[{"group": "approver", "count": 1}])
    make_rule("Europe", order=3, DestinationRegion="eu-*", requirements=[{"group": "approver", "count": 2}])
    page = admin.get(f"/rules/?try=yes&try-request={request.pk}")
    assert asked(page) == "2 approvals from approver"
    text = read(page).region("What the rules ask").text
    assert "Doesn’t fit: another Region." in text
    assert "Can’t be told: the source's size isn't known." in text
    assert "Fits, so it asks for 2 approvals from approver." in text


def test_an_edit_is_tried_before_it_is_saved(admin: Client, account: Account) -> None:
    make_person("approver-2", "approver")
    rule = make_rule("Europe", DestinationRegion="eu-*", requirements=[{"group": "approver", "count": 1}])
    facts = {"try": "yes", "try-account": str(account.pk), "try-region": "eu-west-1"}
    page = admin.post(f"/rules/{rule.pk}/", rule_typed(**facts))
    assert asked(page) == "2 approvals from approver"
    assert "as they are saved ask for 1 approval from approver" in read(page).region("With this edit").text
    page = admin.post(f"/rules/{rule.pk}/", rule_typed(**facts, DestinationRegion="us-*"))
    assert asked(page) == "1 approval from anybody who may decide"
    rule.refresh_from_db()
    assert (rule.DestinationRegion, rule.requirements) == ("eu-*", [{"group": "approver", "count": 1}])
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("rule", "facts", "expected"),
    [
        ({"larger_than": "100"}, {"try-size": "101"}, "2 approvals from approver"),
        ({"larger_than": "100"}, {"try-size": "100"}, "1 approval from anybody who may decide"),
        ({"encryption": "unencrypted"}, {"try-encryption": "unencrypted"}, "2 approvals from approver"),
        (
            {"encryption": "unencrypted"},
            {"try-encryption": "encrypted"},
            "1 approval from anybody who may decide",
        ),
        ({"SourceAccount": "1" * 12}, {"try-source_account": "1" * 12}, "2 approvals from approver"),
        ({"SourceAccount": "1" * 12}, {"try-source_account": "2" * 12}, "1 approval from anybody who may decide"),
        ({"dry_runs": "dry-runs"}, {"try-dry_run": "on"}, "2 approvals from approver"),
        ({}, {"try-dry_run": "on"}, "nobody"),
    ],
)
def test_each_fact_counts_in_a_trial(
    admin: Client, account: Account, rule: dict[str, str], facts: dict[str, str], expected: str
) -> None:
    make_person("approver-2", "approver")
    data = rule_typed(**{"try": "yes", "try-account": str(account.pk), "try-region": "eu-west-1", **rule, **facts})
    assert asked(admin.post("/rules/new/", data)) == expected


def test_a_rule_nobody_could_fulfil_is_warned_of_before_and_after_it_is_saved(admin: Client, account: Account) -> None:
    facts = {"try": "yes", "try-account": str(account.pk), "try-region": "eu-west-1"}
    changes = {"requirements-0-group": "auditor", "requirements-0-count": "1"}
    tried = read(admin.post("/rules/new/", rule_typed(**facts, **changes))).region("With this edit").text
    assert "Nobody could approve this" in tried
    assert "“Europe” asks for more than there are people to give" in tried
    admin.post("/rules/new/", rule_typed(**changes))
    assert "Nobody could give this now" in read(admin.get("/rules/")).text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("try=yes", "Choose an account, or enter a request"),
        ("try=yes&try-request=999", "There is no #999"),
        ("try=yes&try-request=0", "greater than or equal to 1"),
        ("try=yes&try-request=" + "9" * 30, "less than or equal"),
        ("try=yes&try-request=%00", "Enter a whole number"),
        ("try=yes&try-account=7777&try-region=%00", "Null characters"),
    ],
)
def test_garbage_in_a_trial_is_answered_with_words(admin: Client, query: str, words: str) -> None:
    answer = admin.get(f"/rules/?{query}")
    assert answer.status_code == 422
    assert words in read(answer).alert().text


def test_no_rule_has_a_number_beyond_the_database(admin: Client) -> None:
    assert admin.get(f"/rules/{10**30}/").status_code == 404


def test_a_rule_names_facts_of_which_one_has_to_hold_and_is_tried_on_them(admin: Client) -> None:
    chosen = {"facts": ["key-changes", "new-region"]}
    tried = {**rule_typed(DestinationRegion="", **{"requirements-0-count": "1"}), **chosen, "try": "yes"}
    account = Account.objects.get()
    tried |= {"try-account": str(account.pk), "try-region": "eu-west-1"}
    assert "none of its facts holds" in read(admin.post("/rules/new/", tried)).text
    assert "Fits, so it asks" in read(admin.post("/rules/new/", {**tried, "try-facts": ["new-region"]})).text
    # A group more keeps what was ticked.
    page = read(admin.post("/rules/new/", {**rule_typed(), **chosen, "add": "group"}))
    assert page.field("facts", "key-changes").is_on
    assert not page.field("facts", "large").is_on
    admin.post("/rules/new/", {**rule_typed(), **chosen})
    assert ApprovalRule.objects.get().facts == ["key-changes", "new-region"]
    assert "where the KMS key changes or nothing was copied to the Region before" in read(admin.get("/rules/")).text
