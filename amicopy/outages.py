"""After the database was away for a moment: what a worker held goes back at once, not when its lease ends."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

# How long to wait between two tries to reach the database.
PAUSE_SECONDS = 0.5


@contextmanager
def handing_back(hand_back: Callable[[], object]) -> Iterator[None]:
    """Runs what may lose the database; if it does, calls `hand_back` as soon as the database answers again, and raises
    what was raised. Gives up when the lease would have ended anyway."""
    try:
        yield
    except (OperationalError, InterfaceError):
        deadline = time.monotonic() + settings.LEASE_SECONDS
        while time.monotonic() < deadline:
            try:
                connection.close_if_unusable_or_obsolete()
                hand_back()
                break
            except DatabaseError:
                time.sleep(PAUSE_SECONDS)
        raise
