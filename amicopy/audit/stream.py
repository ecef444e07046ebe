"""Events as JSON lines in the log, for a system that collects logs (setting AUDIT_LOG_STREAM).

A line is written after the commit, so that nothing is told that didn't happen. A process that dies in between leaves a
line out; the `prev_hash` of the next line shows it, and the table has the event.
"""

import json
import logging
from functools import partial

from django.db import transaction

from amicopy.audit.chain import FIELDS, stamp
from amicopy.audit.models import AuditEvent

logger = logging.getLogger("amicopy.audit.stream")


def send_after_commit(event: AuditEvent) -> None:
    """Logs the event once its transaction is committed, and nothing when it is rolled back."""
    transaction.on_commit(partial(logger.info, "%s", line(event)), robust=True)


def line(event: AuditEvent) -> str:
    """The event as one line of JSON: every column, times in ISO 8601 UTC."""
    values = {"id": event.pk, **{name: getattr(event, name) for name in FIELDS}}
    values |= {
        "at": stamp(event.at),
        "correlation_id": str(event.correlation_id),
        "prev_hash": event.prev_hash,
        "hash": event.hash,
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
