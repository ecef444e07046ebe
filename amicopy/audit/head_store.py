"""Where heads are kept outside of the database: what was put there last, and what is wrong with a store.

Workers write, notice what is wrong and keep it in a row for each store; pages, the doctor and readiness read that row:
they may stand where the store can't be reached.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from amicopy.audit import heads
from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.audit.models import HeadStore

logger = logging.getLogger(__name__)

Kind, Fault = HeadStore.Kind, HeadStore.Fault
# That a head vanished is shown for so long, and stands in the history for ever.
LOST_SHOWN = timedelta(days=7)
# How late a head may be, in times of AUDIT_HEAD_SECONDS, and how long beat and workers may need on top.
LATE, SPARE = 2, timedelta(minutes=2)
FAULTS: Mapping[str, str] = {
    Fault.MISSING: "It isn't there any more. Is a disk not mounted?",
    Fault.UNWRITABLE: "No head can be written to it. Give the workers the right to.",
    Fault.REFUSED: "It takes no head. amicopy needs s3:PutObject there, and s3:PutObjectRetention with "
    "AUDIT_HEAD_LOCK_DAYS.",
    Fault.NO_KEY: "The workers have no private key to sign heads with. Set AUDIT_PRIVATE_KEY for them.",
}


@dataclass(frozen=True)
class Finding:
    """How a store stands: `words` are fit to be shown, for whoever operates amicopy."""

    words: str
    ok: bool = True


def stores() -> list[HeadStore.Kind]:
    """The stores that settings name."""
    named = {Kind.FOLDER: settings.AUDIT_HEAD_DIR, Kind.BUCKET: settings.AUDIT_HEAD_BUCKET}
    return [kind for kind, place in named.items() if place]


def findings() -> list[Finding]:
    """How the stores stand, a finding for each thing that is wrong, else one for each store; one when there is none."""
    if not stores():
        words = "Heads of the history are kept nowhere, so nobody could tell if its end was cut off. "
        return [Finding(f"{words}Set AUDIT_HEAD_DIR or AUDIT_HEAD_BUCKET.", ok=False)]
    rows = {row.kind: row for row in HeadStore.objects.all()}
    return [finding for kind in stores() for finding in _findings(kind, rows.get(kind))]


def _findings(kind: HeadStore.Kind, row: HeadStore | None) -> list[Finding]:
    place, now = _place(kind), timezone.now()
    late = now - LATE * timedelta(seconds=settings.AUDIT_HEAD_SECONDS) - SPARE
    wrong = []
    if row is not None and row.fault:
        wrong.append(FAULTS[row.fault])
    if row is not None and row.lost_at is not None and row.lost_at > now - LOST_SHOWN:
        wrong.append(f"{row.lost} was in it and is gone since {row.lost_at:%Y-%m-%d %H:%M} UTC: somebody emptied it.")
    if row is None or row.written_at is None:
        wrong = wrong or ["It has no head of the history yet. Do beat and a worker run?"]
    elif row.written_at < late and not row.fault:
        wrong.append(f"Its newest head is of {row.written_at:%Y-%m-%d %H:%M} UTC. Do beat and a worker run?")
    if row is None or row.written_at is None or wrong:
        return [Finding(f"{place}: {words}", ok=False) for words in wrong]
    return [Finding(f"{place}: event {row.event_id} was signed at {row.written_at:%Y-%m-%d %H:%M} UTC.")]


def due(kind: HeadStore.Kind) -> bool:
    """Whether a store should get a head now."""
    late = timezone.now() - timedelta(seconds=settings.AUDIT_HEAD_SECONDS)
    return not HeadStore.objects.filter(kind=kind, fault="", written_at__gt=late).exists()


def newest_signed() -> list[HeadStore]:
    """The rows that hold a head, for whoever takes an export away."""
    return list(HeadStore.objects.exclude(content="").order_by("-event_id", "kind"))


def write_into_folder(actor: Actor) -> None:
    """Notices whether the folder still has what was put there and, when it is time, writes the current head to it."""
    folder, row = Path(settings.AUDIT_HEAD_DIR), HeadStore.objects.filter(kind=Kind.FOLDER).first()
    if row is not None and row.name:
        if not folder.is_dir():
            # A folder is made where there never was one; one that is gone may be a disk that isn't mounted.
            failed(Kind.FOLDER, Fault.MISSING, f"{folder} is gone")
            return
        if row.name != row.lost and not (folder / row.name).exists():
            lost(Kind.FOLDER, actor)
        elif row.name == row.lost and (folder / row.name).exists():
            HeadStore.objects.filter(kind=Kind.FOLDER).update(lost="", lost_at=None)
    if not due(Kind.FOLDER):
        return
    head = heads.current()
    try:
        path = heads.write_to(folder, head)
    except heads.NoKey as error:
        failed(Kind.FOLDER, Fault.NO_KEY, str(error))
    except OSError as error:
        failed(Kind.FOLDER, Fault.UNWRITABLE, f"{folder} can't be written: {error.strerror}")
    else:
        logger.info("Head written to %s", path)
        written(Kind.FOLDER, head, name=path.name, content=path.read_text(encoding="utf-8"))


def written(kind: HeadStore.Kind, head: heads.Head, *, name: str, content: str) -> None:
    """Keeps that a store has this head, and what it says."""
    now = timezone.now()
    values = {"name": name, "content": content, "event_id": head.id, "written_at": now, "tried_at": now, "fault": ""}
    HeadStore.objects.update_or_create(kind=kind, defaults=values)


def failed(kind: HeadStore.Kind, fault: HeadStore.Fault, words: str) -> None:
    """Keeps why a store got no head; `words` are for the log."""
    logger.error("The history's head isn't kept: %s", words)
    HeadStore.objects.update_or_create(kind=kind, defaults={"tried_at": timezone.now(), "fault": fault})


def lost(kind: HeadStore.Kind, actor: Actor) -> None:
    """Records that a store doesn't have the head any more that was put there last."""
    with transaction.atomic():
        row = HeadStore.objects.select_for_update().get(kind=kind)
        row.lost, row.lost_at = row.name, timezone.now()
        row.save(update_fields=["lost", "lost_at"])
        record("audit.head_lost", actor=actor, data={"store": kind, "name": row.name, "event": row.event_id})
    logger.error("%s had %s, and doesn't any more", _place(kind), row.name)


def _place(kind: str) -> str:
    return str(settings.AUDIT_HEAD_DIR if kind == Kind.FOLDER else f"bucket {settings.AUDIT_HEAD_BUCKET}")
