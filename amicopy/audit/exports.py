"""Exporting events as a file that is written while it is sent, with events that say who took what.

Two events belong to an export: one before its first byte, so that no export goes unseen, and one at its end with the
count and the SHA-256 of what was sent, so that a file can be shown later to be the one that was exported.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from amicopy.audit import lines
from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.audit.models import AuditEvent

# Lines sent at once: few enough to be smooth, many enough that sending them costs nothing.
CHUNK = 500
# format -> (how rows become lines, content type)
FORMATS: Mapping[str, tuple[Callable[[Iterable[Sequence[Any]]], Iterator[str]], str]] = {
    "csv": (lines.as_csv, "text/csv; charset=utf-8"),
    "jsonl": (lines.as_json_lines, "application/x-ndjson"),
}


def export(
    events: Sequence[QuerySet[AuditEvent]], *, kind: str, filters: Mapping[str, str], actor: Actor
) -> Iterator[bytes]:
    """Records the export and returns the file in pieces, newest event first.

    `events` come in parts as `event_queries` narrows them, `kind` is one of FORMATS, `filters` what the events were
    narrowed by, in words for the event. What happens after this call is not in the file, the event about it included.
    """
    newest = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    about = {"format": kind, "filters": dict(filters), "newest": newest}
    with transaction.atomic():
        record("audit.exported", actor=actor, data=about)
    return _pieces([part.filter(id__lte=newest) for part in events], kind=kind, about=about, actor=actor)


def _pieces(
    events: Sequence[QuerySet[AuditEvent]], *, kind: str, about: dict[str, Any], actor: Actor
) -> Iterator[bytes]:
    digest, sent, whole = hashlib.sha256(), 0, False
    rows = _Counted(lines.merged(events))
    text = FORMATS[kind][0](rows)
    try:
        while chunk := "".join(islice(text, CHUNK)).encode():
            # Counted before it is handed over: whoever breaks off may have got it.
            sent = rows.count
            digest.update(chunk)
            yield chunk
        whole = True
    finally:
        with transaction.atomic():
            record(
                "audit.export_ended",
                actor=actor,
                data={**about, "events": sent, "complete": whole, "sha256": digest.hexdigest()},
            )


class _Counted:
    """Rows that know how many of them were taken."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self.rows, self.count = rows, 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for row in self.rows:
            self.count += 1
            yield row
