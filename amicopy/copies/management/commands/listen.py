"""`manage.py listen`: hears AWS's events from the queues of AMICOPY_EVENTS_QUEUE_URL, until SIGTERM or Ctrl-C."""

import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from amicopy.aws import sqs
from amicopy.copies.engine import ami_events

# A poll can't be cut short; what it brings comes again, so nobody waits for it.
STOP_SECONDS = 2.0


class Command(BaseCommand):
    help = "Hear AWS's events from the queues of AMICOPY_EVENTS_QUEUE_URL and have copies looked at at once."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EVENTS_QUEUES:
            raise CommandError("AMICOPY_EVENTS_QUEUE_URL names no queue. Without one, copies are tracked by polling.")
        try:
            queues = [sqs.queue_at(url) for url in settings.EVENTS_QUEUES]
        except ValueError as error:
            raise CommandError(f"AMICOPY_EVENTS_QUEUE_URL: {error}") from None
        stop = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        threads = [
            threading.Thread(target=ami_events.run, args=(queue,), kwargs={"stop": stop}, daemon=True)
            for queue in queues
        ]
        for thread in threads:
            thread.start()
        self.stdout.write(f"Listening to {len(queues)} queue{'s' if len(queues) > 1 else ''}.")
        stop.wait()
        for thread in threads:
            thread.join(STOP_SECONDS / len(threads))
