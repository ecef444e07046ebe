"""What waits in the database for a worker, and for how long."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import COPY_STARTABLE, CopyState
from amicopy.copies.engine import leases, leftover_jobs
from amicopy.copies.operations import account_checks, copy_looks, permission_checks
from amicopy.copies.operations.health.finding import Finding, Part, down, well
from amicopy.copies.requests import expire, look_again
from amicopy.notify.models import Message
from amicopy.notify.models import State as MessageState

# Work that is due for longer than this means that no worker or no beat is running.
OVERDUE = timedelta(minutes=2)


@dataclass(frozen=True)
class Queue:
    """Rows that are due: how many, since when the oldest is, and how long it may be."""

    code: str
    count: int
    oldest: datetime | None
    limit: timedelta

    @property
    def age(self) -> timedelta:
        """For how long the oldest has been due."""
        return max(timedelta(), timezone.now() - self.oldest) if self.oldest else timedelta()

    @property
    def late(self) -> bool:
        """Whether it waits for longer than it should."""
        return self.age > self.limit


def queues() -> list[Queue]:
    """All that waits, in the order of the page."""
    now = timezone.now()
    due = leases.due(now)
    copies = ImageCopy.objects.filter(due).order_by()
    messages = Message.objects.filter(state=MessageState.WAITING, next_try_at__lte=now).order_by()

    def counted(code: str, limit: timedelta, rows: object, column: str) -> Queue:
        found = rows.aggregate(count=Count("pk"), oldest=Min(column))  # type: ignore[attr-defined]  # a queryset of either
        return Queue(code, found["count"], found["oldest"], limit)

    return [
        counted("start", timedelta(seconds=30), copies.filter(state__in=COPY_STARTABLE), "next_step_at"),
        counted("track", timedelta(minutes=1), copies.filter(state=CopyState.COPYING), "next_step_at"),
        counted("cancel", timedelta(minutes=1), copies.filter(state=CopyState.CANCELLING), "next_step_at"),
        _upkeep(now),
        counted("e-mail", timedelta(minutes=15), messages.filter(person__isnull=False), "next_try_at"),
        counted("webhook", timedelta(hours=1), messages.filter(endpoint__isnull=False), "next_try_at"),
    ]


def _upkeep(now: datetime) -> Queue:
    """What people asked workers to look at or to remove, and what is to end or to be looked at by itself."""
    asked = (
        (account_checks.wanted(now), "requested_at"),
        (permission_checks.wanted(now), "requested_at"),
        (copy_looks.wanted(now), "requested_at"),
        (look_again.due(), "look_again_at"),
        (expire.overdue(), "expires_at"),
        (leftover_jobs.to_remove(), "next_try_at"),
    )
    found = [rows.order_by().aggregate(count=Count("pk"), oldest=Min(column)) for rows, column in asked]
    oldest = min((each["oldest"] for each in found if each["oldest"]), default=None)
    return Queue("upkeep", sum(each["count"] for each in found), oldest, timedelta(minutes=5))


def overdue() -> Iterator[Finding]:
    """Whether work is left lying."""
    late = ImageCopy.objects.filter(leases.due(timezone.now() - OVERDUE)).aggregate(
        count=Count("pk"), since=Min("next_step_at", filter=Q(next_step_at__isnull=False))
    )
    if late["count"]:
        minutes = OVERDUE.seconds // 60
        yield down(Part.WORK, "copies-overdue", since=late["since"], count=late["count"], minutes=minutes)
    else:
        yield well(Part.WORK, "nothing-overdue")
