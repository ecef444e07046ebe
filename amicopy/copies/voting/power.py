"""Who has a hand in whom: one person in another whose account, address, role or password they gave, until somebody
independent of both confirms it.

Whoever has a hand in somebody can act as them, so the two count as one where four eyes are asked for: neither's vote
counts for the other's request. It goes on: what was given by somebody is in the hands of whoever has a hand in them.
What whoever operates amicopy gives is nobody's, and their confirmation always counts.

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

    def behind(self, person: int, *, at: datetime | None = None) -> set[int]:
        """The person, and everybody who had a hand in them at a time, or has now."""
        found, to_ask = {person}, [person]
        while to_ask:
            givers = {giver for giver, since in self.givers.get(to_ask.pop(), ()) if at is None or since <= at}
            to_ask += givers - found
            found |= givers
        return found

    def bound(self, one: int, other: int, *, at: datetime | None = None) -> bool:
        """Whether one of the two has a hand in the other."""
        return one in self.behind(other, at=at) or other in self.behind(one, at=at)

    def apart(self, one: int, other: int) -> bool:
        """Whether nobody at all has a hand in both; the two included."""
        return not self.behind(one) & self.behind(other)

    def in_between(self, one: int, other: int) -> list[int]:
        """Whom somebody has to confirm so that two who are bound count as two."""
        return [each for each, by in ((other, one), (one, other)) if by != each and by in self.behind(each)]


def hands_in(people: Iterable[int]) -> Hands:
    """The hands in these people; a statement for each step away from them, so most often one."""
    givers: dict[int, set[tuple[int, datetime]]] = {}
    asked, to_ask = set[int](), set(people)
    while to_ask:
        rows = Grant.objects.filter(person__in=to_ask, confirmed_at__isnull=True).order_by()
        for person, giver, since in rows.values_list("person", "given_by", "given_at"):
            if person is not None:
                givers.setdefault(person, set()).add((giver, since))
        asked |= to_ask
        to_ask = {giver for person in to_ask for giver, _ in givers.get(person, ())} - asked
    return Hands(givers)


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


def give(person: User | None, kind: Grant.Kind, *, by: Actor, detail: str = "") -> None:
    """Stores that the actor gave a person something, or changed the rules; nothing for oneself, for whoever operates
    amicopy, where somebody else confirmed it before it was done, and where the same stands unconfirmed already."""
    if by.id is None or (person is not None and by.id == person.pk) or "confirmed_by" in by.also:
        return
    Grant.objects.get_or_create(
        person=person,
        kind=kind,
        detail=detail,
        given_by_id=by.id,
        confirmed_at=None,
        defaults={"given_at": timezone.now()},
    )


def wrote_rules(person: User) -> bool:
    """Whether the rules were changed by this person, or by somebody in one hand with them, and nobody has confirmed
    that: then no rule lets a request of theirs run without anybody's approval."""
    writers = Grant.objects.filter(kind=Grant.Kind.RULES, confirmed_at__isnull=True).order_by()
    found = set(writers.values_list("given_by", flat=True))
    if not found:
        return False
    hands = hands_in({person.pk, *found})
    return any(not hands.apart(person.pk, writer) for writer in found)


def open_grants(person: User) -> list[Grant]:
    """What nobody has confirmed of what the person was given, the oldest first."""
    return list(Grant.objects.filter(person=person, confirmed_at__isnull=True).select_related("given_by"))


def could_confirm(person: User, grants: Iterable[Grant]) -> list[User]:
    """The administrators who can confirm all of these, which the person was given."""
    givers = {grant.given_by_id for grant in grants}
    able = list(administrators().exclude(pk__in={person.pk, *givers}).order_by("username"))
    hands = hands_in({user.pk for user in able} | givers)
    return [user for user in able if all(hands.apart(user.pk, giver) for giver in givers)]


def why_not(one: User, other: User, hands: Hands) -> str:
    """Why two people count as one, and what changes that, in sentences; empty when they count as two."""
    people = {user.pk: user for user in (one, other)}
    between = [people[pk] for pk in hands.in_between(one.pk, other.pk)]
    said = [
        f"What {person.username} may do comes from {(other if person == one else one).username}, and nobody else has "
        "confirmed it, so the two count as one."
        for person in between
    ]
    return " ".join([*said, *map(way_out, between)])


def way_out(person: User) -> str:
    """Who can confirm somebody, as a sentence."""
    command = f"{COMMAND} {person.username}"
    able = could_confirm(person, open_grants(person))
    if not able:
        return f"Whoever operates amicopy can confirm {person.username}: {command}."
    names = ", ".join(user.username for user in able[:3])
    return f"{names} can confirm {person.username} on the page People, or whoever operates amicopy: {command}."
