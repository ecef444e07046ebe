"""When each copy of a request waited and was copied, as bars that a template draws: a line a copy, text beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.web.status import duration

# The width that all bars are drawn on, and how many marks the axis has.
WIDTH, TICKS = 100.0, 4
# A bar of nearly nothing is still seen.
THINNEST = 0.6
DAY = 86_400.0


@dataclass(frozen=True)
class Segment:
    """`kind`: waits, copying, done, failed or stopped; `x` and `width` of WIDTH."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class Line:
    """One copy; `took` says in words how long its last call went on, or why that isn't known, `tries` how many calls
    there were."""

    copy: ImageCopy
    segments: list[Segment]
    took: str
    tries: int


@dataclass(frozen=True)
class Gantt:
    """`ticks` are times of the day at equal distances, the first at the left edge and the last at the right one."""

    lines: list[Line]
    ticks: list[str]
    grid: list[float]


def gantt_of(copies: Sequence[ImageCopy], attempts: Mapping[int, Sequence[Attempt]], now: datetime) -> Gantt | None:
    """The bars of these copies, in their order; None while none of them was called."""
    spans = {copy.pk: _spans(copy, attempts.get(copy.pk, ()), now) for copy in copies}
    moments = [moment for found in spans.values() for _, begin, end in found for moment in (begin, end)]
    if not any(copy.called_at for copy in copies) or not moments:
        return None
    first, last = min(moments), max(moments)
    whole = max((last - first).total_seconds(), 1.0)

    def at(moment: datetime) -> float:
        return (moment - first).total_seconds() / whole * WIDTH

    tries = {copy.pk: sum(1 for each in attempts.get(copy.pk, ()) if each.first_called_at) for copy in copies}
    lines = [
        Line(
            copy,
            [_segment(kind, at(begin), at(end)) for kind, begin, end in spans[copy.pk]],
            _took(copy, now, tries[copy.pk]),
            tries[copy.pk],
        )
        for copy in copies
    ]
    step = timedelta(seconds=whole / (TICKS - 1))
    grid = [round(WIDTH * mark / (TICKS - 1), 1) for mark in range(1, TICKS - 1)]
    form = "%H:%M:%S" if step < timedelta(minutes=2) else "%H:%M" if whole < DAY else "%-d %b, %H:%M"
    ticks = [f"{timezone.localtime(first + step * mark):{form}}" for mark in range(TICKS)]
    return Gantt(lines, ticks, grid)


def _spans(copy: ImageCopy, attempts: Sequence[Attempt], now: datetime) -> list[tuple[str, datetime, datetime]]:
    """What the copy did from when to when."""
    called = [each for each in attempts if each.first_called_at]
    starts = [each.first_called_at for each in called if each.first_called_at]
    end = copy.finished_at or now
    if not starts and copy.called_at:
        starts = [copy.called_at]
    found = []
    if copy.queued_at and copy.queued_at < (starts[0] if starts else end):
        found.append(("waits", copy.queued_at, starts[0] if starts else end))
    for number, begin in enumerate(starts):
        over = starts[number + 1] if number + 1 < len(starts) else max(end, begin)
        found.append((_kind(copy) if number + 1 == len(starts) else "failed", begin, over))
    return found


def _kind(copy: ImageCopy) -> str:
    """How the last call of a copy looks."""
    return {
        CopyState.AVAILABLE: "done",
        CopyState.CHECKED: "done",
        CopyState.FAILED: "failed",
        CopyState.CANCELLED: "stopped",
        # The last try failed, and another is due.
        CopyState.QUEUED: "failed",
        # AWS hasn't answered the call, so nothing is copied that anybody knows of.
        CopyState.STARTING: "waits",
    }.get(CopyState(copy.state), "copying")


def _segment(kind: str, begin: float, end: float) -> Segment:
    width = max(end - begin, THINNEST)
    return Segment(kind, round(min(begin, WIDTH - width), 2), round(width, 2))


def _took(copy: ImageCopy, now: datetime, tries: int) -> str:
    if copy.called_at is None:
        return "Not begun" if copy.finished_at else "No answer yet" if tries else "Not called yet"
    words = duration(((copy.finished_at or now) - copy.called_at).total_seconds())
    return words if copy.finished_at else f"{words} so far"
