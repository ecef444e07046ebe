"""What beat sends for messages. Sent twice, or to two workers, it sends each message once."""

import time
from functools import partial

from celery import shared_task
from django.conf import settings

from amicopy import outages
from amicopy.notify import outbox
from amicopy.notify.deliveries import deliver

# A task takes no new message after this many seconds. Beat sends the next one by then, and a worker that is told to
# stop isn't held up: whoever is killed while sending leaves a message in doubt.
WORK_SECONDS = settings.SWEEP_SECONDS


@shared_task
def send_due() -> None:
    """Sends what is due, one message after the other, until nothing is."""
    deadline = time.monotonic() + WORK_SECONDS
    while time.monotonic() < deadline:
        message = outbox.claim_next()
        if message is None:
            return
        with outages.handing_back(partial(outbox.hand_back, message)):
            deliver(message)
