"""What can be proposed: for each kind of change who may make it, the verb that does, how its target looks, and whether
it gives anybody power."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.auth.models import Group, User
from django.utils.dateparse import parse_datetime

from amicopy.audit.actor import Actor
from amicopy.copies.core import permissions
from amicopy.copies.core.models import Account, Budget
from amicopy.copies.core.policy_models import ApprovalRule, FreezeWindow
from amicopy.copies.core.roles import ROLES
from amicopy.copies.operations import accounts, people, services, teams
from amicopy.copies.requests import budget_actions, policy_actions
from amicopy.copies.voting import lone_changes, team_power

Values = dict[str, Any]
# A target by its fields, as events have them; empty where there is none.
Look = dict[str, Any]
# Whatever a rule has, but for its place among the others, which is moved by itself.
RULE_FIELDS = tuple(field.attname for field in ApprovalRule._meta.concrete_fields if field.name not in {"id", "order"})
ACCOUNT_FIELDS = ("name", "account_id", "partition", "role_arn", "read_only_role_arn", "enabled")
Row = TypeVar("Row", ApprovalRule, FreezeWindow, Account)
Run = Callable[[Actor, int | None, Values], int | None]


@dataclass(frozen=True)
class Change:
    """A kind of change: who may make it, the verb, and how its target looks. The verb returns the target's number."""

    permission: str
    check: Callable[[User], None]
    run: Run
    look: Callable[[int | None], Look]
    # Whether it gives nobody power, by how the target looks before and after.
    harmless: Callable[[Look, Look], bool]


def _with(model: type[Row], target: int | None, fields: Values) -> Row:
    """The row with these fields, not stored; the verbs notice when it isn't there any more."""
    row = model._default_manager.filter(pk=target).first() if target else None
    row = row or model(pk=target)
    for name, value in fields.items():
        setattr(row, name, value)
    return row


# --- rules ---


def _rule(target: int | None) -> Look:
    """Without its place: others that move don't change it."""
    rules = ApprovalRule.objects.select_related("account", "requester_group")
    rule = rules.filter(pk=target).first() if target else None
    return {name: value for name, value in rule.as_dict().items() if name != "order"} if rule else {}


def _order(target: int | None) -> Look:
    rules = list(ApprovalRule.objects.order_by("order", "id").values_list("name", "enabled"))
    return {"order": [name for name, _ in rules], "order of those on": [name for name, enabled in rules if enabled]}


def _save_rule(actor: Actor, target: int | None, values: Values) -> int:
    # What was proposed before a field was there leaves it as it is.
    rule = _with(ApprovalRule, target, {name: values[name] for name in RULE_FIELDS if name in values})
    return policy_actions.save_rule(actor, rule, seen=values.get("seen", "")).pk


def _switch_rule(on: bool) -> Run:
    return lambda actor, target, _: policy_actions.switch_rule(actor, target or 0, on=on).pk


def _move_rule(up: bool) -> Run:
    def run(actor: Actor, target: int | None, _: Values) -> int | None:
        policy_actions.move_rule(actor, target or 0, up=up)
        return target

    return run


def _delete_rule(actor: Actor, target: int | None, _: Values) -> None:
    policy_actions.delete_rule(actor, target or 0)


def _off_throughout(before: Look, after: Look) -> bool:
    """What is switched off, or isn't there, before and after asks nobody for anything and lets nobody in."""
    return not before.get("enabled") and not after.get("enabled")


# --- freeze windows ---


def _freeze(target: int | None) -> Look:
    window = FreezeWindow.objects.select_related("account").filter(pk=target).first() if target else None
    return window.as_dict() if window else {}


def _save_freeze(actor: Actor, target: int | None, values: Values) -> int:
    times = {name: parse_datetime(values[name]) for name in ("starts_at", "ends_at")}
    fields = {name: values[name] for name in ("name", "account_id", "DestinationRegion")}
    return policy_actions.save_freeze(actor, _with(FreezeWindow, target, {**fields, **times})).pk


def _end_freeze(actor: Actor, target: int | None, _: Values) -> int:
    return policy_actions.end_freeze(actor, target or 0).pk


def _delete_freeze(actor: Actor, target: int | None, _: Values) -> None:
    policy_actions.delete_freeze(actor, target or 0)


# --- budgets ---


def _budget(target: int | None) -> Look:
    budget = Budget.objects.select_related("team").filter(pk=target).first() if target else None
    return budget.as_dict() if budget else {}


def _save_budget(actor: Actor, _: int | None, values: Values) -> int:
    return budget_actions.save(actor, team=Group.objects.get(pk=values["team_id"]), amount=values["amount"]).pk


def _delete_budget(actor: Actor, target: int | None, _: Values) -> None:
    budget_actions.delete(actor, target or 0)


def _allows_no_more(before: Look, after: Look) -> bool:
    """A budget that is new, or not raised: more is above it than was."""
    return not before or (bool(after) and after["amount"] <= before["amount"])


# --- people ---


def _person(target: int | None) -> Look:
    user = User.objects.filter(pk=target or 0).first()
    if user is None:
        return {}
    look: Look = {"roles": roles_of(user.pk), "switched on": user.is_active, "superuser": user.is_superuser}
    if permissions.service_of(user):
        look |= {"owners": services.owners_of(user.pk)}
        # Left out where there are none, so that what was proposed before teams could own isn't out of date.
        look |= {"teams": owning} if (owning := services.teams_of(user.pk)) else {}
    return look


