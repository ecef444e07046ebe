"""The verbs of administrators: add, change, delete and move approval rules and freeze windows, each with its event.

A request that waits keeps the plan it was submitted with; a change counts for what is submitted after it.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies import permissions
from amicopy.copies.permissions import person
from amicopy.copies.policy import ApprovalRule, FreezeWindow

MOST_APPROVALS = 10
Row = TypeVar("Row", ApprovalRule, FreezeWindow)


def save_rule(actor: Actor, rule: ApprovalRule) -> ApprovalRule:
    """Adds a rule at the end, or changes one, and records the difference; nothing when there is none.

    Raises NotAllowed and django's ValidationError, by field.
    """
    permissions.check_manage_rules(person(actor))
    with transaction.atomic():
        rules = ApprovalRule.objects.select_for_update()
        if rule.pk is None:
            rule.order = (rules.aggregate(last=Max("order"))["last"] or 0) + 1
        check_rule(rule)
        before = rules.get(pk=rule.pk).as_dict() if rule.pk else {}
        rule.save()
        _changed("rule", rule, before, actor=actor)
    return rule


def delete_rule(actor: Actor, rule_id: int) -> None:
    """Deletes a rule. Raises NotAllowed and ApprovalRule.DoesNotExist."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic():
        rule = ApprovalRule.objects.select_for_update().get(pk=rule_id)
        record("rule.deleted", actor=actor, data={"id": rule_id, "name": rule.name, "rule": rule.as_dict()})
        rule.delete()


def move_rule(actor: Actor, rule_id: int, *, up: bool) -> None:
    """Moves a rule one place up or down; at the end of the list nothing happens. Raises as `delete_rule`."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic():
        rules = list(ApprovalRule.objects.select_for_update().order_by("order", "id"))
        place = next((index for index, rule in enumerate(rules) if rule.pk == rule_id), None)
        if place is None:
            raise ApprovalRule.DoesNotExist
        other = place - 1 if up else place + 1
        if not 0 <= other < len(rules):
            return
        rules[place], rules[other] = rules[other], rules[place]
        for order, rule in enumerate(rules, start=1):
            rule.order = order
        ApprovalRule.objects.bulk_update(rules, ["order"])
        moved = rules[other]
        record(
            "rule.changed",
            actor=actor,
            data={"id": rule_id, "name": moved.name, "changes": {"order": [place + 1, other + 1]}},
        )


def check_rule(rule: ApprovalRule) -> None:
    """Raises ValidationError, by field, for a rule that makes no sense."""
    errors: dict[str, Any] = {}
    try:
        rule.full_clean()
    except ValidationError as refused:
        errors = refused.error_dict
    if rule.at_most is not None and rule.larger_than is not None and rule.at_most <= rule.larger_than:
        errors["at_most"] = ["Enter more GiB than under “larger than”, or nothing fits both."]
    groups = [requirement["group"] for requirement in rule.requirements]
    if len(groups) != len(set(groups)):
        errors["requirements"] = ["Name each group once, with the number of approvals in all."]
    if any(not 1 <= int(requirement["count"]) <= MOST_APPROVALS for requirement in rule.requirements):
        errors["requirements"] = [f"Enter 1 to {MOST_APPROVALS} approvals for each group."]
    if errors:
        raise ValidationError(errors)


def save_freeze(actor: Actor, window: FreezeWindow) -> FreezeWindow:
    """Adds or changes a freeze window. Raises NotAllowed and ValidationError."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic():
        window.full_clean()
        before = FreezeWindow.objects.get(pk=window.pk).as_dict() if window.pk else {}
        window.save()
        _changed("freeze", window, before, actor=actor)
    return window


def delete_freeze(actor: Actor, window_id: int) -> None:
    """Deletes a freeze window; what it held is looked at soon. Raises NotAllowed and FreezeWindow.DoesNotExist."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic():
        window = FreezeWindow.objects.select_for_update().get(pk=window_id)
        record("freeze.deleted", actor=actor, data={"id": window_id, "name": window.name, "window": window.as_dict()})
        window.delete()


def _changed(kind: str, row: Row, before: Mapping[str, Any], *, actor: Actor) -> None:
    """One event with the row when it is new, with what differs when it isn't, none when nothing does."""
    now = row.as_dict()
    if not before:
        made = "created" if kind == "rule" else "made"
        record(f"{kind}.{made}", actor=actor, data={"id": row.pk, "name": row.name, kind: now})
        return
    differences = {name: [before[name], value] for name, value in now.items() if before[name] != value}
    if differences:
        record(f"{kind}.changed", actor=actor, data={"id": row.pk, "name": row.name, "changes": differences})
