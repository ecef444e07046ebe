"""Leases: whoever sets one on a row works on it until it ends. Two workers, two beats or a message that comes twice:
one wins.

On PostgreSQL the rows others are claiming are skipped; on SQLite a transaction has the whole database to itself. The
conditional UPDATE decides on both. A row that is leased has the columns `lease_id` and `lease_until`.
"""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

# Longer than a task may run, so that a lease ends only when its worker is gone.
LEASE = timedelta(seconds=settings.LEASE_SECONDS)


def free(now: datetime) -> Q:
    """The rows on which nobody works."""
    return Q(lease_until__isnull=True) | Q(lease_until__lt=now)


def take(lease: uuid.UUID, rows: QuerySet[Any], *, now: datetime, most: int = 1, **columns: Any) -> None:
    """Puts this lease on the first `most` of these rows, and writes `columns` with it. The rows have to be such that
    one which is leased is none of them."""
    with transaction.atomic():
        put(lease, rows, unclaimed(rows)[:most], now=now, **columns)


def unclaimed(rows: QuerySet[Any]) -> "QuerySet[Any, Any]":
    """The primary keys of the rows that nobody is claiming at the moment, kept from others until the transaction
    ends."""
    return rows.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)


def put(lease: uuid.UUID, rows: QuerySet[Any], keys: Collection[Any], *, now: datetime, **columns: Any) -> None:
    """The conditional UPDATE: of these primary keys those that are still among the rows."""
    rows.filter(pk__in=list(keys)).update(lease_id=lease, lease_until=now + LEASE, **columns)
