"""Standing for somebody: an administrator, or whoever operates amicopy, confirms what a person was given by another."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.power_models import Grant
from amicopy.copies.voting import power


def confirm(actor: Actor, user_id: int) -> User:
    """Confirms what others gave to a person, as far as nobody has a hand in both them and the actor. Raises NotAllowed
    for oneself, where there is nothing to confirm, and where all of it is the actor's own or their hands'."""
    with transaction.atomic():
        lock_chain()
        me = permissions.person(actor)
        permissions.check_manage_people(me)
        user = User.objects.get(pk=user_id)
        if user.pk == me.pk:
            raise NotAllowed("You can't confirm yourself. Somebody else has to.")
        if me in permissions.behind(user):
            raise NotAllowed(f"You own {user.username}, so you can't confirm it. Somebody else has to.")
        grants = power.open_grants(user)
        if not grants:
            raise NotAllowed(f"There is nothing to confirm of {user.username}.")
        hands = power.hands_in({me.pk, *(grant.given_by_id for grant in grants)})
        theirs = [grant for grant in grants if hands.apart(me.pk, grant.given_by_id)]
        if not theirs:
            givers = ", ".join(dict.fromkeys(grant.given_by.username for grant in grants))
            raise NotAllowed(
                f"You can't confirm {user.username}: what they may do comes from {givers}, who counts as one with you. "
                f"{power.way_out(user)}"
            )
        _confirm(user, theirs, actor=actor)
    return user


def confirm_by_operator(actor: Actor, name: str) -> int:
    """Confirms all that a person was given; returns how much that is. Raises User.DoesNotExist."""
    with transaction.atomic():
        lock_chain()
        user = User.objects.get(username=name)
        grants = power.open_grants(user)
        if grants:
            _confirm(user, grants, actor=actor)
    return len(grants)


def could(actor: User, grants: Sequence[Grant]) -> bool:
    """Whether an administrator could confirm any of these, which somebody else was given."""
    hands = power.hands_in({actor.pk, *(grant.given_by_id for grant in grants)})
    return any(hands.apart(actor.pk, grant.given_by_id) for grant in grants)


def _confirm(user: User, grants: Sequence[Grant], *, actor: Actor) -> None:
    ids = [grant.pk for grant in grants]
    Grant.objects.filter(pk__in=ids).update(confirmed_by_id=actor.id, confirmed_at=timezone.now())
    confirmed = [{"kind": grant.kind, "detail": grant.detail, "given_by": grant.given_by.username} for grant in grants]
    data = {"person": user.username, "person_id": user.pk, "confirmed": confirmed}
    record("person.confirmed", actor=actor, data=data)
