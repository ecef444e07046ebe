"""AWS's token bucket for CopyImage, kept beside AWS's own, so that calls are paced instead of refused.

AWS fills 100 tokens at 1 a second, per account and Region
(https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html); the settings COPY_CALLS_BURST and
COPY_CALLS_PER_SECOND say how much of that is amicopy's.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from amicopy.copies.core.models import CallBucket

# Writers that meet on one bucket try again this often before they leave it to the next sweep.
TRIES = 8


def take(account_pk: int, region: str, wanted: int = 1) -> int:
    """Takes up to so many tokens of an account's Region; returns how many it got."""
    for _ in range(TRIES):
        now = timezone.now()
        bucket, _ = CallBucket.objects.get_or_create(
            account_id=account_pk,
            DestinationRegion=region,
            defaults={"tokens": float(settings.COPY_CALLS_BURST), "filled_at": now},
        )
        tokens = _filled(bucket, now)
        taken = min(wanted, int(tokens))
        if taken < 1:
            return 0
        if _write(bucket, tokens - taken, now):
            return taken
    return 0


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


def _write(bucket: CallBucket, tokens: float, now: datetime) -> bool:
    """Stores the new level unless somebody else was first."""
    unchanged = CallBucket.objects.filter(pk=bucket.pk, tokens=bucket.tokens, filled_at=bucket.filled_at)
    return bool(unchanged.update(tokens=tokens, filled_at=now, spent_until=_spent_until(tokens, now)))


def _spent_until(tokens: float, now: datetime) -> datetime | None:
    """When a bucket with so few tokens will have a whole one; None when it has."""
    return None if tokens >= 1 else now + timedelta(seconds=(1 - tokens) / settings.COPY_CALLS_PER_SECOND)
