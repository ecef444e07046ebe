"""Walking the chain: every event's hash is computed again and has to lead to the next."""

import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from amicopy.audit import heads, restores, triggers
from amicopy.audit.chain import FIELDS, GENESIS, fits
from amicopy.audit.heads import Head
from amicopy.audit.models import AuditAnchor, AuditEvent

BATCH = 5_000
# How many of the newest heads the history is compared with.
HEADS = 10


@dataclass(frozen=True)
class Place:
    """A link of the chain: an event, its hash, and how many events led to it. Event 0 stands before the first."""

    id: int = 0
    hash: str = GENESIS
    events: int = 0


@dataclass(frozen=True)
class Walk:
    """How far a walk came: the last good link, what was wrong after it (empty: nothing), and whether it was the end."""

    place: Place
    finding: str = ""
    finished: bool = True


class Broken(Exception):
    """The chain can't even be begun; the words say what is wrong and are fit to be shown."""


def beginning() -> Place:
    """Where the chain in the database begins: before its first event, or after the last archived one.

    Raises Broken when the anchor of the archive isn't the one that was signed.
    """
    anchor = AuditAnchor.objects.order_by("-event_id").first()
    if anchor is None:
        return Place()
    if not heads.is_signed(anchor_content(anchor), anchor.signature):
        raise Broken(f"The anchor of the archive up to event {anchor.event_id} isn't the one that was signed.")
    return Place(anchor.event_id, anchor.hash, anchor.events)


def anchor_content(anchor: AuditAnchor) -> dict[str, str | int]:
    """What an anchor's signature covers."""
    return {"kind": "anchor", "event_id": anchor.event_id, "hash": anchor.hash, "events": anchor.events}


def walk(start: Place, *, seconds: float | None = None) -> Walk:
    """Follows the chain from a link to its end, or as far as `seconds` allow."""
    deadline = None if seconds is None else time.monotonic() + seconds
    place_id, place_hash, events = start.id, start.hash, start.events
    rows = AuditEvent.objects.order_by("id").values_list("id", "prev_hash", "hash", *FIELDS)
    while True:
        # In batches by key: no long transaction and no growing memory, however long the chain.
        batch = rows.filter(id__gt=place_id)[:BATCH]
        count = 0
        for event_id, prev_hash, stored_hash, *columns in batch:
            if not fits(prev_hash, dict(zip(FIELDS, columns, strict=True)), stored_hash):
                finding = f"Event {event_id} isn't as it was written: its content doesn't fit its hash."
                return Walk(Place(place_id, place_hash, events), finding)
            if prev_hash != place_hash:
                return Walk(Place(place_id, place_hash, events), _gap(place_id, event_id))
            place_id, place_hash, events, count = event_id, stored_hash, events + 1, count + 1
        if count < BATCH:
            return Walk(Place(place_id, place_hash, events))
        if deadline is not None and time.monotonic() > deadline:
            return Walk(Place(place_id, place_hash, events), finished=False)


def _gap(last: int, event_id: int) -> str:
    if not last:
        return f"Event {event_id} isn't the first: the beginning of the history is missing."
    return (
        f"The link between events {last} and {event_id} is broken: "
        "one of them was changed, or events were removed or put in between."
    )


def missing_head(head: Head, name: str) -> str:
    """What speaks against the history still leading to this head, empty when it does; `name` says which head it is."""
    if head.id == 0 or AuditAnchor.objects.filter(event_id=head.id, hash=head.hash).exists():
        return ""
    stored_hash = AuditEvent.objects.filter(pk=head.id).values_list("hash", flat=True).first()
    if stored_hash == head.hash:
        return ""
    if stored_hash is not None:
        return f"Event {head.id} isn't the one in {name}: the history was written again."
    anchor = archive_of(head)
    if anchor is not None:
        return f"Event {head.id} in {name} was archived to {anchor.file}. Verify that file with this head."
    if (restore := restores.recorded_after(head.id)) is not None:
        return f"Event {head.id} in {name} is missing: a backup was restored, says event {restore.pk}."
    return f"Event {head.id} in {name} is missing: the end of the history was cut off."


def archive_of(head: Head) -> AuditAnchor | None:
    """The archive that a head's event went to; None while the event belongs to the chain in the database."""
    return AuditAnchor.objects.filter(event_id__gte=head.id).order_by("event_id").first()


def protection() -> str:
    """What is wrong with the database's own protection, in words; empty when nothing is."""
    faults = triggers.faults(connection)
    return f"The database may let events be changed: {'; '.join(faults)}." if faults else ""


def newest_heads() -> str:
    """What speaks against the newest heads in AUDIT_HEAD_DIR; empty when nothing does or there are none. Several, since
    whoever cut off the end may have put one of their own on top."""
    if not settings.AUDIT_HEAD_DIR:
        return ""
    for path in heads.newest(Path(settings.AUDIT_HEAD_DIR), HEADS):
        try:
            head = heads.read(path)
            wrong = "" if archive_of(head) else missing_head(head, path.name)
        except heads.InvalidHead as error:
            wrong = f"{path.name}: {error}"
        if wrong:
            return wrong
    return ""
