"""What beat sends for messages. Sent twice, or to two workers, it sends each message once."""

import time

from celery import shared_task
from django.conf import settings

from amicopy.notify import outbox
from amicopy.notify.delivering import deliver

# A task takes no new message after this many seconds; its soft time limit comes later.
WORK_SECONDS = settings.LEASE_SECONDS / 5


@shared_task
def send_due() -> None:
    """Sends what is due, one message after the other, until nothing is."""
    deadline = time.monotonic() + WORK_SECONDS
    while time.monotonic() < deadline:
        message = outbox.claim_next()
        if message is None:
            return
        deliver(message)
