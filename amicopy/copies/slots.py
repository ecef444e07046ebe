"""Slots: how many copies may be on their way into one Region of an account, who waits for one, and in which order.

Counted from rows whenever somebody asks and kept nowhere, so that no slot can leak. AWS may have fewer than our limit,
since others in the account copy too: while it refuses one copy a slot, the others of the place wait behind that one
instead of burning calls.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from amicopy.copies.backoff import NO_SLOT
from amicopy.copies.models import ImageCopy
from amicopy.copies.nudge import send
from amicopy.copies.states import CopyState

IN_FLIGHT = (CopyState.STARTING, CopyState.COPYING, CopyState.CANCELLING)
REFUSED = Q(state=CopyState.STARTING, waiting_for=NO_SLOT)


@dataclass(frozen=True)
class Standing:
    """A copy is `place`-th of `of` that wait for a slot into `region`."""

    place: int
    of: int
    region: str

    @property
    def words(self) -> str:
        return f"Waiting for a slot: {ordinal(self.place)} of {self.of} into {self.region}"


def in_turn(rows: QuerySet[ImageCopy]) -> QuerySet[ImageCopy]:
    """Copies in the order they start in: those begun first, then the requests take turns, the one with the fewest
    copies in flight before the others."""
    begun = (
        ImageCopy.objects.filter(request=OuterRef("request"), state__in=IN_FLIGHT)
        .order_by()
        .values("request")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return rows.annotate(begun=Coalesce(Subquery(begun), 0)).order_by("-state", "begun", "next_step_at", "pk")


def full_places() -> list[tuple[int, str]]:
    """The accounts and Regions with no slot left: by our limit, or because AWS has just refused one there."""
    refused = ImageCopy.objects.filter(
        REFUSED, account=OuterRef("account"), DestinationRegion=OuterRef("DestinationRegion")
    )
    places = (
        ImageCopy.objects.filter(state__in=IN_FLIGHT)
        .order_by()
        .values("account_id", "DestinationRegion")
        .annotate(in_flight=Count("pk"), refused=Exists(refused))
        .filter(Q(in_flight__gte=settings.COPIES_AT_ONCE) | Q(refused=True))
    )
    return [(place["account_id"], place["DestinationRegion"]) for place in places]


def freed(account_id: int, region: str) -> None:
    """A copy of the place is over: whoever waits for a slot there may try now. `account_id` is the primary key."""
    place = ImageCopy.objects.filter(account_id=account_id, DestinationRegion=region)
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
        if copy.state in {CopyState.QUEUED, CopyState.STARTING} and copy.next_step_at is not None
    }
    places = may_wait.intersection(full_places()) if may_wait else set()
    if not places:
        return {}
    begun = dict(
        ImageCopy.objects.filter(state__in=IN_FLIGHT).order_by().values_list("request").annotate(n=Count("pk"))
    )
    found: dict[int, Standing] = {}
    for account_id, region in places:
        rows = ImageCopy.objects.filter(waits, account_id=account_id, DestinationRegion=region)
        turns: list[tuple[bool, int, int, int]] = []
        before: dict[int, int] = defaultdict(int)
        for index, (pk, request, state) in enumerate(
            rows.order_by("next_step_at", "pk").values_list("pk", "request_id", "state")
        ):
            turns.append((state != CopyState.STARTING, begun.get(request, 0) + before[request], index, pk))
            before[request] += state != CopyState.STARTING
        found |= {turn[-1]: Standing(place, len(turns), region) for place, turn in enumerate(sorted(turns), start=1)}
    return {copy.pk: found[copy.pk] for copy in copies if copy.pk in found}


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, … 11th, … 21st."""
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
