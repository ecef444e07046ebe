"""Slots: how many copies may be on their way into one Region of an account, who waits for one, and in which order.

Counted from rows whenever somebody asks and kept nowhere, so that no slot can leak. AWS may have fewer than our limit,
since others in the account copy too: while it refuses one copy a slot, the others of the place wait behind that one
instead of burning calls.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Case, Count, F, OuterRef, Q, Subquery, When, Window
from django.db.models.functions import Coalesce, RowNumber
from django.utils import timezone

from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.reasons import NEEDS, Code, Reason
from amicopy.copies.core.states import COPY_AT_AWS, COPY_STARTABLE, CopyState
from amicopy.copies.engine.leases import due
from amicopy.copies.lifecycle.wakeup import send

REFUSED = Q(state=CopyState.STARTING, wait_code=Code.NO_SLOT)
# A copy that only a person can bring on makes nothing meanwhile: it keeps nobody from a slot.
STUCK = Q(state=CopyState.STARTING, wait_code__in=tuple(NEEDS))
# An account, by its primary key, and a Region.
Place = tuple[int, str]


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


def next_up(now: datetime, *, without: Collection[Place], most: int) -> list[int]:
    """The primary keys of up to `most` copies that may start now, in their turn: those begun first, then the requests
    take turns, the one with the fewest copies in flight before the others. No more of a place than it has slots, and
    none of the places in `without`."""
    rows = ImageCopy.objects.filter(due(now), state__in=COPY_STARTABLE)
    taken = _taken_places(now)
    for account_pk, region in _full(taken):
        rows = rows.exclude(state=CopyState.QUEUED, account_id=account_pk, DestinationRegion=region)
    for account_pk, region in without:
        rows = rows.exclude(account_id=account_pk, DestinationRegion=region)
    begun = (
        ImageCopy.objects.filter(_taken(now), request=OuterRef("request"))
        .order_by()
        .values("request")
        .annotate(n=Count("pk"))
        .values("n")
    )
    place_in_request = Window(RowNumber(), partition_by=[F("request"), F("state")], order_by=["next_step_at", "pk"])
    begun_first = Case(When(state=CopyState.STARTING, then=0), default=1)
    found = rows.annotate(begun_first=begun_first, turn=Coalesce(Subquery(begun), 0) + place_in_request).order_by(
        "begun_first", "turn", "next_step_at", "pk"
    )
    chosen: list[int] = []
    for pk, state, account_pk, region in found.values_list("pk", "state", "account_id", "DestinationRegion")[:most]:
        taken[account_pk, region] += state == CopyState.QUEUED
        if state != CopyState.QUEUED or taken[account_pk, region] <= settings.COPIES_AT_ONCE:
            chosen.append(pk)
    return chosen


def _taken(now: datetime) -> Q:
    """What has a slot: copies under way, and those a worker is about to start."""
    return (Q(state__in=COPY_AT_AWS) & ~STUCK) | Q(state=CopyState.QUEUED, lease_until__gt=now)


def _taken_places(now: datetime) -> Counter[Place]:
    """How many slots are taken, by place; where AWS has just refused one, as many as there are."""
    places = ImageCopy.objects.filter(_taken(now)).order_by().values_list("account_id", "DestinationRegion")
    counted = places.annotate(n=Count("pk"), refused=Count("pk", filter=REFUSED))
    return Counter(
        {
            (account_pk, region): max(number, settings.COPIES_AT_ONCE) if refused else number
            for account_pk, region, number, refused in counted
        }
    )


def _full(taken: Mapping[Place, int]) -> set[Place]:
    return {place for place, number in taken.items() if number >= settings.COPIES_AT_ONCE}


def freed(account_pk: int, region: str) -> None:
    """A copy of the place is over: whoever waits for a slot there may try now."""
    place = ImageCopy.objects.filter(account_id=account_pk, DestinationRegion=region)
    tried = place.filter(REFUSED, lease_id__isnull=True).update(next_step_at=timezone.now())
    if tried or place.filter(state=CopyState.QUEUED).exists():
        send("start_due")


def standings(copies: Iterable[ImageCopy]) -> dict[int, Standing]:
    """Where those of these copies stand that wait for a slot, by primary key. Asks nothing when none can be waiting."""
    now = timezone.now()
    waits = Q(state=CopyState.QUEUED, next_step_at__lte=now) | REFUSED
    may_wait = {
        (copy.account_id, copy.DestinationRegion)
        for copy in copies
        if copy.state in COPY_STARTABLE and copy.next_step_at is not None
    }
    places = may_wait & _full(_taken_places(now)) if may_wait else set()
    if not places:
        return {}
    begun = dict(
        ImageCopy.objects.filter(state__in=COPY_AT_AWS).order_by().values_list("request").annotate(n=Count("pk"))
    )
    found: dict[int, Standing] = {}
    for account_pk, region in places:
        rows = ImageCopy.objects.filter(waits, account_id=account_pk, DestinationRegion=region)
        turns: list[tuple[bool, int, int, int]] = []
        before: dict[int, int] = defaultdict(int)
        for index, (pk, request, state) in enumerate(
            rows.order_by("next_step_at", "pk").values_list("pk", "request_id", "state")
        ):
            turns.append((state != CopyState.STARTING, begun.get(request, 0) + before[request], index, pk))
            before[request] += state != CopyState.STARTING
        found |= {turn[-1]: Standing(place, len(turns), region) for place, turn in enumerate(sorted(turns), start=1)}
    return {copy.pk: found[copy.pk] for copy in copies if copy.pk in found}