def roles_of(user_id: int) -> list[str]:
    """The roles somebody holds."""
    return sorted(Group.objects.filter(user=user_id, name__in=ROLES).values_list("name", flat=True))


def _give_roles(actor: Actor, target: int | None, values: Values) -> int:
    return people.set_roles(actor, target or 0, {*roles_of(target or 0), *values["give"]}).pk


def _switch_on(actor: Actor, target: int | None, _: Values) -> int:
    return people.switch(actor, target or 0, on=True).pk


def _set_owners(actor: Actor, target: int | None, values: Values) -> int:
    # What was proposed before teams could own leaves them as they are.
    owning = Group.objects.filter(services_owned__user=target)
    teams_then = Group.objects.filter(pk__in=values["teams"]) if "teams" in values else owning
    return services.set_owners(actor, target or 0, User.objects.filter(pk__in=values["owners"]), list(teams_then)).pk


def _fewer_owners(before: Look, after: Look) -> bool:
    teams_now, teams_then = before.get("teams", ()), after.get("teams", ())
    return set(after["owners"]) <= set(before["owners"]) and set(teams_then) <= set(teams_now)


def _never(before: Look, after: Look) -> bool:
    return False


# --- teams ---


def _team(target: int | None) -> Look:
    """Who is in it, and what that is for."""
    group = Group.objects.filter(pk=target or 0).first()
    if group is None:
        return {}
    members = sorted(group.user_set.values_list("username", flat=True))
    used = team_power.uses(group)
    return {
        "team": group.name,
        "members": members,
        "joining gives power": used.joining_gives_power,
        "leaving gives power": used.leaving_gives_power,
    }


def _join(actor: Actor, target: int | None, values: Values) -> int:
    return teams.join(actor, target or 0, *values["people"]).pk


def _leave(actor: Actor, target: int | None, values: Values) -> int:
    return teams.leave(actor, target or 0, *values["people"]).pk


def _gives(power: str) -> Callable[[Look, Look], bool]:
    return lambda before, after: not before[power]


# --- accounts ---


def _account(target: int | None) -> Look:
    """Without the ExternalId, which amicopy makes."""
    account = Account.objects.filter(pk=target).first() if target else None
    return {name: value for name, value in account.as_dict().items() if name != "external_id"} if account else {}


def _save_account(actor: Actor, target: int | None, values: Values) -> int:
    # When it is confirmed, its fields were compared already.
    stored = Account.objects.filter(pk=target).first() if target else None
    seen = values.get("seen", accounts.seen_of(stored) if stored else "")
    # A change that was proposed before there was a field says nothing of it.
    account = _with(Account, target, {name: values[name] for name in ACCOUNT_FIELDS if name in values})
    return accounts.save(actor, account, groups=Group.objects.filter(pk__in=values["groups"]), seen=seen).pk


def _lets_in_no_more(before: Look, after: Look) -> bool:
    """An account that is off throughout, that is only switched off, or in which fewer may ask."""
    if _off_throughout(before, after):
        return True
    names = {name for name, value in after.items() if before.get(name) != value}
    were, are = set(before.get("requester_groups", ())), set(after["requester_groups"])
    fewer = bool(are) and (not were or are <= were)
    return (
        bool(before)
        and names <= {"enabled", "requester_groups"}
        and ("enabled" not in names or not after["enabled"])
        and ("requester_groups" not in names or fewer)
    )


def _of_rules(
    run: Run,
    look: Callable[[int | None], Look] = _rule,
    harmless: Callable[[Look, Look], bool] = _off_throughout,
) -> Change:
    return Change("copies.manage_rules", permissions.check_manage_rules, run, look, harmless)


def _same_order(before: Look, after: Look) -> bool:
    return bool(before["order of those on"] == after["order of those on"])


_RULE = _of_rules(_save_rule)
_FREEZE = _of_rules(_save_freeze, _freeze, lone_changes.freezes_no_less)
_ACCOUNT = Change(
    "copies.manage_accounts", permissions.check_manage_accounts, _save_account, _account, _lets_in_no_more
)
CHANGES: dict[str, Change] = {
    "rule.add": _RULE,
    "rule.save": _RULE,
    "rule.on": _of_rules(_switch_rule(on=True)),
    "rule.off": _of_rules(_switch_rule(on=False)),
    "rule.up": _of_rules(_move_rule(up=True), _order, _same_order),
    "rule.down": _of_rules(_move_rule(up=False), _order, _same_order),
    "rule.delete": _of_rules(_delete_rule),
    "freeze.add": _FREEZE,
    "freeze.save": _FREEZE,
    "freeze.end": _of_rules(_end_freeze, _freeze, lone_changes.freezes_no_less),
    "freeze.delete": _of_rules(_delete_freeze, _freeze, lone_changes.freezes_no_less),
    "budget.save": _of_rules(_save_budget, _budget, _allows_no_more),
    "budget.delete": _of_rules(_delete_budget, _budget, _allows_no_more),
    "person.roles": Change("copies.manage_people", permissions.check_manage_people, _give_roles, _person, _never),
    "person.owners": Change(
        "copies.manage_people", permissions.check_manage_people, _set_owners, _person, _fewer_owners
    ),
    "person.on": Change("copies.manage_people", permissions.check_manage_people, _switch_on, _person, _never),
    "team.join": Change(
        "copies.manage_people", permissions.check_manage_people, _join, _team, _gives("joining gives power")
    ),
    "team.leave": Change(
        "copies.manage_people", permissions.check_manage_people, _leave, _team, _gives("leaving gives power")
    ),
    "account.add": _ACCOUNT,
    "account.save": _ACCOUNT,
}
