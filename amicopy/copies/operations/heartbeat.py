"""Signs of life: a worker and a web server say every few seconds, in a thread, that they live, and what their clock
says. Beat leaves one with what it sends."""

import logging
import threading
import time

from django.db import DatabaseError, connection

from amicopy.copies.core.engine_models import Pulse

logger = logging.getLogger(__name__)

EVERY_SECONDS = 10.0


def start(name: str) -> None:
    """Begins to leave pulses of this name; they end with the process. A database that is away stops nothing."""
    threading.Thread(target=_beat, args=(name,), name="heartbeat", daemon=True).start()


def _beat(name: str) -> None:
    while True:
        try:
            Pulse.mark(name)
        except DatabaseError as error:
            logger.warning("No sign of life stored: %s", type(error).__name__)
        # None is kept open: the worker's pool may fork at any moment.
        connection.close()
        time.sleep(EVERY_SECONDS)
