"""Rules, freeze windows, roles and accounts change by two people: a change that gives power waits as a proposal until
another administrator confirms it.

Every change of these comes through here. It is tried first, by the very verb that makes it, and taken back: so it is
refused as ever, and its difference is known. What takes power away, or gives none, is done at once; so is everything
while there is only one administrator, and each event says so. Which changes are which is in `docs/roles.md`; what
becomes of a proposal is decided in `proposal_decisions`.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum, auto

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core import permissions
from amicopy.copies.core.models import Account, Budget
from amicopy.copies.core.permissions import person
from amicopy.copies.core.policy_models import ApprovalRule, FreezeWindow
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.core.roles import ROLES
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import people, proposal_notices, proposal_queries, proposed_changes, services
from amicopy.copies.operations.proposed_changes import ACCOUNT_FIELDS, CHANGES, RULE_FIELDS, Change, Look, Values
from amicopy.copies.voting import second_person

State = Proposal.State


class Mode(Enum):
    """How a person's changes take effect."""

    BY_TWO = auto()
    # There is only one administrator.
    ALONE = auto()
    # Switched off by the setting.
    OFF = auto()


@dataclass(frozen=True)
class Outcome:
    """What became of a change: it waits as `proposal`, or it is done to the row `target`, `alone` where nobody else
    could confirm it."""

    target: int | None = None
    proposal: Proposal | None = None
    alone: bool = False


class _TakenBack(Exception):
    """Ends the try of a change."""


def mode(user: User, permission: str) -> Mode:
    """How changes that need this permission take effect for a person."""
    if not settings.TWO_PERSON_CHANGES:
        return Mode.OFF
    return Mode.ALONE if second_person.alone(user, permission) else Mode.BY_TWO


def save_rule(actor: Actor, rule: ApprovalRule, *, seen: str = "") -> Outcome:
    """Adds or changes a rule. Raises as `policy_actions.save_rule`, and InvalidTransition while a change waits."""
    kind = "rule.save" if rule.pk else "rule.add"
    return _change(actor, kind, rule.pk, rule.name, {name: getattr(rule, name) for name in RULE_FIELDS}, seen=seen)


def switch_rule(actor: Actor, rule: ApprovalRule, *, on: bool) -> Outcome:
    return _change(actor, "rule.on" if on else "rule.off", rule.pk, rule.name)


def move_rule(actor: Actor, rule: ApprovalRule, *, up: bool) -> Outcome:
    return _change(actor, "rule.up" if up else "rule.down", rule.pk, rule.name)


def delete_rule(actor: Actor, rule: ApprovalRule) -> Outcome:
    return _change(actor, "rule.delete", rule.pk, rule.name)


def save_freeze(actor: Actor, window: FreezeWindow) -> Outcome:
    """Adds or changes a freeze window. Raises as `policy_actions.save_freeze`."""
    values = {
        "name": window.name,
        "account_id": window.account_id,
        "DestinationRegion": window.DestinationRegion,
        "starts_at": window.starts_at.isoformat(),
        "ends_at": window.ends_at.isoformat(),
    }
    return _change(actor, "freeze.save" if window.pk else "freeze.add", window.pk, window.name, values)


def end_freeze(actor: Actor, window: FreezeWindow) -> Outcome:
    return _change(actor, "freeze.end", window.pk, window.name)


def delete_freeze(actor: Actor, window: FreezeWindow) -> Outcome:
    return _change(actor, "freeze.delete", window.pk, window.name)


def save_budget(actor: Actor, team: Group, *, amount: int) -> Outcome:
    """Sets or changes a team's budget. Raises as `budget_actions.save`, and InvalidTransition while a change waits."""
    budget = Budget.objects.filter(team=team).first()
    values: Values = {"team_id": team.pk, "amount": amount}
    return _change(actor, "budget.save", budget.pk if budget else None, team.name, values)


def delete_budget(actor: Actor, budget: Budget) -> Outcome:
    return _change(actor, "budget.delete", budget.pk, budget.team.name)


def add_person(actor: Actor, *, name: str, email: str, roles: Collection[str]) -> Outcome:
    """Adds a person, at once; the roles are given as those of anybody. Raises as `people.add`."""
    permissions.check_manage_people(user := person(actor))
    given = sorted(set(roles) & set(ROLES))
    how = mode(user, "copies.manage_people")
    if how is Mode.BY_TWO or not given:
        with transaction.atomic():
            added = people.add(actor, name=name, email=email, roles=())
            return _change(actor, "person.roles", added.pk, name, {"give": given}) if given else Outcome(added.pk)
    added = people.add(_marked(actor, how), name=name, email=email, roles=given)
    return Outcome(added.pk, alone=how is Mode.ALONE)


def add_service(
    actor: Actor, *, name: str, owners: Collection[User], roles: Collection[str], teams: Collection[Group] = ()
) -> Outcome:
    """Adds a service account, at once; its roles are given as those of anybody. Raises as `services.add`."""
    with transaction.atomic():
        user = services.add(actor, name=name, owners=owners, teams=teams)
        return set_roles(actor, user.pk, roles)


