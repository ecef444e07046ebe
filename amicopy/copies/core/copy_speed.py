"""How fast copies are made, from our own history."""

from dataclasses import dataclass
from statistics import median, quantiles

from django.core.cache import cache

from amicopy.aws.partitions import partition_of
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState

# As many of the latest copies into a Region count.
LATEST = 30
# Estimates move slowly, and pages that poll ask for them often.
KEPT_SECONDS = 60


@dataclass(frozen=True)
class Pace:
    """Seconds for a GiB: the middle of the latest copies, and between what most of them are."""

    low: float
    middle: float
    high: float


def pace_of(account_pk: int, region: str) -> Pace | None:
    """How fast an account's latest copies into a Region were; None without history.

    A copy of less than 1 GiB counts as one.
    """
    if not partition_of(region):
        return None
    key = f"pace:{account_pk}:{region}"
    known = cache.get(key)
    if known is None:
        known = pace(_latest(account_pk, region)) or ""
        cache.set(key, known, KEPT_SECONDS)
    return known or None


def pace(seconds_per_gib: list[float]) -> Pace | None:
    """What these copies have in common: their quartiles, or the extremes of a few; None of none."""
    if not seconds_per_gib:
        return None
    if len(seconds_per_gib) < 4:
        return Pace(min(seconds_per_gib), median(seconds_per_gib), max(seconds_per_gib))
    low, middle, high = quantiles(seconds_per_gib, n=4, method="inclusive")
    return Pace(low, middle, high)


def size_of(copy: ImageCopy) -> int:
    """GiB of the copy's snapshots, as far as they are known."""
    return sum(row["VolumeSize"] for row in copy.snapshots)


def _latest(account_pk: int, region: str) -> list[float]:
    rows = (
        ImageCopy.objects.filter(
            account_id=account_pk, DestinationRegion=region, state=CopyState.AVAILABLE, existing=False
        )
        .order_by("-pk")
        .only("snapshots", "called_at", "finished_at")[:LATEST]
    )
    return [
        (copy.finished_at - copy.called_at).total_seconds() / max(1, size_of(copy))
        for copy in rows
        if copy.finished_at and copy.called_at
    ]
