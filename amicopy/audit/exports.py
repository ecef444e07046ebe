"""Exporting events as a file that is written while it is sent, with events that say who took what.

Two events belong to an export: one before its first byte, so that no export goes unseen, and one at its end with the
count and the SHA-256 of what was sent, so that a file can be shown later to be the one that was exported.

One with proof is a zip with the newest signed heads, what is stored of the requests, and the program that verifies it
all without amicopy.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.db import transaction
from django.db.models import QuerySet

from amicopy.audit import head_store, heads, lines, verify_amicopy
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
PROOF = "zip"
CONTENT_TYPES: Mapping[str, str] = {PROOF: "application/zip", **{kind: each[1] for kind, each in FORMATS.items()}}
# The columns of an event, in the order of `lines.COLUMNS`.
Row = tuple[Any, ...]
VERIFIER = Path(verify_amicopy.__file__)
REQUEST = lines.COLUMNS.index("request")
HOW = """An export of amicopy's audit history, to be verified without amicopy.

1. Get the public key from whoever operates amicopy, not from here; and, better, verify_amicopy.py as well.
2. Run:  python3 verify_amicopy.py --key KEY THIS.zip
   With --head FILE it looks at heads that were kept elsewhere, such as in a bucket.
3. It ends with 0 when all holds, 1 when something doesn't, 3 when something couldn't be looked at, and says what.

events.jsonl has the events, the oldest first; of those that filters left out between them, and up to the end, it has
number, hash and a digest, so that the chain can be followed through them. heads/ has the newest signed heads,
requests.jsonl what is stored of the requests, their parameters and decisions.
"""


def file_name(when: datetime, kind: str) -> str:
    """What an export of this moment is called; `kind` is one of CONTENT_TYPES."""
    return f"amicopy-audit-{when:%Y%m%dT%H%M%SZ}.{kind}"


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
    rows = Counted(lines.merged([part.filter(id__lte=newest) for part in events]))
    return told(_as_text(rows, FORMATS[kind][0]), rows, about=about, actor=actor)


def export_with_proof(
    events: Sequence[QuerySet[AuditEvent]],
    *,
    filters: Mapping[str, str],
    requests: Callable[[set[int]], Iterable[str]],
    actor: Actor,
) -> Iterator[bytes]:
    """The same as a zip with all that is needed to verify it; oldest event first. `requests` gives the lines about the
    requests with these numbers."""
    signed = signed_heads()
    newest = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    about = {"format": PROOF, "filters": dict(filters), "newest": newest}
    with transaction.atomic():
        record("audit.exported", actor=actor, data=about)
    rows = Counted(lines.merged([part.filter(id__lte=newest) for part in events], oldest_first=True))
    contents = {"README.txt": HOW.encode(), VERIFIER.name: VERIFIER.read_bytes()}
    narrowed = any(filters.values())
    pieces = zipped(rows, signed=signed, contents=contents, newest=newest if narrowed else 0, requests=requests)
    return told(pieces, rows, about=about, actor=actor)


def signed_heads(*, since: int = 0) -> dict[str, str]:
    """The newest signed heads, by their names: one of this moment, where this process can sign, and those of stores
    that name an event from `since` on."""
    found = {f"{row.kind}.json": row.content for row in head_store.newest_signed() if row.event_id >= since}
    if heads.can_sign():
        found["now.json"] = heads.to_json(heads.current())
    return found


def _as_text(rows: "Counted", form: Callable[[Iterable[Sequence[Any]]], Iterator[str]]) -> Iterator[bytes]:
    text = form(rows)
    while chunk := "".join(islice(text, CHUNK)).encode():
        yield chunk


def zipped(
    rows: "Counted",
    *,
    signed: Mapping[str, str],
    contents: Mapping[str, bytes],
    newest: int,
    requests: Callable[[set[int]], Iterable[str]] | None = None,
) -> Iterator[bytes]:
    """A zip of events with these heads and files. `newest` is the last event to account for where some may have been
    left out; 0: none was. `requests` gives the lines about the requests that the events are about."""
    pieces, numbers = _Pieces(), set[int]()
    noted = _noted(rows, numbers)
    text = _with_left_out(noted, newest) if newest else lines.as_json_lines(noted)
    with ZipFile(pieces, "w", ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
        for name, head in signed.items():
            archive.writestr(f"heads/{name}", head)
        with archive.open("events.jsonl", "w", force_zip64=True) as file:
            while some := "".join(islice(text, CHUNK)):
                file.write(some.encode())
                yield pieces.take()
        if requests is not None:
            with archive.open("requests.jsonl", "w", force_zip64=True) as file:
                for line in requests(numbers):
                    file.write(line.encode())
                    yield pieces.take()
    yield pieces.take()


def _noted(rows: Iterator[Row], numbers: set[int]) -> Iterator[Row]:
    """The rows, with the numbers of the requests that they are about put down."""
    for row in rows:
        if row[REQUEST] is not None:
            numbers.add(row[REQUEST])
        yield row


def _with_left_out(shown: Iterator[Row], newest: int) -> Iterator[str]:
    """The lines of events, the oldest first, and from the first of them on one for each that isn't shown."""
    due = next(shown, None)
    if due is None:
        return
    for row in lines.rows_of(AuditEvent.objects.filter(id__gte=due[0], id__lte=newest), oldest_first=True):
        if due is not None and row[0] == due[0]:
            yield lines.to_json(row) + "\n"
            due = next(shown, None)
        else:
            yield lines.left_out(row) + "\n"


def told(pieces: Iterator[bytes], rows: "Counted", *, about: dict[str, Any], actor: Actor) -> Iterator[bytes]:
    """The pieces of a file, and the event with what was sent once they end or whoever asked breaks off."""
    digest, sent, whole = hashlib.sha256(), 0, False
    try:
        for piece in pieces:
            if not piece:
                continue
            # Counted before it is handed over: whoever breaks off may have got it.
            sent = rows.count
            digest.update(piece)
            yield piece
        whole = True
    finally:
        with transaction.atomic():
            record(
                "audit.export_ended",
                actor=actor,
                data={**about, "events": sent, "complete": whole, "sha256": digest.hexdigest()},
            )


class Counted:
    """Rows that know how many of them were taken."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self.rows, self.count = rows, 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self

    def __next__(self) -> tuple[Any, ...]:
        row = next(self.rows)
        self.count += 1
        return row


class _Pieces:
    """What a zip is written to while it is sent."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, piece: bytes, /) -> int:
        self.written.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing waits anywhere."""

    def close(self) -> None:
        """Nothing is open."""

    def take(self) -> bytes:
        taken, self.written = b"".join(self.written), []
        return taken