def set_owners(actor: Actor, user_id: int, owners: Collection[User], teams: Collection[Group] = ()) -> Outcome:
    """Makes these the owners of a service. Raises as `services.set_owners`, and InvalidTransition while a change
    waits."""
    values: Values = {"owners": sorted(owner.pk for owner in owners), "teams": sorted(team.pk for team in teams)}
    return _change(actor, "person.owners", user_id, User.objects.get(pk=user_id).username, values)


def set_roles(actor: Actor, user_id: int, roles: Collection[str]) -> Outcome:
    """Takes roles at once, and gives roles. Raises as `people.set_roles`, and InvalidTransition while a change
    waits."""
    with transaction.atomic():
        # Proposals before people and history: see `proposal_decisions`.
        list(proposal_queries.waiting_for_target("person", user_id).select_for_update())
        held = set(proposed_changes.roles_of(user_id))
        user = people.set_roles(actor, user_id, held & set(roles))
        given = sorted((set(roles) & set(ROLES)) - held)
        return _change(actor, "person.roles", user_id, user.username, {"give": given}) if given else Outcome(user_id)


def switch_person(actor: Actor, user_id: int, *, on: bool) -> Outcome:
    """Switches a person off at once, or on. Raises as `people.switch`."""
    if not on:
        return Outcome(people.switch(actor, user_id, on=False).pk)
    return _change(actor, "person.on", user_id, User.objects.get(pk=user_id).username)


def join_team(actor: Actor, team: Group, *users: User) -> Outcome:
    """Puts people in a team. Raises as `teams.join`, and InvalidTransition while a change waits."""
    return _change_members(actor, "team.join", team, *users)


def leave_team(actor: Actor, team: Group, user: User) -> Outcome:
    """Takes somebody out of a team. Raises as `teams.leave`, and InvalidTransition while a change waits."""
    return _change_members(actor, "team.leave", team, user)


def _change_members(actor: Actor, kind: str, team: Group, *users: User) -> Outcome:
    values: Values = {"people": [user.pk for user in users]}
    if not permissions.may_manage_people(person(actor)):
        # An owner can do only what gives nobody power: that is for the verb to say.
        return Outcome(CHANGES[kind].run(actor, team.pk, values))
    return _change(actor, kind, team.pk, team.name, values)


def save_account(actor: Actor, account: Account, *, groups: Collection[Group], seen: str = "") -> Outcome:
    """Adds or changes an account. Raises as `accounts.save`, and InvalidTransition while a change waits."""
    values: Values = {name: getattr(account, name) for name in ACCOUNT_FIELDS}
    values["groups"] = sorted(group.pk for group in groups)
    kind = "account.save" if account.pk else "account.add"
    return _change(actor, kind, account.pk, account.name, values, seen=seen)


def _change(
    actor: Actor, kind: str, target: int | None, name: str, values: Values | None = None, *, seen: str = ""
) -> Outcome:
    """Does a change, or has it wait. `seen` is what it was made on, for those that look."""
    change, values, user = CHANGES[kind], values or {}, person(actor)
    change.check(user)
    subject = kind.partition(".")[0]
    with transaction.atomic():
        if target is not None and (
            waits := proposal_queries.waiting_for_target(subject, target).select_for_update(of=("self",)).first()
        ):
            by = waits.proposed_by.get_username()
            raise InvalidTransition(f"{by} proposed a change of it: “{waits.title}”. Decide on that first.")
        before, after = _tried(change, actor, target, {**values, "seen": seen})
        if change.harmless(before, after) or before == after:
            return Outcome(change.run(actor, target, {**values, "seen": seen}))
        how = mode(user, change.permission)
        if how is not Mode.BY_TWO:
            done = change.run(_marked(actor, how), target, {**values, "seen": seen})
            return Outcome(done, alone=how is Mode.ALONE)
        same = Proposal.objects.filter(kind=kind, target=target, values=values, proposed_by=user, state=State.WAITING)
        if again := same.first():
            return Outcome(target, again)
        try:
            with transaction.atomic():
                proposal = Proposal.objects.create(
                    kind=kind,
                    subject=subject,
                    target=target,
                    name=name,
                    values=values,
                    before=before,
                    after=after,
                    proposed_by=user,
                    proposed_at=timezone.now(),
                )
        except IntegrityError:
            raise InvalidTransition(f"Somebody else proposed a change of {name} meanwhile. Look at it.") from None
        event = record(
            "proposal.made", actor=actor, data={**proposal_notices.about(proposal), "changes": proposal.changes}
        )
        others = second_person.confirmers(user, change.permission).values_list("pk", flat=True)
        text = f"{user.username} proposed it. It takes effect once another administrator confirms it."
        proposal_notices.tell(event, proposal, "Waits for a second administrator", text, people=others)
    return Outcome(target, proposal)


def _tried(change: Change, actor: Actor, target: int | None, values: Values) -> tuple[Look, Look]:
    """How the target looks, and how it would: the verb is run and taken back, with its events and its messages."""
    before, after = change.look(target), Look()
    try:
        with transaction.atomic():
            after = change.look(change.run(actor, target, values))
            raise _TakenBack
    except _TakenBack:
        return before, after


def _marked(actor: Actor, how: Mode) -> Actor:
    """The actor of a change that nobody else could confirm: its events say so."""
    if how is not Mode.ALONE:
        return actor
    return replace(actor, also={"at_once": "there is only one administrator"})
