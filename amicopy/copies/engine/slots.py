"""Slots: how many copies may be on their way into one Region of an account, who waits for one, and in which order.

Counted from rows whenever somebody asks and kept nowhere, so that no slot can leak. AWS may have fewer than our limit,
since others in the account copy too: while it refuses one copy a slot, the others of the place wait behind that one
instead of burning calls.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.reasons import NEEDS, Code, Reason
from amicopy.copies.core.states import COPY_AT_AWS, COPY_STARTABLE, CopyState
from amicopy.copies.engine import call_buckets
from amicopy.copies.engine.leases import due
from amicopy.copies.engine.places import REGION, Place, place_of, within
from amicopy.copies.lifecycle.wakeup import send

REFUSED = Q(state=CopyState.STARTING, wait_code=Code.NO_SLOT)
# A copy that only a person can bring on makes nothing meanwhile: it keeps nobody from a slot.
STUCK = Q(state=CopyState.STARTING, wait_code__in=tuple(NEEDS))
UNDER_WAY = Q(state__in=COPY_AT_AWS) & ~STUCK
# An AMI that exists needs no slot, see `existing_images`.
WATCHED = Q(state=CopyState.QUEUED, parked_at__isnull=True, existing=False)
# A copy that waits: its primary key, its request's, and its place.
QueuedRow = tuple[int, int, int, str]
# So many places with room are looked at for one claim, and so many of the copies that wait there.
PLACES = 64
WINDOW = 256


@dataclass(frozen=True)
class Standing:
    """A copy is `place`-th of `of` that wait for a slot into `region`."""

    place: int
    of: int
    region: str

    @property
    def reason(self) -> Reason:
        """Why the copy waits, with its place in the queue."""
        return Reason(Code.NO_SLOT, {"place": self.place, "of": self.of, "Region": self.region})


def next_up(now: datetime, *, most: int) -> list[int]:
    """The primary keys of up to `most` copies that may start now, in their turn: those begun first, then the requests
    take turns, the one with the fewest copies in flight before the others. No more of a place than it has slots, and
    none of the places whose calls are spent.

    The cost is that of the places that have room, however many are full and however long their queues are.
    """
    begun = ImageCopy.objects.filter(due(now), ~_spent(now), state=CopyState.STARTING).order_by("next_step_at", "pk")
    first = list(begun.values_list("pk", flat=True)[:most])
    return [*first, *_next_queued(now, most - len(first))]


def _spent(now: datetime) -> Exists:
    """Whether a copy's place takes no more calls at this moment."""
    return Exists(call_buckets.spent(now).filter(account=OuterRef("account"), DestinationRegion=OuterRef(REGION)))


def _next_queued(now: datetime, most: int) -> list[int]:
    """The queued copies among `next_up`. The requests take turns in a part of the queue at a time, its oldest, so that
    a long one isn't read to its end."""
    room = _places_with_room(now) if most else {}
    chosen: list[int] = []
    while room and len(chosen) < most:
        queue = ImageCopy.objects.filter(within(room), due(now), state=CopyState.QUEUED, existing=False)
        queue = queue.exclude(pk__in=chosen)
        rows = list(queue.order_by("next_step_at", "pk").values_list("pk", "request_id", "account_id", REGION)[:WINDOW])
        begun = _begun(now, {request for _, request, _, _ in rows})
        own: dict[int, list[QueuedRow]] = defaultdict(list)
        for row in rows:
            own[row[1]].append(row)
        for _, request, *_ in in_turn(rows, begun):
            # A request that has its turn goes where there is most room, so that a batch is spread over places.
            row = max(own[request], key=lambda row: room.get((row[2], row[3]), 0))
            own[request].remove(row)
            if room.get((row[2], row[3]), 0) and len(chosen) < most:
                room[row[2], row[3]] -= 1
                chosen.append(row[0])
        room = {place: free for place, free in room.items() if free and len(rows) == WINDOW}
    return chosen


