"""What becomes of people when a provider says who they are: found or added, with the roles and teams of their groups.

Somebody is found by the provider's issuer and their subject there, never by name or address. Who isn't found is added
if their groups give them something; not where their address is somebody's already, who could be the same person, with
a second vote. What a provider gives is nobody's making, as what whoever operates amicopy gives: the operator chose the
provider and wrote the table of groups, and no administrator can change either.

Whoever is here links themselves too, signed in here and there, and unlinks while another way in remains. What they
unlinked stays known as theirs.

Only roles and teams that stand in the table are touched, and of those, somebody has what their groups give. Where the
provider says nothing of groups they lose them, and administrators are told.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.copies.core import permissions
from amicopy.copies.core.identity_models import linked
from amicopy.copies.core.models import Identity
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.roles import ROLES
from amicopy.copies.operations import people, teams
from amicopy.notify import outbox
from amicopy.notify.outbox import Notice
from amicopy.providers import Missing, Provider

logger = logging.getLogger(__name__)
# Administrators are told of a provider that says nothing of groups once in this while, whoever signs on.
TOLD_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class Said:
    """What a provider said of somebody, whose token was checked. `names` are those that somebody new could have here,
    the best first; `email` is empty where it wasn't given, or where the provider says that nobody verified it."""

    subject: str
    names: tuple[str, ...]
    email: str
    groups: frozenset[str] | Missing


class Refused(Exception):
    """They can't sign on; `reason` is a code, for which pages have words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def arrive(provider: Provider, said: Said, *, address: str) -> User:
    """The person, with the roles and teams of their groups. Raises Refused."""
    actor = by(provider, address)
    with transaction.atomic():
        lock_chain()
        identity = Identity.objects.filter(issuer=provider.issuer, subject=said.subject).first()
        if identity is None:
            identity = _added(provider, said, actor=actor)
        if identity.unlinked_at is not None:
            raise Refused("unlinked")
        user = people.locked(identity.person_id)
        if not user.is_active:
            raise Refused("switched-off")
        identity.seen_at = timezone.now()
        _set_groups(provider, identity, user, said.groups, actor=actor)
        identity.save(update_fields=["seen_at", "absent_since"])
        _take_address(user, said.email, actor=actor)
    return user


def identify(user: User, issuer: str, subject: str, *, actor: Actor) -> None:
    """Links somebody who is here to who they are at a provider, for whoever operates amicopy: also what somebody else
    unlinked. Raises ValidationError for a service account, and where either is linked already."""
    with transaction.atomic():
        user = people.locked(user.pk)
        if permissions.service_of(user):
            raise ValidationError(f"{user.username} is a service account: nobody signs in as it.")
        _link(user, issuer, subject, actor=actor)


def link(actor: Actor, provider: Provider, subject: str) -> None:
    """Links the acting person to who they have just shown to be at a provider; nothing where they are already. Raises
    Refused: `taken` for somebody else's, or what was; `linked-already` for who is linked to another there."""
    with transaction.atomic():
        user = people.locked(permissions.person(actor).pk)
        there = Identity.objects.filter(issuer=provider.issuer, subject=subject).first()
        if not user.is_active:
            raise Refused("switched-off")
        if there is not None and there.person_id != user.pk:
            raise Refused("taken")
        if there is not None and there.unlinked_at is None:
            return
        if linked().filter(person=user, issuer=provider.issuer).exists():
            raise Refused("linked-already")
        _link(user, provider.issuer, subject, actor=actor, own=True)


def unlink(actor: Actor, identity_id: int) -> Identity:
    """Has the acting person sign on by one of theirs no more: what its groups gave ends. Raises NotAllowed while they
    have no other way in, and Identity.DoesNotExist."""
    with transaction.atomic():
        user = people.locked(permissions.person(actor).pk)
        identity = linked().get(pk=identity_id, person=user)
        if not other_way_in(user, identity):
            raise NotAllowed("That is your only way in. You need another first: a password that opens, or a provider.")
        _unlink(identity, user, actor=actor, why="unlinked")
    return identity


def other_way_in(user: User, identity: Identity) -> bool:
    """Whether somebody can sign in without this: with a password that opens something, or at another provider."""
    issuers = [provider.issuer for provider in settings.OIDC_PROVIDERS.values()]
    others = linked().filter(person=user, issuer__in=issuers).exclude(pk=identity.pk)
    return (user.has_usable_password() and password_opens(user.username)) or others.exists()


def password_opens(name: str) -> bool:
    """Whether a password of this person's opens anything; no others do while passwords are hidden."""
    return not settings.PASSWORD_SIGN_IN or name in settings.PASSWORD_SIGN_IN


def end_links(user: User, *, since: datetime, actor: Actor) -> None:
    """Ends what somebody linked themselves from a time on, when others could have done so in their name."""
    for identity in linked().filter(person=user, own=True, made_at__gte=since):
        _unlink(identity, user, actor=actor, why="others could have linked it")


def _link(user: User, issuer: str, subject: str, *, actor: Actor, own: bool = False) -> None:
    Identity.objects.filter(issuer=issuer, subject=subject, unlinked_at__isnull=False).delete()
    now = timezone.now()
    identity = Identity(person=user, issuer=issuer, subject=subject, made_at=now, seen_at=now, own=own)
    identity.full_clean()
    identity.save()
    record("person.identified", actor=actor, data={**_about(user), "issuer": issuer, "subject": subject})


