"""Moving old events to files, when a setting says so: the only way an event ever leaves the database.

A file is JSON Lines, gzipped, oldest event first. It is read back and verified before anything is removed; its last
hash is kept, signed, as the anchor that the remaining chain begins after. Removing takes the triggers off for one
transaction, which only the database's owner can do: with the grants of docs/audit.md the web and the workers can't.
"""

import gzip
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from amicopy.audit import chain_verification, heads, triggers
from amicopy.audit.actor import Actor
from amicopy.audit.chain import fits
from amicopy.audit.chain_verification import Broken, Place
from amicopy.audit.heads import Head
from amicopy.audit.lines import as_json_lines, from_json, rows_of
from amicopy.audit.log import lock_chain, record
from amicopy.audit.models import AuditAnchor, AuditEvent, EventRegion

# Events in a file: few enough that removing them holds up nobody for more than about a second.
MOST = 20_000
APPROVALS = ("request.approved", "request.break_glass")
ENDS = ("request.completed", "request.partial", "request.failed", "request.cancelled")


class NotArchived(Exception):
    """Nothing was removed; the words say why and are fit to be shown."""


@dataclass(frozen=True)
class Archive:
    """A file with the events after `start` up to and with `end`."""

    path: Path
    start: Place
    end: Place


def archive_next(actor: Actor) -> AuditAnchor | None:
    """Moves the oldest events, at most MOST, that are older than AUDIT_KEEP_DAYS to a new file.

    None when there are none. Raises NotArchived when the chain or the file doesn't hold, DatabaseError without the
    rights of the table's owner.
    """
    last = _last_to_go()
    if last is None:
        return None
    archive = write(last)
    with transaction.atomic():
        # Writers lock the chain before the table; so does this.
        lock_chain()
        if chain_verification.beginning() != archive.start:
            raise NotArchived("Somebody else archives at this moment.")
        anchor = AuditAnchor(
            at=timezone.now(),
            event_id=archive.end.id,
            hash=archive.end.hash,
            events=archive.end.events,
            file=archive.path.name,
        )
        anchor.signature = heads.sign(chain_verification.anchor_content(anchor))
        anchor.save()
        # Before the old ones go: there is always an event to link to.
        record(
            "audit.archived",
            actor=actor,
            data={
                "file": archive.path.name,
                "sha256": hashlib.sha256(archive.path.read_bytes()).hexdigest(),
                "events": archive.end.events - archive.start.events,
                "up_to": archive.end.id,
            },
        )
        triggers.remove(connection)
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {triggers.TABLE} WHERE id <= %s", [archive.end.id])  # noqa: S608, a constant
            removed = cursor.rowcount
        if removed != archive.end.events - archive.start.events:
            raise NotArchived("The events to remove aren't the ones in the file.")
        triggers.install(connection)
        EventRegion.objects.filter(event__lte=archive.end.id).delete()
    return anchor


def write(last: int) -> Archive:
    """Writes the events up to the id `last` to a new file and reads it back. Raises NotArchived."""
    folder = Path(settings.AUDIT_ARCHIVE_DIR)
    try:
        start = chain_verification.beginning()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"amicopy-audit-{start.id + 1}-{last}.jsonl.gz"
        draft = folder / f".{path.name}.{os.getpid()}"
        try:
            with draft.open("wb") as file:
                with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
                    rows = rows_of(AuditEvent.objects.filter(id__gt=start.id, id__lte=last), oldest_first=True)
                    for line in as_json_lines(rows):
                        packed.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
            end = verify(draft, start)
            if end.id != last:
                raise NotArchived(f"{path.name} doesn't end with event {last}.")
            # What an earlier try left behind says the same, or it would not verify; nothing refers to it yet.
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise NotArchived(f"{folder} can't be written: {error}.") from None
    except Broken as broken:
        raise NotArchived(str(broken)) from None
    return Archive(path, start, end)


def verify(path: Path, start: Place, *, head: Head | None = None) -> Place:
    """Follows the chain through a file and returns its end. Raises Broken with the first link that doesn't hold, also
    when the event of `head` belongs into the file and isn't there as it was."""
    place_id, place_hash, events = start.id, start.hash, start.events
    try:
        for number, line in enumerate(_lines(path), start=1):
            try:
                values = from_json(line)
            except ValueError:
                raise Broken(f"Line {number} of {path.name} isn't an event.") from None
            if not fits(values["prev_hash"], values, values["hash"]):
                raise Broken(f"Event {values['id']} in {path.name} isn't as it was written.")
            if values["prev_hash"] != place_hash:
                raise Broken(f"The link between events {place_id} and {values['id']} in {path.name} is broken.")
            if head is not None and values["id"] == head.id and values["hash"] == head.hash:
                head = None
            place_id, place_hash, events = values["id"], values["hash"], events + 1
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise Broken(f"{path.name} can't be read: {error}.") from None
    if head is not None and start.id < head.id <= place_id:
        raise Broken(f"Event {head.id} in {path.name} isn't the one in the head: the history was written again.")
    return Place(place_id, place_hash, events)


def verify_all(head: Head | None = None) -> int:
    """Follows the chain through every archived file, from the first event ever to where the database goes on, past
    `head` when its event was archived; returns how many events that are. Raises Broken."""
    place = Place()
    for anchor in AuditAnchor.objects.order_by("event_id"):
        if not heads.is_signed(chain_verification.anchor_content(anchor), anchor.signature):
            raise Broken(f"The anchor of the archive up to event {anchor.event_id} isn't the one that was signed.")
        place = verify(Path(settings.AUDIT_ARCHIVE_DIR) / anchor.file, place, head=head)
        if place != Place(anchor.event_id, anchor.hash, anchor.events):
            raise Broken(f"{anchor.file} doesn't end where the chain in the database begins.")
    return place.events


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from file


def _last_to_go() -> int | None:
    """The id of the last event that goes into the next file; None when all are young enough."""
    if not settings.AUDIT_KEEP_DAYS or not settings.AUDIT_ARCHIVE_DIR:
        return None
    limit = timezone.now() - timedelta(days=settings.AUDIT_KEEP_DAYS)
    last: int | None = None
    for event_id, at in AuditEvent.objects.order_by("id").values_list("id", "at")[:MOST]:
        if at >= limit:
            break
        last = event_id
    needed = _approval_in_use(last) if last else None
    return last if needed is None else AuditEvent.objects.filter(id__lt=needed).aggregate(last=Max("id"))["last"]


def _approval_in_use(last: int) -> int | None:
    """The id of the first approval up to `last` whose request isn't over: its copies are compared with it before they
    are called."""
    over = AuditEvent.objects.filter(request=OuterRef("request"), id__gt=OuterRef("id"), action__in=ENDS)
    approvals = AuditEvent.objects.filter(~Exists(over), id__lte=last, action__in=APPROVALS)
    return approvals.order_by("id").values_list("id", flat=True).first()
