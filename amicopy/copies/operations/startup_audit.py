"""What a process notices when it starts: settings and people that aren't as the history last said."""

import logging
import sys
from typing import Any

from celery.signals import worker_init, worker_ready
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.audit.models import AuditEvent
from amicopy.copies.engine import outside_memory
from amicopy.copies.engine.outside_memory import Behind
from amicopy.copies.operations import people, rows_of_before

logger = logging.getLogger(__name__)

# Of these events the last one of a kind of process counts; there are few kinds.
MOST = 50


def notice(process: str) -> None:
    """Records changed settings and people. `process` is a kind, `web` or `worker`: many of a kind leave one event.

    A database that isn't there or not migrated yet stops no process; the next start notices. Raises Behind, and records
    nothing, for one that was restored from a backup.
    """
    actor = Actor(name=f"amicopy {process}", source="worker")
    try:
        outside_memory.check()
        notice_settings(process, actor=actor)
        people.notice(actor)
        if process == "worker":
            # The last to be started in an update, when no process of the version before is left.
            rows_of_before.mend()
    except DatabaseError as error:
        logger.warning("Settings and people weren't compared with the history: %s", error)


@worker_init.connect
def _worker_starts(**kwargs: object) -> None:
    """A worker ends before it does anything on a database that was restored; its supervisor starts it again."""
    try:
        outside_memory.check()
    except Behind as behind:
        sys.exit(f"amicopy: {behind}")
    except DatabaseError as error:
        logger.warning("Whether the database is behind wasn't looked at: %s", error)
    finally:
        # Before the pool's processes are forked.
        connection.close()


@worker_ready.connect
def _worker_started(**kwargs: object) -> None:
    notice("worker")


def notice_settings(process: str, *, actor: Actor) -> None:
    """One event with what changed in the settings since this kind of process last started; without secrets."""
    now: dict[str, Any] = {name: str(value) for name, value in sorted(settings.AUDITED_SETTINGS.items())}
    with transaction.atomic():
        lock_chain()
        before = _last(process)
        if before != now:
            changes = {
                name: [(before or {}).get(name), now.get(name)]
                for name in sorted({*(before or {}), *now})
                if (before or {}).get(name) != now.get(name)
            }
            data = {"process": process, "settings": now} | ({"changes": changes} if before is not None else {})
            record("settings.changed", actor=actor, data=data)


def _last(process: str) -> dict[str, Any] | None:
    for data in (
        AuditEvent.objects.filter(action="settings.changed").order_by("-id").values_list("data", flat=True)[:MOST]
    ):
        if data.get("process") == process:
            return dict(data["settings"])
    return None