def in_turn(rows: Iterable[QueuedRow], begun: Mapping[int, int]) -> list[QueuedRow]:
    """Queued copies, each a tuple that begins with its primary key and that of its request, the oldest first: in the
    order in which requests take turns. `begun` says how many copies of a request are in flight already."""
    before: Counter[int] = Counter(begun)
    turns: list[tuple[int, int, QueuedRow]] = []
    for index, row in enumerate(rows):
        turns.append((before[row[1]], index, row))
        before[row[1]] += 1
    return [row for _, _, row in sorted(turns)]


def to_look_at(now: datetime) -> QuerySet[ImageCopy]:
    """What is due and may be started: all but the queued copies of places that were full when somebody looked."""
    return ImageCopy.objects.filter(due(now), Q(state=CopyState.STARTING) | WATCHED)


def _places_with_room(now: datetime) -> dict[Place, int]:
    """How many slots are free in the places where copies wait and may be called; no more places than one claim can
    use, those first whose copies have waited longest. The copies of full places are parked: so the queue of a full
    fleet is read once, and not for every claim."""
    watched = ImageCopy.objects.filter(WATCHED, due(now), ~_spent(now)).order_by("next_step_at", "pk")
    counted: dict[Place, Usage] = {}
    later = Q()
    while sum(bool(usage.room) for usage in counted.values()) < PLACES:
        rows = list(watched.filter(later).values_list("account_id", REGION, "next_step_at", "pk")[:WINDOW])
        new = _counted(now, [place for place in _places_of(rows) if place not in counted])
        counted |= new
        _park([pk for account_pk, region, _, pk in rows if counted[account_pk, region].stays_full], now=now)
        # A slot may have become free before they were parked.
        again = _counted(now, [place for place, usage in new.items() if usage.stays_full])
        bring_back([place for place, usage in again.items() if not usage.stays_full])
        if len(rows) < WINDOW:
            break
        *_, at, pk = rows[-1]
        later = Q(next_step_at__gt=at) | Q(next_step_at=at, pk__gt=pk)
    return dict([(place, usage.room) for place, usage in counted.items() if usage.room][:PLACES])


def _places_of(rows: Iterable[tuple[int, str, datetime | None, int]]) -> list[Place]:
    return list(dict.fromkeys((account_pk, region) for account_pk, region, _, _ in rows))


def _park(keys: Collection[int], *, now: datetime) -> None:
    if keys:
        ImageCopy.objects.filter(WATCHED, due(now), pk__in=keys).update(parked_at=now)


@dataclass(frozen=True)
class Usage:
    """The slots of a place: `taken` ones, those `kept` by copies that are under way, and how many copies AWS has
    `refused` one."""

    taken: int = 0
    kept: int = 0
    refused: int = 0

    @property
    def room(self) -> int:
        return 0 if self.refused else max(0, settings.COPIES_AT_ONCE - self.taken)

    @property
    def stays_full(self) -> bool:
        """Whether it is full until a copy gets on; else only for as long as a worker takes to start what it leased."""
        return bool(self.refused) or self.kept >= settings.COPIES_AT_ONCE


def _counted(now: datetime, places: Collection[Place]) -> dict[Place, Usage]:
    if not places:
        return {}
    kept = models.Count("state", filter=UNDER_WAY)
    rows = _by_place(now).annotate(kept=kept).filter(within(places))
    found = {
        (account_pk, region): Usage(*counts)
        for account_pk, region, *counts in rows.values_list("account_id", REGION, "taken", "kept", "refused")
    }
    return {place: found.get(place, Usage()) for place in places}


def bring_back(places: Collection[Place]) -> None:
    """Has these places looked at once more: the first of their parked copies is parked no longer."""
    if not places:
        return
    parked = ImageCopy.objects.filter(within(places), state=CopyState.QUEUED, parked_at__isnull=False).order_by()
    firsts = parked.values("account_id", REGION).annotate(first=Min("pk")).values_list("first", flat=True)
    if found := list(firsts):
        ImageCopy.objects.filter(pk__in=found).update(parked_at=None)


