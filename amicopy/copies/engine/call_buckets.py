"""AWS's token bucket for CopyImage, kept beside AWS's own, so that calls are paced instead of refused.

AWS fills 100 tokens at 1 a second, per account and Region
(https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html); the settings COPY_CALLS_BURST and
COPY_CALLS_PER_SECOND say how much of that is amicopy's.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from amicopy.copies.core.models import CallBucket
from amicopy.copies.core.row_values import ValueOfEach
from amicopy.copies.engine.places import Place, within


def take(wanted: Mapping[Place, int]) -> dict[Place, int]:
    """Takes up to so many tokens of each of these places; returns how many it got. Runs in the caller's transaction,
    whose rows they are until it ends."""
    if not wanted:
        return {}
    now = timezone.now()
    full = {"tokens": float(settings.COPY_CALLS_BURST), "filled_at": now}
    buckets = _locked(wanted)
    new = sorted(wanted.keys() - buckets.keys())
    if new:
        rows = [CallBucket(account_id=account_pk, DestinationRegion=region, **full) for account_pk, region in new]
        CallBucket.objects.bulk_create(rows, ignore_conflicts=True)
        buckets = _locked(wanted)
    filled = {place: _filled(bucket, now) for place, bucket in buckets.items()}
    taken = {place: min(wanted[place], int(tokens)) for place, tokens in filled.items()}
    left = {buckets[place].pk: tokens - taken[place] for place, tokens in filled.items()}
    CallBucket.objects.filter(pk__in=left).update(
        tokens=ValueOfEach(CallBucket, "tokens", left),
        filled_at=now,
        spent_until=ValueOfEach(CallBucket, "spent_until", {pk: _spent_until(each, now) for pk, each in left.items()}),
    )
    return taken


def _locked(places: Iterable[Place]) -> dict[Place, CallBucket]:
    """The buckets of these places, always locked in the same order."""
    rows = CallBucket.objects.select_for_update(of=("self",)).filter(within(places)).order_by("pk")
    return {(row.account_id, row.DestinationRegion): row for row in rows}


def empty(account_pk: int, region: str) -> None:
    """AWS throttled a call: its bucket is empty, whoever used it, so ours is too."""
    now = timezone.now()
    CallBucket.objects.filter(account_id=account_pk, DestinationRegion=region).update(
        tokens=0.0, filled_at=now, spent_until=_spent_until(0.0, now)
    )


def spent(now: datetime) -> QuerySet[CallBucket]:
    """The buckets out of which nothing can be taken at this moment."""
    return CallBucket.objects.filter(spent_until__gt=now)


def _filled(bucket: CallBucket, now: datetime) -> float:
    seconds = max(0.0, (now - bucket.filled_at).total_seconds())
    return min(float(settings.COPY_CALLS_BURST), bucket.tokens + seconds * settings.COPY_CALLS_PER_SECOND)


def _spent_until(tokens: float, now: datetime) -> datetime | None:
    """When a bucket with so few tokens will have a whole one; None when it has."""
    return None if tokens >= 1 else now + timedelta(seconds=(1 - tokens) / settings.COPY_CALLS_PER_SECOND)
