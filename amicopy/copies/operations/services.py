"""Service accounts: users that programs act as, owned by people who make their tokens. Made, given other owners and
switched off by those who manage people, with the same four eyes as for people; see `proposals`.

Nobody signs in as one. Who owns it, or ever did, counts as one with it, see `voting.power`.
"""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.power_models import ServiceAccount
from amicopy.copies.operations import people, tokens
from amicopy.copies.voting import power

MOST_OWNERS = 20


def add(actor: Actor, *, name: str, owners: Collection[User]) -> User:
    """Makes a service account without a role. Raises NotAllowed, and ValidationError by field."""
    permissions.check_manage_people(person(actor))
    _check_owners(owners)
    with transaction.atomic():
        user = people.added(actor, name=name, action="service.added", owners=_names(owners))
        _own(ServiceAccount.objects.create(user=user, made_at=timezone.now()), owners)
    return user


def set_owners(actor: Actor, user_id: int, owners: Collection[User]) -> User:
    """Makes these the owners; the tokens of those who are none any more end. Raises as `add`."""
    _check_owners(owners)
    with transaction.atomic():
        user = people.changeable(actor, user_id)
        service = permissions.service_of(user)
        if service is None:
            raise NotAllowed(f"{user.username} is a person, whom nobody owns.")
        before = list(service.owners.all())
        if set(before) != set(owners):
            tokens.end_all(tokens.working().filter(person=user).exclude(made_by__in=owners), actor=actor)
            _own(service, owners)
            changes = {"owners": [_names(before), _names(owners)]}
            people.tell("service.owners_changed", user, actor=actor, changes=changes)
    return user


def owners_of(user_id: int) -> list[str]:
    """Who owns a service, by name; empty for a person."""
    return sorted(User.objects.filter(services__user=user_id).values_list("username", flat=True))


def _own(service: ServiceAccount, owners: Collection[User]) -> None:
    service.owners.set(owners)
    for owner in owners:
        power.own(service.user, owner)


def _check_owners(owners: Collection[User]) -> None:
    words = ""
    if not 1 <= len(owners) <= MOST_OWNERS:
        words = f"Choose 1 to {MOST_OWNERS} people who own it."
    elif any(not owner.is_active or permissions.service_of(owner) for owner in owners):
        words = "Choose people who are switched on."
    if words:
        raise ValidationError({"owners": [words]})


def _names(owners: Collection[User]) -> list[str]:
    return sorted(owner.username for owner in owners)
