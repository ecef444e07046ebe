"""Service accounts: users that programs act as, owned by people who make their tokens. Made, given other owners and
switched off by those who manage people, with the same four eyes as for people; see `proposals`.

Nobody signs in as one. Who owns it, or ever did, counts as one with it, see `voting.power`.
"""

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.power_models import ServiceAccount
from amicopy.copies.core.roles import ROLES
from amicopy.copies.operations import people, tokens
from amicopy.copies.voting import power

MOST_OWNERS = 20


def add(actor: Actor, *, name: str, owners: Collection[User], teams: Collection[Group] = ()) -> User:
    """Makes a service account without a role, owned by people, and by whoever is in these teams. Raises NotAllowed, and
    ValidationError by field."""
    permissions.check_manage_people(person(actor))
    with transaction.atomic():
        everybody = _everybody(owners, teams)
        more: dict[str, Any] = {"teams": _team_names(teams)} if teams else {}
        user = people.added(actor, name=name, action="service.added", owners=_names(everybody), **more)
        service = ServiceAccount.objects.create(user=user, made_at=timezone.now())
        service.teams.set(teams)
        _own(service, everybody)
    return user


def set_owners(actor: Actor, user_id: int, owners: Collection[User], teams: Collection[Group] = ()) -> User:
    """Makes these, and whoever is in these teams, the owners; the tokens of those who are none any more end. Raises as
    `add`."""
    with transaction.atomic():
        user = people.changeable(actor, user_id)
        service = permissions.service_of(user)
        if service is None:
            raise NotAllowed(f"{user.username} is a person, whom nobody owns.")
        everybody = _everybody(owners, teams)
        before = list(service.teams.all())
        if set(before) != set(teams):
            service.teams.set(teams)
            changes = {"teams": [_team_names(before), _team_names(teams)]}
            people.tell("service.owners_changed", user, actor=actor, changes=changes)
        _change(service, everybody, actor=actor)
    return user


def joined(actor: Actor, group: Group, user: User) -> None:
    """Makes somebody who joined a team an owner of what it owns, in the transaction of that."""
    if permissions.service_of(user) or not user.is_active:
        return
    for service in ServiceAccount.objects.filter(teams=group):
        _change(service, {*service.owners.all(), user}, actor=actor)


def left(actor: Actor, group: Group, user: User) -> None:
    """Ends what somebody who leaves a team owns by it, in the transaction of that. Raises NotAllowed where nobody would
    own it any more."""
    for service in ServiceAccount.objects.filter(teams=group, owners=user):
        if user.groups.filter(pk__in=service.teams.exclude(pk=group.pk)).exists():
            continue
        owners = [owner for owner in service.owners.all() if owner != user]
        if not owners:
            raise NotAllowed(f"Nobody would own the service account {service} any more. Give it another owner first.")
        _change(service, owners, actor=actor)


def owners_of(user_id: int) -> list[str]:
    """Who owns a service, by name; empty for a person."""
    return sorted(User.objects.filter(services__user=user_id).values_list("username", flat=True))


def teams_of(user_id: int) -> list[str]:
    """The teams that own a service, by name."""
    return sorted(Group.objects.filter(services_owned__user=user_id).values_list("name", flat=True))


def owners_themselves(service: ServiceAccount) -> list[User]:
    """Who owns it without being in one of its teams."""
    return list(service.owners.exclude(groups__in=service.teams.all()))


def _everybody(owners: Collection[User], teams: Collection[Group]) -> list[User]:
    """These people, and those of the teams. Raises ValidationError, by field, where that is nobody."""
    if any(team.name in ROLES for team in teams):
        raise ValidationError({"teams": ["Choose teams. A role owns nothing."]})
    of_teams = User.objects.filter(groups__in=teams, is_active=True, service=None).distinct()
    if owners or not of_teams:
        _check_owners(owners)
    return list({*owners, *of_teams})


def _change(service: ServiceAccount, owners: Collection[User], *, actor: Actor) -> None:
    """Makes these the owners, where they aren't, with its event."""
    before = list(service.owners.all())
    if set(before) != set(owners):
        user = service.user
        tokens.end_all(tokens.working().filter(person=user).exclude(made_by__in=owners), actor=actor)
        _own(service, owners)
        changes = {"owners": [_names(before), _names(owners)]}
        people.tell("service.owners_changed", user, actor=actor, changes=changes)


def _own(service: ServiceAccount, owners: Collection[User]) -> None:
    service.owners.set(owners)
    for owner in owners:
        power.own(service.user, owner)


def _check_owners(owners: Collection[User]) -> None:
    words = ""
    if not 1 <= len(owners) <= MOST_OWNERS:
        words = f"Choose 1 to {MOST_OWNERS} people who own it, or a team that somebody is in."
    elif any(not owner.is_active or permissions.service_of(owner) for owner in owners):
        words = "Choose people who are switched on."
    if words:
        raise ValidationError({"owners": [words]})


def _names(owners: Collection[User]) -> list[str]:
    return sorted(owner.username for owner in owners)


def _team_names(teams: Collection[Group]) -> list[str]:
    return sorted(team.name for team in teams)
