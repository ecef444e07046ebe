"""Events as JSON lines in the log, for a system that collects logs (setting AUDIT_LOG_STREAM).

A line is written after the commit, so that nothing is told that didn't happen. A process that dies in between leaves a
line out; the `prev_hash` of the next line shows it, and the table has the event.
"""

import logging
from functools import partial

from django.db import transaction

from amicopy.audit.lines import COLUMNS, to_json
from amicopy.audit.models import AuditEvent

logger = logging.getLogger("amicopy.audit.stream")


def send_after_commit(event: AuditEvent) -> None:
    """Logs the event once its transaction is committed, and nothing when it is rolled back."""
    line = to_json([getattr(event, name) for name in COLUMNS])
    transaction.on_commit(partial(logger.info, "%s", line), robust=True)