def bring_back_all() -> None:
    """Finds the places that have slots and copies that are parked: whoever freed the slot didn't come to say so."""
    now = timezone.now()
    parked = models.Count("parked_at", filter=Q(state=CopyState.QUEUED))
    rows = _by_place(now).annotate(parked=parked).filter(parked__gt=0, refused=0, taken__lt=settings.COPIES_AT_ONCE)
    places = list(rows.values_list("account_id", REGION))
    for first in range(0, len(places), PLACES):
        bring_back(places[first : first + PLACES])
    if places:
        send("start_due")


def _by_place(now: datetime) -> QuerySet[Any]:
    """Each place where something is unfinished, with its slots that are `taken`, and how many copies AWS has `refused`
    one."""
    # What is over has no next step: the index of places is one of what has.
    unfinished = ImageCopy.objects.filter(next_step_at__isnull=False).order_by()
    places: QuerySet[Any, Any] = unfinished.values("account_id", REGION)
    counted: QuerySet[Any] = places.annotate(
        taken=models.Count("state", filter=_taken(now)), refused=models.Count("state", filter=REFUSED)
    )
    return counted


def _taken(now: datetime) -> Q:
    """What has a slot: copies under way, and those a worker is about to start."""
    return UNDER_WAY | Q(state=CopyState.QUEUED, lease_until__gt=now)


def _begun(now: datetime, requests: Collection[int]) -> dict[int, int]:
    """How many copies of each of these requests have a slot."""
    under_way = ImageCopy.objects.filter(_taken(now), request__in=requests, next_step_at__isnull=False)
    return dict(under_way.order_by().values_list("request").annotate(n=models.Count("*")))


def freed(account_pk: int, region: str) -> None:
    """A copy of the place is over: whoever waits for a slot there may try now."""
    bring_back([(account_pk, region)])
    place = ImageCopy.objects.filter(account_id=account_pk, DestinationRegion=region, next_step_at__isnull=False)
    tried = place.filter(REFUSED, lease_id__isnull=True).update(next_step_at=timezone.now())
    if tried or place.filter(state=CopyState.QUEUED).exists():
        send("start_due")


def standings(copies: Iterable[ImageCopy]) -> dict[int, Standing]:
    """Where those of these copies stand that wait for a slot, by primary key. Asks nothing when none can be waiting."""
    now = timezone.now()
    waiting = {
        copy.pk: place_of(copy)
        for copy in copies
        if copy.state in COPY_STARTABLE and copy.next_step_at is not None and not copy.existing
    }
    if not waiting:
        return {}
    counted = _by_place(now).filter(within(set(waiting.values())))
    full = counted.filter(Q(refused__gt=0) | Q(taken__gte=settings.COPIES_AT_ONCE)).values_list("account_id", REGION)
    queues = _queues(now, set(full))
    found: dict[int, Standing] = {}
    for pk, place in waiting.items():
        queue = queues.get(place, [])
        if pk in queue:
            found[pk] = Standing(queue.index(pk) + 1, len(queue), place[1])
    return found


def _queues(now: datetime, places: Collection[Place]) -> dict[Place, list[int]]:
    """The primary keys of what waits for a slot in each of these places, in the order in which it gets one."""
    if not places:
        return {}
    waits = Q(state=CopyState.QUEUED, next_step_at__lte=now) | REFUSED
    rows = ImageCopy.objects.filter(within(places), waits, existing=False).order_by("next_step_at", "pk")
    tried: dict[Place, list[int]] = defaultdict(list)
    queued: dict[Place, list[QueuedRow]] = defaultdict(list)
    for pk, request, account_pk, region, state in rows.values_list("pk", "request_id", "account_id", REGION, "state"):
        if state == CopyState.STARTING:
            tried[account_pk, region].append(pk)
        else:
            queued[account_pk, region].append((pk, request, account_pk, region))
    begun = _begun(now, {row[1] for queue in queued.values() for row in queue})
    return {place: [*tried[place], *(row[0] for row in in_turn(queued[place], begun))] for place in places}
