"""Who has a hand in whom: one person in another whose account, address, role or password they gave, until somebody
independent of both confirms it.

Whoever has a hand in somebody can act as them, so the two count as one where four eyes are asked for: neither's vote
counts for the other's request. So do two in whom the same person has a hand: that person could be both. It goes on:
what was given by somebody is in the hands of whoever has a hand in them. What whoever operates amicopy gives is
nobody's, and their confirmation always counts: they are where every chain of gifts and confirmations begins.

A service account is in the hands of whoever owns it or ever did, since they make its tokens; nobody can confirm that
away. And it counts as one with whoever one of these counts as one with: what they can't approve of their own requests
they can't of its.

This is the one place for these rules. Verbs that give power call `give`, in their transaction and with their event.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import OuterRef, Q, QuerySet
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core.permissions import administrators
from amicopy.copies.core.power_models import Grant

COMMAND = "manage.py confirm_person"


@dataclass(frozen=True)
class Hands:
    """Who gave some people something that nobody has confirmed, and since when; and so on for those who gave."""

    givers: Mapping[int, Collection[tuple[int, datetime]]] = field(default_factory=dict)
    # Of services: who owns them, or ever did.
    owners: Mapping[int, Collection[int]] = field(default_factory=dict)

    def behind(self, person: int, *, at: datetime | None = None) -> set[int]:
        """The person, and everybody who had a hand in them at a time, or has now."""
        found, to_ask = {person}, [person]
        while to_ask:
            givers = {giver for giver, since in self.givers.get(to_ask.pop(), ()) if at is None or since <= at}
            to_ask += givers - found
            found |= givers
        return found

    def owners_of(self, person: int) -> set[int]:
        """Who owns a service account, or ever did; nobody for a person."""
        return set(self.owners.get(person, ()))

    def owns(self, person: int, service: int) -> bool:
        """Whether a person owns a service account, or did, or counts as one with somebody who does or did."""
        return any(not self.apart(person, owner) for owner in self.owners_of(service))

    def apart(self, one: int, other: int, *, at: datetime | None = None) -> bool:
        """Whether nobody at all has a hand in both; the two included."""
        return not self.common(one, other, at=at)

    def common(self, one: int, other: int, *, at: datetime | None = None) -> set[int]:
        """Who has a hand in both; the two included."""
        return self.behind(one, at=at) & self.behind(other, at=at)

    def in_between(self, one: int, other: int) -> list[int]:
        """Whom somebody can confirm so that two who count as one count as two: who came from the other one, or else
        either of them."""
        common = self.common(one, other)
        came = [each for each, by in ((other, one), (one, other)) if by != each and by in common]
        return came or ([other, one] if common else [])


def hands_in(people: Iterable[int], kinds: Collection[Grant.Kind] = tuple(Grant.Kind)) -> Hands:
    """The hands in these people, by what was given of these kinds; a statement for each step away from them, so most
    often one."""
    givers: dict[int, set[tuple[int, datetime]]] = {}
    owners: dict[int, set[int]] = {}
    asked, to_ask = set[int](), set(people)
    while to_ask:
        rows = Grant.objects.filter(person__in=to_ask, kind__in=kinds, confirmed_at__isnull=True).order_by()
        for person, giver, since, kind in rows.values_list("person", "given_by", "given_at", "kind"):
            if person is not None:
                givers.setdefault(person, set()).add((giver, since))
                if kind == Grant.Kind.OWNER:
                    owners.setdefault(person, set()).add(giver)
        asked |= to_ask
        to_ask = {giver for person in to_ask for giver, _ in givers.get(person, ())} - asked
    return Hands(givers, owners)


def open_to(*people: str) -> QuerySet[Grant]:
    """For a subquery: what nobody has confirmed of what these people, named by columns of the row, were given."""
    given_to = Q()
    for column in people:
        given_to |= Q(person=OuterRef(column))
    return Grant.objects.filter(given_to, confirmed_at__isnull=True).order_by()


def reach(person: int, kinds: Collection[Grant.Kind]) -> set[int]:
    """Everybody whom this person gave something of these kinds that nobody has confirmed, and whom these gave it in
    turn."""
    found, new = {person}, {person}
    while new:
        given = Grant.objects.filter(given_by__in=new, kind__in=kinds, confirmed_at__isnull=True).order_by()
        new = set(given.filter(person__isnull=False).values_list("person_id", flat=True)) - found
        found |= new
    return found - {person}


def give(person: User, kind: Grant.Kind, *, by: Actor, detail: str = "") -> None:
    """Stores that the actor gave a person something; nothing for oneself, where nobody has to confirm it, and where the
    same stands unconfirmed already."""
    if by.id is None or not unconfirmed(by) or by.id == person.pk:
        return
    _store(person, kind, by=by.id, detail=detail)


def own(service: User, owner: User) -> None:
    """Stores that a service is in this person's hands from now on, whatever becomes of it."""
    _store(service, Grant.Kind.OWNER, by=owner.pk, detail="")


