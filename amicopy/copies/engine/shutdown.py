"""A worker that is told to stop begins nothing new, and after a moment hands back what it still holds.

Whoever takes over sends the same token and gets the same image; the answer that the stopping worker may yet get is
worth nothing without its lease. So another worker goes on at once, and nobody waits for a call that hangs.
"""

import mmap
import threading
from typing import Any

from celery.signals import worker_shutdown, worker_shutting_down
from django.db import DatabaseError, connection

from amicopy.copies.engine import leases
from amicopy.copies.lifecycle.wakeup import send

# Long enough for a call that goes well; supervisors kill after eight seconds or more.
GRACE_SECONDS = 3.0
# One byte of memory that the pool's processes share with the one they are forked from, which gets the signal.
_told = mmap.mmap(-1, 1)


def told() -> bool:
    """Whether this worker is to stop."""
    return _told[0] == 1


@worker_shutting_down.connect
def _stop(**_: Any) -> None:
    _told[0] = 1
    threading.Timer(GRACE_SECONDS, hand_back).start()


@worker_shutdown.connect
def _stopped(**_: Any) -> None:
    hand_back()


def hand_back() -> None:
    """Ends every lease of this worker and has others look for what is due."""
    try:
        if leases.hand_back_all():
            send("sweep")
    except DatabaseError:  # the leases end by themselves then
        return
    finally:
        connection.close()
