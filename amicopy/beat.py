"""Beat as amicopy runs it: it also notes in the database that it lives, and what its clock says."""

import logging
from typing import Any

from celery.beat import ScheduleEntry
from celery.beat import Scheduler as CeleryScheduler
from django.db import DatabaseError, connection

from amicopy.copies.core.engine_models import Pulse

logger = logging.getLogger(__name__)


class Scheduler(CeleryScheduler):
    """Celery's scheduler in memory. Named by the setting `CELERY_BEAT_SCHEDULER`."""

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Sends what an entry says; after the sweep, leaves a pulse. A database that is away stops nothing."""
        super().apply_entry(entry, producer=producer)
        if entry.name == "sweep":
            try:
                connection.close_if_unusable_or_obsolete()
                Pulse.mark("beat")
            except DatabaseError as error:
                logger.warning("No pulse stored: %s", type(error).__name__)
