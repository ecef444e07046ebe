"""Events as lines of a file: JSON Lines, which can be verified again, and CSV for spreadsheets."""

import csv
import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from amicopy.audit.chain import FIELDS, digest, link, stamp
from amicopy.audit.event_queries import within
from amicopy.audit.models import AuditEvent

BATCH = 2_000
# What a line says, in this order. CSV's header says the same names.
COLUMNS = ("id", *FIELDS, "prev_hash", "hash")
# A spreadsheet takes a cell that begins like this for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def rows_of(events: QuerySet[AuditEvent], *, oldest_first: bool = False) -> Iterator[tuple[Any, ...]]:
    """The events' columns in the order of COLUMNS, newest first. In batches by key: memory stays flat and no
    transaction stays open, however many there are."""
    order, side = ("id", "id__gt") if oldest_first else ("-id", "id__lt")
    rest = events
    while True:
        batch = list(rest.order_by(order).values_list(*COLUMNS)[:BATCH])
        yield from batch
        if len(batch) < BATCH:
            return
        rest = within(events, **{side: batch[-1][0]})


def merged(parts: Iterable[QuerySet[AuditEvent]], *, oldest_first: bool = False) -> Iterator[tuple[Any, ...]]:
    """The columns of the events of several querysets that have none in common, in one order, as `rows_of` has them."""
    rows = (rows_of(part, oldest_first=oldest_first) for part in parts)
    return heapq.merge(*rows, key=itemgetter(0), reverse=not oldest_first)


def to_json(row: Sequence[Any]) -> str:
    """One line of JSON Lines, without its end: every column, times in ISO 8601 UTC."""
    values = dict(zip(COLUMNS, row, strict=True))
    values["at"] = stamp(values["at"])
    values["correlation_id"] = str(values["correlation_id"])
    return _encode(values)


def left_out(row: Sequence[Any]) -> str:
    """The line that stands for an event that isn't shown, without its end: its hash, and the digest of its content, by
    which the chain goes on. Hashes of before can't be computed from that, and stand alone."""
    values = dict(zip(COLUMNS, row, strict=True))
    said = {"id": values["id"], "hash": values["hash"]}
    if link(values["prev_hash"], values) == values["hash"]:
        said["content"] = digest(values)
    return _encode(said)


def from_json(line: str) -> Mapping[str, Any]:
    """What `to_json` wrote, with the types the columns have. Raises ValueError for anything else."""
    values = json.loads(line)
    if not isinstance(values, dict) or set(values) != set(COLUMNS):
        raise ValueError("The line isn't an event.")
    try:
        values["at"] = datetime.fromisoformat(values["at"])
        values["correlation_id"] = UUID(values["correlation_id"])
    except (TypeError, AttributeError):
        raise ValueError("The line isn't an event.") from None
    return values


def as_json_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The rows as JSON Lines."""
    for row in rows:
        yield to_json(row) + "\n"


def as_csv(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The rows as CSV with a header. A cell that a spreadsheet would run gets an apostrophe in front."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    data, moment = COLUMNS.index("data"), COLUMNS.index("at")
    for row in rows:
        cells = [harmless(value) if isinstance(value, str) else value for value in row]
        cells[moment], cells[data] = stamp(row[moment]), _encode(row[data])
        yield writer.writerow(cells)


def harmless(cell: str) -> str:
    """The cell, so that no spreadsheet takes it for a formula."""
    return "'" + cell if cell.lstrip(" ").startswith(FORMULA) else cell


class _Echo:
    """What csv writes to; `writerow` returns what this returns."""

    def write(self, line: str) -> str:
        return line