def _unlink(identity: Identity, user: User, *, actor: Actor, why: str) -> None:
    identity.unlinked_at = timezone.now()
    identity.save(update_fields=["unlinked_at"])
    data = {**_about(user), "issuer": identity.issuer, "subject": identity.subject, "why": why}
    record("person.unlinked", actor=actor, data=data)
    for provider in settings.OIDC_PROVIDERS.values():
        if provider.issuer == identity.issuer:
            _have(user, set(), provider.mapped, actor=actor, why=why)


def take_back(provider: Provider, *, days: int, actor: Actor) -> int:
    """Takes what groups gave from everybody whom the provider hasn't vouched for in so many days; returns from how
    many."""
    over = linked().filter(issuer=provider.issuer, seen_at__lt=timezone.now() - timedelta(days=days))
    count = 0
    for person in over.filter(person__groups__name__in=provider.mapped).values_list("person", flat=True).distinct():
        with transaction.atomic():
            user = people.locked(person)
            # Signed on meanwhile?
            if over.filter(person=user).exists():
                _have(user, set(), provider.mapped, actor=actor, why="not signed on lately")
                count += 1
    return count


def by(provider: Provider, address: str = "") -> Actor:
    """A provider, as who does what its tokens say."""
    return Actor(name=f"sign-on {provider.name}", source="page", address=address)


def _added(provider: Provider, said: Said, *, actor: Actor) -> Identity:
    """Somebody new. Raises Refused."""
    if isinstance(said.groups, Missing):
        raise Refused(f"groups-{said.groups}")
    if not provider.given_by(said.groups):
        raise Refused("groups-ids" if provider.has_no_ids_but(said.groups) else "no-role")
    if said.email and User.objects.filter(email__iexact=said.email).exists():
        raise Refused("address-taken")
    user = _named(provider, said, actor=actor)
    now = timezone.now()
    identity = Identity.objects.create(
        person=user, issuer=provider.issuer, subject=said.subject, made_at=now, seen_at=now
    )
    data = {**_about(user), "issuer": provider.issuer, "subject": said.subject}
    record("person.identified", actor=actor, data=data)
    return identity


def _named(provider: Provider, said: Said, *, actor: Actor) -> User:
    """Somebody added with the first name that can be had. Raises Refused."""
    for name in said.names:
        try:
            return people.added(actor, name=name, email=said.email)
        except ValidationError as refused:
            logger.warning("%r can't be added for a sign-on at %s: %s", name, provider.name, refused.messages)
    raise Refused("name-taken")


def _set_groups(
    provider: Provider, identity: Identity, user: User, groups: frozenset[str] | Missing, *, actor: Actor
) -> None:
    """Gives somebody what their groups give, of all that stands in the table."""
    if not isinstance(groups, Missing):
        identity.absent_since = None
        _have(user, provider.given_by(groups), provider.mapped, actor=actor, why="groups")
        return
    if not provider.mapped:
        return
    now = timezone.now()
    told = Identity.objects.filter(issuer=provider.issuer, absent_since__gt=now - TOLD_EVERY).exists()
    lost = _have(user, set(), provider.mapped, actor=actor, why=f"groups {groups}")
    if not lost and identity.absent_since is not None:
        return
    identity.absent_since = now
    data = {**_about(user), "provider": provider.name, "why": groups, "lost": sorted(lost)}
    event = record("person.groups_missing", actor=actor, data=data)
    if not told:
        _tell_administrators(provider, user, event.pk, groups)


def _have(user: User, wanted: set[str], mapped: set[str], *, actor: Actor, why: str) -> set[str]:
    """Makes these the mapped roles and teams that somebody has; returns what they lost."""
    held = set(user.groups.filter(name__in=mapped).values_list("name", flat=True))
    for name in sorted(wanted - held):
        if name in ROLES:
            user.groups.add(Group.objects.get(name=name))
            people.tell("person.role_given", user, actor=actor, why=why, role=name)
        else:
            teams.put_in(actor, Group.objects.get_or_create(name=name)[0], user, why=why)
    lost = held - wanted
    for name in sorted(lost):
        group = Group.objects.get(name=name)
        if name in ROLES:
            user.groups.remove(group)
            people.tell("person.role_taken", user, actor=actor, why=why, role=name)
        else:
            teams.take_out(actor, group, user, why=why)
    return lost


def _take_address(user: User, email: str, *, actor: Actor) -> None:
    """Follows the provider's address; where it is somebody else's, or none, the one here stays."""
    if not email or email.casefold() == user.email.casefold():
        return
    try:
        with transaction.atomic():
            people.changed_email(user, email, actor=actor)
    except ValidationError as refused:
        user.refresh_from_db(fields=["email"])
        logger.warning("%s keeps their address: %s", user.username, "; ".join(refused.messages))


def _tell_administrators(provider: Provider, user: User, event: int, why: Missing) -> None:
    text = (
        f"{provider.label} said nothing of the groups of {user.username} when they signed on. They lost what groups "
        "give, and so will everybody who signs on until it does. docs/sign-on.md says what to set there.\n\n"
        f"Why: {WORDS[why]}"
    )
    notice = Notice.of_account(
        event,
        subject=f"{provider.label} says nothing of people's groups",
        text=text,
        path=reverse("person", args=[user.pk]),
    )
    outbox.put(notice, people=permissions.administrators().values_list("pk", flat=True), webhooks=False)


WORDS = {
    Missing.ABSENT: "the claim with the groups isn't there.",
    Missing.REFERENCE: "it sent a reference in the place of the groups, as Entra ID does for a person in many groups.",
    Missing.UNREADABLE: "the claim with the groups is neither a list of texts nor a text.",
}


def _about(user: User) -> dict[str, Any]:
    return {"person": user.username, "person_id": user.pk}
