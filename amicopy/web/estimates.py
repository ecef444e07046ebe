"""How long copies take and how much longer, for pages: ranges, learnt from earlier copies and from the copy's own
progress. Where neither says anything, nothing is said."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from django.utils import timezone

from amicopy.copies.core.copy_speed import pace_of, size_of
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.operations.health.silence import silence

# A copy is overdue after this many times what is usual, but not before SHORTEST; without history after a day.
USUAL_TIMES = 3
SHORTEST = timedelta(minutes=30)
WITHOUT_HISTORY = timedelta(days=1)

# A copy's own rate says something from this progress and time on; at ALL_BUT AWS is finishing, at no rate.
FROM_PERCENT = 3
FROM_SECONDS = 20.0
ALL_BUT = 99
# Earlier copies tell the time only so far, and nothing of one that is slower than they by more than SLOWER_TIMES.
SPREAD = 1.25
SLOWER_TIMES = 2.0


@dataclass(frozen=True)
class Span:
    """From `low` to `high` seconds."""

    low: float
    high: float


def usual(copy: ImageCopy) -> Span | None:
    """How long copies of this size into this Region take as a rule; None without history or size."""
    size = size_of(copy)
    pace = pace_of(copy.account_id, copy.DestinationRegion) if size else None
    return Span(pace.low * size, pace.high * size) if pace is not None else None


def left(copy: ImageCopy, *, usual: Span | None) -> Span | None:
    """How much longer a copy under way takes; None while that isn't known, or nobody follows it."""
    if silence() is not None or copy.state != CopyState.COPYING or copy.called_at is None:
        return None
    taken = (timezone.now() - copy.called_at).total_seconds()
    return still(taken, copy.progress, usual=usual)


def still(taken: float, percent: int, *, usual: Span | None) -> Span | None:
    """How much longer a copy takes that is at so many whole percent after so many seconds, where such copies take
    `usual` in all; None while that isn't known.

    By its own rate, the less exactly the less of it is done; by what is usual as long as its rate doesn't belie that;
    anything that one of them says where both do.
    """
    if percent >= ALL_BUT:
        return None
    by_rate = _by_rate(taken, percent)
    by_usual = _by_usual(taken, percent, usual) if usual is not None else None
    if by_rate is None or by_usual is None:
        return by_rate or by_usual
    return Span(min(by_rate.low, by_usual.low), max(by_rate.high, by_usual.high))


def _by_rate(taken: float, percent: int) -> Span | None:
    if percent < FROM_PERCENT or taken < FROM_SECONDS:
        return None
    # AWS's percents are whole ones: it may be at almost one more.
    unsure = 1 + 0.5 * (100 - percent) / 100
    return Span(taken * (99 - percent) / (percent + 1) / unsure, taken * (100 - percent) / percent * unsure)


def _by_usual(taken: float, percent: int, usual: Span) -> Span | None:
    longest = usual.high * SPREAD
    slower = percent >= FROM_PERCENT and taken * 100 / (percent + 1) > SLOWER_TIMES * longest
    if taken >= longest or slower:
        return None
    return Span(max(0.0, usual.low / SPREAD - taken), longest - taken)


def last_of(spans: Iterable[Span | None]) -> Span | None:
    """When the last of several is done; None if one of them isn't known, or there is none."""
    found = list(spans)
    known = [span for span in found if span is not None]
    if not known or len(known) < len(found):
        return None
    return Span(max(span.low for span in known), max(span.high for span in known))


def words(span: Span | None) -> str:
    """A range as people say it, rounded outwards, to be followed by "left"; empty for None."""
    if span is None:
        return ""
    low, high = int(span.low // 60), ceil(span.high / 60)
    if high <= 1:
        return "Less than a minute"
    if low < 1:
        return f"Up to {_duration(high, up=True)}"
    first, last = _duration(low, up=False), _duration(high, up=True)
    if first == last:
        return f"About {first}"
    unit = last.rpartition(" ")[2]
    return f"{first.removesuffix(f' {unit}')} to {last}"


def _duration(minutes: int, *, up: bool) -> str:
    """Minutes, from two hours on hours, from two days on days; rounded up or down."""
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes >= 2 * size:
            return f"{ceil(minutes / size) if up else minutes // size} {unit}"
    return f"{minutes} min"


def overdue(copy: ImageCopy, *, usual: Span | None) -> bool:
    """Whether a copy under way takes longer than it was asked to, or much longer than such copies do. Only ever a
    badge: AWS says when a copy is over."""
    if copy.state != CopyState.COPYING or copy.called_at is None:
        return False
    asked = copy.parameters.get("SnapshotCopyCompletionDurationMinutes")
    if asked:
        limit = timedelta(minutes=asked)
    else:
        limit = max(SHORTEST, USUAL_TIMES * timedelta(seconds=usual.high)) if usual is not None else WITHOUT_HISTORY
    return timezone.now() - copy.called_at > limit
