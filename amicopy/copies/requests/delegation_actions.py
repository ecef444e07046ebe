"""Handing the right to decide to somebody else for a time, a person, a team or a role, and taking it back. Each is an
event."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import FieldError, InvalidRequest
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.policy_models import Delegation
from amicopy.copies.voting import voters

LONGEST = timedelta(days=60)


def delegate(actor: Actor, *, receiver: User | Group, until: datetime, reason: str = "") -> Delegation:
    """Lets `receiver`, or whoever of a group may decide, give the acting person's vote until then. Both must be able to
    decide; it can't be handed on.

    Raises NotAllowed, and InvalidRequest by field.
    """
    giver, now = person(actor), timezone.now()
    if not voters.deciders().filter(pk=giver.pk).exists():
        raise NotAllowed("You can't hand over what you can't do. Only who may decide on requests can delegate.")
    errors: list[FieldError] = []
    if isinstance(receiver, Group):
        if not voters.deciders_in(receiver).exclude(pk=giver.pk).exists():
            said = f"Nobody else in {receiver.name} may decide on requests. Choose another, or somebody."
            errors.append(FieldError("receiver", said))
    elif receiver.pk == giver.pk:
        errors.append(FieldError("receiver", "Choose somebody else than yourself."))
    elif not voters.deciders().filter(pk=receiver.pk).exists():
        errors.append(FieldError("receiver", "Choose somebody who may decide on requests."))
    if not now < until <= now + LONGEST:
        errors.append(FieldError("until", f"Enter an end in the next {LONGEST.days} days."))
    if errors:
        raise InvalidRequest(errors)
    to: dict[str, Any] = {"receiver": receiver}
    if isinstance(receiver, Group):
        to = {"group": receiver, "group_name": receiver.name}
    with transaction.atomic():
        # As whoever changes teams does: who joins one meanwhile gets power by it, or is there already.
        lock_chain()
        delegation = Delegation.objects.create(giver=giver, until=until, reason=reason.strip(), created_at=now, **to)
        _record("delegation.made", delegation, actor)
    return delegation


def visible_to(user: User) -> QuerySet[Delegation]:
    """The delegations this person may see: those they give or hold, by a team or role, too; all for who may change
    rules."""
    if permissions.may_manage_rules(user):
        return Delegation.objects.all()
    return Delegation.objects.filter(Q(giver=user) | Q(receiver=user) | Q(group__in=user.groups.all()))


def may_end(user: User, delegation: Delegation) -> bool:
    """Whether this person may end a delegation: its giver, the one it is to, and who may change rules. Who is in a team
    takes nothing from the others."""
    return user.pk in {delegation.giver_id, delegation.receiver_id} or permissions.may_manage_rules(user)


def take_back(actor: Actor, delegation_id: int) -> Delegation:
    """Ends a delegation now; votes already given stay. Raises NotAllowed, see `may_end`."""
    user = person(actor)
    with transaction.atomic():
        # Before the row, as whoever deletes a team does.
        lock_chain()
        delegation = Delegation.objects.select_for_update().get(pk=delegation_id)
        if not may_end(user, delegation):
            raise NotAllowed("Only who handed over their vote, the person it is for, or an administrator can end this.")
        now = timezone.now()
        if delegation.until > now:
            delegation.until = max(now, delegation.created_at)
            delegation.save(update_fields=["until"])
            _record("delegation.ended", delegation, actor)
    return delegation


def _record(action: str, delegation: Delegation, actor: Actor) -> None:
    group = {"group": delegation.to, "group_id": delegation.group_id}
    data = {
        "giver": delegation.giver.get_username(),
        **(group if delegation.receiver is None else {"receiver": delegation.to}),
        "until": delegation.until.isoformat(),
        "reason": delegation.reason,
    }
    record(action, actor=actor, data=data)
