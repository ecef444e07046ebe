"""What beat sends for the history: verifying it, and writing its head where amicopy can't change it afterwards."""

import logging

from celery import shared_task
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from amicopy.audit import archives, checks, head_store
from amicopy.audit.actor import worker
from amicopy.audit.archives import NotArchived

logger = logging.getLogger(__name__)

# Seconds a task walks at most; the soft time limit is 90. A long chain is walked in several steps.
WALK_SECONDS = 25.0
# Archives a task makes at most; the next hour's goes on.
FILES = 5


@shared_task
def verify() -> None:
    """Checks what is new, and goes on with the daily full walk. Sent twice, it does the same twice."""
    actor = worker("verify")
    checks.verify_new(seconds=WALK_SECONDS, actor=actor)
    if checks.full_is_due(timezone.now()):
        checks.verify_all(seconds=WALK_SECONDS, actor=actor)


@shared_task
def write_head() -> None:
    """Looks after AUDIT_HEAD_DIR, if there is one, and writes the signed head into it when it is time."""
    if settings.AUDIT_HEAD_DIR:
        head_store.write_into_folder(worker("write_head"))


@shared_task
def archive() -> None:
    """Archives what is older than AUDIT_KEEP_DAYS, where the worker's role may; elsewhere `archive_audit` has to."""
    try:
        for _ in range(FILES):
            anchor = archives.archive_next(worker("archive"))
            if anchor is None:
                return
            logger.info("Events up to %s archived to %s", anchor.event_id, anchor.file)
    except NotArchived as error:
        logger.error("Nothing archived: %s", error)
    except DatabaseError as error:
        logger.warning("Nothing archived: run manage.py archive_audit as the owner of the tables. %s", error)
