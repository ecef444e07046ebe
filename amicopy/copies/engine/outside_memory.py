"""What a worker's machine remembers of the database: the newest event there when something was made at AWS.

A database that was restored from a backup doesn't know what was made since, and can't know that it doesn't. So before
each call that makes something, the newest event is written to a file in AMICOPY_VAR_DIR; a database that lacks it is
behind, and nothing is called until `manage.py after_restore` was run. Each machine has a file for each installation.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from amicopy.audit import heads, restores
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.installation import Installation, installation_mark

logger = logging.getLogger(__name__)

# How many of the newest heads in AUDIT_HEAD_DIR a process looks at when it starts.
HEADS = 10


class Behind(Exception):
    """The database is a backup that was restored; the words say what to do and are fit to be shown."""

    def __init__(self) -> None:
        super().__init__(
            "The database lacks what has happened here already: it was restored from a backup. Nothing is done until "
            "manage.py after_restore was run; docs/operating.md says how."
        )


class Seen(NamedTuple):
    """An event that was in the database."""

    event: int
    hash: str


def keep() -> None:
    """Writes down the newest event, before something is made at AWS. Raises Behind, and then writes nothing.

    Where the file can't be written, work goes on: the doctor says so.
    """
    mark = _unless_noticed()
    try:
        with _locked(mark) as path:
            seen = _read(path)
            newest = AuditEvent.objects.order_by("-id").values_list("id", "hash").first()
            if newest == seen:
                return
            if seen is not None and restores.is_behind(*seen):
                notice()
            if newest is not None:
                _write(path, Seen(*newest))
    except OSError as error:
        logger.warning("A restored backup wouldn't be noticed: %s can't be written (%s).", settings.VAR_DIR, error)


def check() -> None:
    """What a process asks when it starts: raises Behind where the file, or a head in AUDIT_HEAD_DIR, has an event that
    the database lacks."""
    keep()
    if any(head.id and restores.is_behind(head.id, head.hash) for head in _newest_heads()):
        notice()


def newest_seen() -> int:
    """The greatest number of an event that the file, or a head in AUDIT_HEAD_DIR, knows; 0 where none does."""
    numbers = [head.id for head in _newest_heads()]
    try:
        with _locked(installation_mark()) as path:
            seen = _read(path)
            return max([*numbers, seen.event if seen else 0])
    except OSError:
        return max(numbers, default=0)


def _newest_heads() -> Iterator[heads.Head]:
    """The newest heads in AUDIT_HEAD_DIR, if there is one."""
    for path in heads.newest(Path(settings.AUDIT_HEAD_DIR), HEADS) if settings.AUDIT_HEAD_DIR else ():
        try:
            yield heads.read(path)
        except heads.InvalidHead as error:
            logger.warning("%s", error)


def notice() -> None:
    """Has every other process stop as well, and raises Behind."""
    Installation.objects.filter(number=1, behind_since=None).update(behind_since=timezone.now())
    raise Behind


def noticed() -> bool:
    """Whether a process has found that the database is behind."""
    return Installation.objects.filter(behind_since__isnull=False).exists()


def in_step() -> bool:
    """Whether work may go on; where it may not, the log says so."""
    try:
        keep()
    except Behind as behind:
        logger.error("%s", behind)
        return False
    return True


def fault() -> str:
    """Why this machine wouldn't notice a restored backup; empty when it would."""
    try:
        with _locked(installation_mark()):
            return ""
    except OSError as error:
        return f"{settings.VAR_DIR} can't be written: {error.strerror}"


def _unless_noticed() -> str:
    """The installation's mark. Raises Behind where another process has noticed a restore."""
    row = Installation.objects.filter(number=1).first()
    if row is not None and row.behind_since is not None:
        raise Behind
    return row.mark if row is not None else installation_mark()


@contextmanager
def _locked(mark: str) -> Iterator[Path]:
    """The file of an installation, which no other process of this machine writes meanwhile. Raises OSError."""
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    path: Path = settings.VAR_DIR / f"newest-event-{mark}.json"
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(lock)


def _read(path: Path) -> Seen | None:
    """The event in the file; None while there is none. What isn't one can't say that something is missing."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Seen(int(said["event"]), str(said["hash"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        logger.error("%s isn't what amicopy wrote there.", path)
        return None


def _write(path: Path, seen: Seen) -> None:
    """Whole or not at all, and kept through a power cut."""
    draft = path.with_suffix(".new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(json.dumps(seen._asdict()) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
