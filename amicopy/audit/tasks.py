"""What beat sends for the history: verifying it, and writing its head where amicopy can't change it afterwards."""

import logging
from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from amicopy.audit import checks, heads
from amicopy.audit.actor import worker

logger = logging.getLogger(__name__)

# Seconds a task walks at most; the soft time limit is 90. A long chain is walked in several steps.
WALK_SECONDS = 25.0


@shared_task
def verify() -> None:
    """Checks what is new, and goes on with the daily full walk. Sent twice, it does the same twice."""
    actor = worker("verify")
    checks.verify_new(seconds=WALK_SECONDS, actor=actor)
    if checks.full_is_due(timezone.now()):
        checks.verify_all(seconds=WALK_SECONDS, actor=actor)


@shared_task
def write_head() -> None:
    """Writes the signed head into AUDIT_HEAD_DIR, if there is one."""
    if settings.AUDIT_HEAD_DIR:
        logger.info("Head written to %s", heads.write_to(Path(settings.AUDIT_HEAD_DIR)))
