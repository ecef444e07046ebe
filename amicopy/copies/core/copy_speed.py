"""How fast copies are made, from our own history."""

from statistics import median

from django.core.cache import cache

from amicopy.aws.partitions import partition_of
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState

# As many of the latest copies into a Region count.
LATEST = 30
# Estimates move slowly, and pages that poll ask for them often.
KEPT_SECONDS = 60


def seconds_per_gib(account_pk: int, region: str) -> float | None:
    """The median of an account's latest copies into a Region, in seconds for a GiB; None without history.

    A copy of less than 1 GiB counts as one.
    """
    if not partition_of(region):
        return None
    key = f"pace:{account_pk}:{region}"
    known = cache.get(key)
    if known is None:
        known = _median(account_pk, region)
        cache.set(key, known, KEPT_SECONDS)
    return known or None


def size_of(copy: ImageCopy) -> int:
    """GiB of the copy's snapshots, as far as they are known."""
    return sum(row["VolumeSize"] for row in copy.snapshots)


def _median(account_pk: int, region: str) -> float:
    rows = (
        ImageCopy.objects.filter(account_id=account_pk, DestinationRegion=region, state=CopyState.AVAILABLE)
        .order_by("-pk")
        .only("snapshots", "called_at", "finished_at")[:LATEST]
    )
    paces = [
        (copy.finished_at - copy.called_at).total_seconds() / max(1, size_of(copy))
        for copy in rows
        if copy.finished_at and copy.called_at
    ]
    return median(paces) if paces else 0.0
