"""Rules are changed by administrators alone, each change an event with its difference."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.requests import policy_actions
from tests.copies.conftest import acting, make_person, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db: None) -> User:
    return make_person("admin", "administrator")


def names() -> list[str]:
    return list(ApprovalRule.objects.values_list("name", flat=True))


def test_a_new_rule_goes_to_the_end(admin: User) -> None:
    for name in ("first", "second"):
        policy_actions.save_rule(acting(admin), ApprovalRule(name=name))
    assert names() == ["first", "second"]
    event = AuditEvent.objects.filter(action="rule.created")[0]
    assert event.data["name"] == "second"
    assert event.data["rule"]["requirements"] == []


def test_a_change_is_recorded_with_its_difference_and_no_change_not_at_all(admin: User) -> None:
    rule = policy_actions.save_rule(acting(admin), ApprovalRule(name="rule"))
    rule.requirements = [{"group": "approver", "count": 2}]
    rule.DestinationRegion = "eu-*"
    policy_actions.save_rule(acting(admin), rule)
    policy_actions.save_rule(acting(admin), rule)
    event = AuditEvent.objects.get(action="rule.changed")
    assert event.data["changes"] == {
        "DestinationRegion": ["", "eu-*"],
        "requirements": [[], [{"group": "approver", "count": 2}]],
    }


def test_moving_changes_the_order_and_stops_at_the_ends(admin: User) -> None:
    rules = [make_rule(name, order=order) for order, name in enumerate(("a", "b", "c"))]
    policy_actions.move_rule(acting(admin), rules[2].pk, up=True)
    assert names() == ["a", "c", "b"]
    policy_actions.move_rule(acting(admin), rules[0].pk, up=False)
    assert names() == ["c", "a", "b"]
    policy_actions.move_rule(acting(admin), rules[2].pk, up=True)
    assert names() == ["c", "a", "b"]
    assert AuditEvent.objects.filter(action="rule.changed").count() == 2


def test_a_deleted_rule_stays_in_the_history(admin: User) -> None:
    rule = make_rule("gone", DestinationRegion="us-*")
    policy_actions.delete_rule(acting(admin), rule.pk)
    assert names() == []
    assert AuditEvent.objects.get(action="rule.deleted").data["rule"]["DestinationRegion"] == "us-*"
    with pytest.raises(ApprovalRule.DoesNotExist):
        policy_actions.delete_rule(acting(admin), rule.pk)


@pytest.mark.parametrize("role", ["requester", "approver", "auditor", "break-glass"])
def test_only_administrators_change_rules(role: str) -> None:
    rule, user = make_rule("rule"), make_person("somebody", role)
    with pytest.raises(NotAllowed):
        policy_actions.save_rule(acting(user), rule)
    with pytest.raises(NotAllowed):
        policy_actions.move_rule(acting(user), rule.pk, up=True)
    with pytest.raises(NotAllowed):
        policy_actions.delete_rule(acting(user), rule.pk)
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": "taken"}, "name"),
        ({"DestinationRegion": "eu west"}, "DestinationRegion"),
        ({"SourceAccount": "123"}, "SourceAccount"),
        ({"larger_than": 10, "at_most": 10}, "at_most"),
        ({"larger_than": 0}, "larger_than"),
        ({"requirements": [{"group": "approver", "count": 0}]}, "requirements"),
        ({"requirements": [{"group": "approver", "count": 11}]}, "requirements"),
        ({"requirements": [{"group": "approver", "count": 1}, {"group": "approver", "count": 1}]}, "requirements"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_field(fields: dict[str, Any], wrong: str, admin: User) -> None:
    make_rule("taken")
    with pytest.raises(ValidationError) as refused:
        policy_actions.save_rule(acting(admin), ApprovalRule(**{"name": "rule", **fields}))
    assert wrong in refused.value.message_dict
    assert names() == ["taken"]