def _store(person: User | None, kind: Grant.Kind, *, by: int, detail: str) -> None:
    Grant.objects.get_or_create(
        person=person,
        kind=kind,
        detail=detail,
        given_by_id=by,
        confirmed_at=None,
        defaults={"given_at": timezone.now()},
    )


def unconfirmed(by: Actor) -> bool:
    """Whether what the actor does is one person's doing: neither that of whoever operates amicopy, nor confirmed by
    somebody else before it was done."""
    return by.id is not None and "confirmed_by" not in by.also


def open_grants(person: User) -> list[Grant]:
    """What nobody has confirmed of what the person was given, and of what they changed alone, as far as it can be; the
    oldest first."""
    theirs = Q(person=person) | Q(person__isnull=True, given_by=person)
    waiting = Grant.objects.filter(theirs, confirmed_at__isnull=True).exclude(kind=Grant.Kind.OWNER)
    return list(waiting.select_related("given_by"))


def confirmable(person: User, grants: Collection[Grant], by: Iterable[User]) -> dict[int, list[Grant]]:
    """For each of these people, by number, which of a person's grants they can confirm: those of givers who count as
    somebody else than they; nothing of their own, nor of a service whose owners, of now or before, count as one with
    them."""
    everybody = {user.pk for user in by}
    hands = hands_in({*everybody, person.pk, *(grant.given_by_id for grant in grants)})
    able = {user for user in everybody if user != person.pk and not hands.owns(user, person.pk)}
    return {
        user: [grant for grant in grants if user in able and hands.apart(user, grant.given_by_id)] for user in everybody
    }


def owned_by(user: User, service: User) -> str:
    """Why a person counts as one with those who own a service account, or did, in words; empty when they don't."""
    hands = hands_in({user.pk, service.pk})
    return why_not(service, user, hands) if hands.owns(user.pk, service.pk) else ""


def could_confirm(person: User, grants: Collection[Grant]) -> list[User]:
    """The administrators who can confirm all of these grants of a person's."""
    able = list(administrators().order_by("username"))
    found = confirmable(person, grants, able)
    return [user for user in able if len(found[user.pk]) == len(grants)]


def why_not(one: User, other: User, hands: Hands) -> str:
    """Why two people count as one, and what changes that, in sentences; empty when they count as two."""
    common = hands.common(one.pk, other.pk)
    if not common:
        return ""
    for service, user in ((one, other), (other, one)):
        owners = hands.owners_of(service.pk)
        if user.pk in owners:
            said = f"{user.username} owns the service account {service.username}, or did, so the two count as one"
            return f"{said}, which nobody can confirm away: somebody else has to decide."
        for owner in User.objects.filter(pk__in=owners).order_by("username"):
            if not hands.apart(owner.pk, user.pk):
                said = "" if owner.pk in hands.owners_of(user.pk) else f" {why_not(owner, user, hands)}"
                return f"{service.username} is, or was, a service account of {owner.username}.{said}"
    people = {user.pk: user for user in (one, other)}
    between = [people[pk] for pk in hands.in_between(one.pk, other.pk)]
    sources = sorted(common & {one.pk, other.pk} or common)
    names = ", ".join(User.objects.filter(pk__in=sources).order_by("pk").values_list("username", flat=True))
    whose = " and ".join(user.username for user in between)
    said = f"What {whose} may do comes from {names}, and nobody else has confirmed it, so the two count as one."
    return " ".join([said, *map(way_out, between)])


def way_out(person: User) -> str:
    """Who can confirm somebody, as a sentence."""
    command = f"{COMMAND} {person.username}"
    able = could_confirm(person, open_grants(person))
    if not able:
        return f"Whoever operates amicopy can confirm {person.username}: {command}."
    names = ", ".join(user.username for user in able[:3])
    return f"{names} can confirm {person.username} on the page People, or whoever operates amicopy: {command}."
