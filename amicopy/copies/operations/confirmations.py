"""Standing for somebody: an administrator, or whoever operates amicopy, confirms what a person was given by another.

What others could have made in their name meanwhile, tokens, access keys and links to providers, ends with it: the
person is confirmed, not what somebody else may have kept of the time before.
"""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.power_models import Grant
from amicopy.copies.operations import sign_on, tokens
from amicopy.copies.voting import power, second_person


def confirm(actor: Actor, user_id: int) -> User:
    """Confirms what others gave to a person, as far as nobody has a hand in both them and the actor. Raises NotAllowed
    for oneself and a service of one's own, where there is nothing to confirm, and where all of it is the actor's own or
    their hands'."""
    with transaction.atomic():
        lock_chain()
        me = permissions.person(actor)
        permissions.check_manage_people(me)
        user = User.objects.get(pk=user_id)
        if user.pk == me.pk:
            raise NotAllowed("You can't confirm yourself. Somebody else has to.")
        if why := power.owned_by(me, user):
            raise NotAllowed(f"You can't confirm {user.username}. {why}")
        grants = power.open_grants(user)
        if not grants:
            raise NotAllowed(f"There is nothing to confirm of {user.username}.")
        theirs = power.confirmable(user, grants, [me])[me.pk]
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


def could(actor: User, user: User, grants: Sequence[Grant]) -> bool:
    """Whether an administrator could confirm any of these, which somebody was given."""
    return bool(power.confirmable(user, grants, [actor])[actor.pk])


def _confirm(user: User, grants: Sequence[Grant], *, actor: Actor) -> None:
    ids = [grant.pk for grant in grants]
    let_in = [grant.given_at for grant in grants if grant.kind in second_person.LET_IN and grant.person_id == user.pk]
    if let_in:
        made = tokens.working().filter(Q(person=user, made_by=None) | Q(made_by=user), created_at__gte=min(let_in))
        tokens.end_all(made, actor=actor)
        sign_on.end_links(user, since=min(let_in), actor=actor)
    Grant.objects.filter(pk__in=ids).update(confirmed_by_id=actor.id, confirmed_at=timezone.now())
    confirmed = [{"kind": grant.kind, "detail": grant.detail, "given_by": grant.given_by.username} for grant in grants]
    data = {"person": user.username, "person_id": user.pk, "confirmed": confirmed}
    record("person.confirmed", actor=actor, data=data)
