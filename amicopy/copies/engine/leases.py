"""Claiming copies: leases on those that are due, which a worker that stops, or loses the database, hands back."""

import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from amicopy import leases, outages
from amicopy.copies.core.models import CopyStep, ImageCopy
from amicopy.copies.lifecycle.transitions import LEASE_ENDED, InvalidTransition

logger = logging.getLogger(__name__)

# A worker that has held a lease for this long makes no further call to AWS under it.
CALL_WITHIN = leases.LEASE / 2
# This worker, the same in all processes that its pool forks later.
HOLDER = uuid.uuid4()
# The leases of the task that runs, see `handed_back_after_an_outage`.
_taken: ContextVar[set[uuid.UUID]] = ContextVar("taken")


def due(now: datetime) -> Q:
    """The rows whose next step is due and on which nobody works."""
    return Q(next_step_at__lte=now) & leases.free(now)


def claim(rows: QuerySet[ImageCopy], *, now: datetime, most: int) -> tuple[uuid.UUID, list[ImageCopy]]:
    """Leases up to `most` of these rows, in their order; returns the lease and the rows it got, possibly none."""
    with transaction.atomic():
        return _lease(list(leases.unclaimed(rows.filter(due(now)))[:most]), now=now)


def claim_first(
    rows: QuerySet[ImageCopy], keys: Sequence[int], *, now: datetime, most: int
) -> tuple[uuid.UUID, list[ImageCopy]]:
    """Leases the first `most` of these primary keys that are still due and among `rows`; else as `claim`."""
    with transaction.atomic():
        free = set(leases.unclaimed(rows.filter(due(now), pk__in=keys).order_by()))
        lease_id, copies = _lease([key for key in keys if key in free][:most], now=now)
    return lease_id, sorted(copies, key=lambda copy: keys.index(copy.pk))


def _lease(keys: Sequence[int], *, now: datetime) -> tuple[uuid.UUID, list[ImageCopy]]:
    lease_id = uuid.uuid4()
    if not keys:
        return lease_id, []
    taken(lease_id)
    leases.put(lease_id, ImageCopy.objects.filter(due(now)), keys, now=now, lease_holder=HOLDER, parked_at=None)
    return lease_id, list(ImageCopy.objects.filter(lease_id=lease_id).select_related("account", "request"))


def taken(lease_id: uuid.UUID) -> None:
    """Notes that the task that runs has taken this lease."""
    _taken.get(set()).add(lease_id)


@contextmanager
def handed_back_after_an_outage() -> Iterator[None]:
    """What is leased inside is due again as soon as the database answers, should it go away meanwhile."""
    own: set[uuid.UUID] = set()
    token = _taken.set(own)
    try:
        with outages.handing_back(lambda: _end_all(Q(lease_id__in=own))):
            yield
    finally:
        _taken.reset(token)


@contextmanager
def moved_meanwhile(lease_id: uuid.UUID) -> Iterator[None]:
    """That somebody moved a leased copy is no error: what of it is still under the lease is due again."""
    try:
        yield
    except InvalidTransition as moved:
        logger.info("%s", moved)
        hand_back(lease_id, next_step_at=timezone.now())


def release(lease_id: uuid.UUID, copies: Sequence[ImageCopy]) -> None:
    """Ends a lease on rows that nothing was done with: they are due as they were."""
    if copies:
        ImageCopy.objects.filter(lease_id=lease_id, pk__in=[copy.pk for copy in copies]).update(**LEASE_ENDED)


def hand_back(lease_id: uuid.UUID, *, next_step_at: datetime, copies: list[ImageCopy] | None = None) -> None:
    """Ends a lease on its rows, or on some of them, and says when they are due again."""
    rows = ImageCopy.objects.filter(lease_id=lease_id)
    if copies is not None:
        rows = rows.filter(pk__in=[copy.pk for copy in copies])
    rows.update(lease_id=None, lease_until=None, next_step_at=next_step_at)


def hand_back_all() -> int:
    """Ends every lease that this worker holds; what it was about is due now. Returns how many rows that were."""
    return _end_all(Q(lease_holder=HOLDER, lease_id__isnull=False))


def _end_all(held: Q) -> int:
    copies = ImageCopy.objects.filter(held).update(**LEASE_ENDED, next_step_at=timezone.now())
    # Of a copy's steps one is due already, and the others wait for it.
    return copies + CopyStep.objects.filter(held).update(**LEASE_ENDED)
