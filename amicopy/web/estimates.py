"""How long a copy usually takes, for pages."""

from datetime import timedelta

from django.utils import timezone

from amicopy.copies.core.copy_speed import seconds_per_gib, size_of
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState

# A copy is overdue after this many times what is usual, but not before SHORTEST; without history after a day.
USUAL_TIMES = 3
SHORTEST = timedelta(minutes=30)
WITHOUT_HISTORY = timedelta(days=1)


def usual_seconds(copy: ImageCopy) -> float | None:
    """How long a copy of this size into this Region takes as a rule; None without history or size."""
    size = size_of(copy)
    pace = seconds_per_gib(copy.account_id, copy.DestinationRegion) if size else None
    return pace * size if pace is not None else None


def overdue(copy: ImageCopy, *, usual: float | None) -> bool:
    """Whether a copy under way takes longer than it was asked to, or much longer than such copies do. Only ever a
    badge: AWS says when a copy is over."""
    if copy.state != CopyState.COPYING or copy.called_at is None:
        return False
    asked = copy.parameters.get("SnapshotCopyCompletionDurationMinutes")
    if asked:
        limit = timedelta(minutes=asked)
    else:
        limit = max(SHORTEST, USUAL_TIMES * timedelta(seconds=usual)) if usual is not None else WITHOUT_HISTORY
    return timezone.now() - copy.called_at > limit
