"""The verbs of administrators: add, change, switch, move and delete approval rules and freeze windows, each with its
event.

A request that waits keeps the plan it was submitted with; a change counts for what is submitted after it. Until
somebody else has confirmed it, it makes nothing easier for whoever made it, see `voting.lone_changes`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import person
from amicopy.copies.core.policy_models import ApprovalRule, FreezeWindow
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.voting import fact_table, lone_changes

MOST_APPROVALS = 10
# How far from now a freeze may start and end; what is frozen for longer is an account to switch off.
LONGEST_FREEZE = timedelta(days=366)
Row = TypeVar("Row", ApprovalRule, FreezeWindow)


def save_rule(actor: Actor, rule: ApprovalRule, *, seen: str = "") -> ApprovalRule:
    """Adds a rule at the end, or changes one where it stands, and records the difference; nothing when there is none.

    `seen` is the version of the rule that the change began with. Raises NotAllowed, django's ValidationError, by field,
    and InvalidTransition when somebody else has changed or deleted the rule since.
    """
    permissions.check_manage_rules(person(actor))
    with transaction.atomic(), lone_changes.changing_rules(actor):
        rules = ApprovalRule.objects.select_for_update()
        before: dict[str, Any] = {}
        if rule.pk is None:
            rule.order = (rules.aggregate(last=Max("order"))["last"] or 0) + 1
        else:
            stored = _still_there(rules.filter(pk=rule.pk).first(), rule.name)
            if seen and seen != stored.version:
                raise InvalidTransition(f"Somebody else has changed rule “{stored.name}” meanwhile. Look at it again.")
            before, rule.order = stored.as_dict(), stored.order
        check_rule(rule)
        rule.save()
        _changed("rule", rule, before, actor=actor)
    return rule


def switch_rule(actor: Actor, rule_id: int, *, on: bool) -> ApprovalRule:
    """Switches a rule on or off; nothing when it is that already. Raises NotAllowed and ApprovalRule.DoesNotExist."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic(), lone_changes.changing_rules(actor):
        rule = ApprovalRule.objects.select_for_update().get(pk=rule_id)
        before, rule.enabled = rule.as_dict(), on
        rule.save(update_fields=["enabled"])
        _changed("rule", rule, before, actor=actor)
    return rule


def delete_rule(actor: Actor, rule_id: int) -> None:
    """Deletes a rule. Raises NotAllowed and ApprovalRule.DoesNotExist."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic(), lone_changes.changing_rules(actor):
        rule = ApprovalRule.objects.select_for_update().get(pk=rule_id)
        record("rule.deleted", actor=actor, data={"id": rule_id, "name": rule.name, "rule": rule.as_dict()})
        rule.delete()


def move_rule(actor: Actor, rule_id: int, *, up: bool) -> None:
    """Moves a rule one place up or down; at the end of the list nothing happens. Raises as `delete_rule`."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic(), lone_changes.changing_rules(actor):
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
    unknown = set(groups) - set(Group.objects.filter(name__in=groups).values_list("name", flat=True))
    if unknown:
        errors["requirements"] = [f"Choose groups that exist. There is no {', '.join(sorted(unknown))}."]
    if not set(rule.facts) <= set(fact_table.BY_CODE):
        errors["facts"] = ["Choose facts of the list."]
    if errors:
        raise ValidationError(errors)


def save_freeze(actor: Actor, window: FreezeWindow) -> FreezeWindow:
    """Adds or changes a freeze window. Raises NotAllowed, ValidationError, by field, and InvalidTransition when
    somebody else has deleted it."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic():
        before: dict[str, Any] = {}
        if window.pk is not None:
            windows = FreezeWindow.objects.select_for_update()
            before = _still_there(windows.filter(pk=window.pk).first(), window.name).as_dict()
        check_freeze(window)
        if before:
            lone_changes.lifted(window, window.as_dict(), actor=actor)
        window.save()
        _changed("freeze", window, before, actor=actor)
    return window


def check_freeze(window: FreezeWindow) -> None:
    """Raises ValidationError, by field, for a window that makes no sense."""
    errors: dict[str, Any] = {}
    try:
        # The order of the two times is asked for below, in words.
        window.full_clean(validate_constraints=False)
    except ValidationError as refused:
        errors = refused.error_dict
    if window.starts_at is not None and window.ends_at is not None:
        if window.ends_at <= window.starts_at:
            errors["ends_at"] = ["Enter an end that comes after the start."]
        elif window.ends_at > timezone.now() + LONGEST_FREEZE:
            errors["ends_at"] = [f"Enter an end in the next {LONGEST_FREEZE.days} days."]
        if window.starts_at < timezone.now() - LONGEST_FREEZE:
            errors["starts_at"] = [f"Enter a start no more than {LONGEST_FREEZE.days} days ago."]
    if errors:
        raise ValidationError(errors)


def end_freeze(actor: Actor, window_id: int) -> FreezeWindow:
    """Ends a freeze window that runs, now. Raises NotAllowed, FreezeWindow.DoesNotExist, and InvalidTransition when it
    is over or hasn't begun."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic():
        window = FreezeWindow.objects.select_for_update().get(pk=window_id)
        now = timezone.now()
        if window.ends_at <= now:
            raise InvalidTransition(f"Freeze “{window.name}” is over already.")
        if window.starts_at >= now:
            raise InvalidTransition(f"Freeze “{window.name}” hasn't begun. Delete it, or change its times.")
        before, window.ends_at = window.as_dict(), now
        lone_changes.lifted(window, window.as_dict(), actor=actor)
        window.save(update_fields=["ends_at"])
        _changed("freeze", window, before, actor=actor)
    return window


def delete_freeze(actor: Actor, window_id: int) -> None:
    """Deletes a freeze window; what it held is looked at soon. Raises NotAllowed and FreezeWindow.DoesNotExist."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic():
        window = FreezeWindow.objects.select_for_update().get(pk=window_id)
        record("freeze.deleted", actor=actor, data={"id": window_id, "name": window.name, "window": window.as_dict()})
        lone_changes.lifted(window, {}, actor=actor)
        window.delete()


def _still_there(row: Row | None, name: str) -> Row:
    if row is None:
        raise InvalidTransition(f"“{name}” was deleted meanwhile.")
    return row


def _changed(kind: str, row: Row, before: Mapping[str, Any], *, actor: Actor) -> None:
    """One event with the row when it is new, with what differs when it isn't, none when nothing does."""
    now = row.as_dict()
    differences = {name: [before[name], value] for name, value in now.items() if before and before[name] != value}
    if not before:
        made = "created" if kind == "rule" else "made"
        record(f"{kind}.{made}", actor=actor, data={"id": row.pk, "name": row.name, kind: now})
    elif differences:
        record(f"{kind}.changed", actor=actor, data={"id": row.pk, "name": row.name, "changes": differences})
