"""Handing the right to decide to somebody else for a time, and taking it back. Each is an event."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import FieldError, InvalidRequest
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.policy_models import Delegation
from amicopy.copies.voting import voters

LONGEST = timedelta(days=60)


def delegate(actor: Actor, *, receiver: User, until: datetime, reason: str = "") -> Delegation:
    """Lets `receiver` give the acting person's vote until then. Both must be able to decide; it can't be handed on.

    Raises NotAllowed, and InvalidRequest by field.
    """
    giver, now = person(actor), timezone.now()
    if not voters.deciders().filter(pk=giver.pk).exists():
        raise NotAllowed("You can't hand over what you can't do. Only who may decide on requests can delegate.")
    errors: list[FieldError] = []
    if receiver.pk == giver.pk:
        errors.append(FieldError("receiver", "Choose somebody else than yourself."))
    elif not voters.deciders().filter(pk=receiver.pk).exists():
        errors.append(FieldError("receiver", "Choose somebody who may decide on requests."))
    if not now < until <= now + LONGEST:
        errors.append(FieldError("until", f"Enter an end in the next {LONGEST.days} days."))
    if errors:
        raise InvalidRequest(errors)
    with transaction.atomic():
        delegation = Delegation.objects.create(
            giver=giver, receiver=receiver, until=until, reason=reason.strip(), created_at=now
        )
        _record("delegation.made", delegation, actor)
    return delegation


def visible_to(user: User) -> QuerySet[Delegation]:
    """The delegations this person may see, and end: those they give or hold; all for who may change rules."""
    if permissions.may_manage_rules(user):
        return Delegation.objects.all()
    return Delegation.objects.filter(Q(giver=user) | Q(receiver=user))


def take_back(actor: Actor, delegation_id: int) -> Delegation:
    """Ends a delegation now. For its giver, its receiver, and who may change rules; votes already given stay."""
    user = person(actor)
    with transaction.atomic():
        delegation = Delegation.objects.select_for_update().get(pk=delegation_id)
        if not visible_to(user).filter(pk=delegation_id).exists():
            raise NotAllowed("Only the two people of a delegation, or an administrator, can end it.")
        now = timezone.now()
        if delegation.until > now:
            delegation.until = max(now, delegation.created_at)
            delegation.save(update_fields=["until"])
            _record("delegation.ended", delegation, actor)
    return delegation


def _record(action: str, delegation: Delegation, actor: Actor) -> None:
    record(
        action,
        actor=actor,
        data={
            "giver": delegation.giver.get_username(),
            "receiver": delegation.receiver.get_username(),
            "until": delegation.until.isoformat(),
            "reason": delegation.reason,
        },
    )
