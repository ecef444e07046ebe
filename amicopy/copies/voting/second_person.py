"""Who can be the second of two people: another administrator who doesn't owe the way in to the first.

Whose account somebody made, to whom they made a password link and whose address they set, those they could be, and so
could all who came from these in turn, see `power`. What somebody else confirmed is no such debt.
"""

from collections.abc import Collection

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from amicopy.audit.models import AuditEvent
from amicopy.copies.core import permissions
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.roles import ADMINISTRATOR
from amicopy.copies.voting import power

# With these one person gets into another's account.
MADE = (Grant.Kind.ACCOUNT,)
LET_IN = (*MADE, Grant.Kind.PASSWORD, Grant.Kind.ADDRESS, Grant.Kind.SECOND_FACTOR, Grant.Kind.SWITCHED_ON)
TAKEN = ("person.switched_off", "person.role_taken")


def confirmers(user: User, permission: str) -> QuerySet[User]:
    """The active people with the permission who can confirm what this person changes: nobody else could be both."""
    able = _holders(permission).exclude(pk=user.pk)
    others = set(able.values_list("pk", flat=True))
    hands = power.hands_in({user.pk, *others}, LET_IN)
    return able.filter(pk__in=[other for other in others if hands.apart(user.pk, other)])


def alone(user: User, permission: str) -> bool:
    """Whether there is no other administrator: then nobody can be waited for. It doesn't count that the person made
    more of them, or took the power of another one away."""
    own = {user.pk, *power.reach(user.pk, MADE)}
    return not _holders(permission).exclude(pk__in=own).exists() and not _pushed_out(own)


def automatic_approval_applies(requester: User) -> bool:
    """Whether a rule that asks nobody counts for this person's requests: not for the only one who could have written
    it, nor for whoever came from them, nor for a service that one of these owns, or did."""
    if not settings.TWO_PERSON_CHANGES:
        return True
    permission = "copies.manage_rules"
    return not any(
        requester.pk in {writer.pk, *power.reach(writer.pk, (*LET_IN, Grant.Kind.OWNER))}
        for writer in _holders(permission)
        if alone(writer, permission)
    )


def _holders(permission: str) -> QuerySet[User]:
    """Everybody active with the permission who has a way in: a password, or any by which they came in before."""
    way_in = ~Q(password__startswith=UNUSABLE_PASSWORD_PREFIX) | Q(last_login__isnull=False)
    return permissions.holders(permission).filter(way_in)


def _pushed_out(own: Collection[int]) -> set[int]:
    """The administrators, none of their own, from whom one of these people took their power."""
    taken = AuditEvent.objects.filter(actor_id__in=own, action__in=TAKEN).values_list("data", flat=True)
    return {
        data["person_id"]
        for data in taken
        if data.get("role") == ADMINISTRATOR
        or ("role" not in data and (data["state"]["superuser"] or ADMINISTRATOR in data["state"]["roles"]))
    } - set(own)
