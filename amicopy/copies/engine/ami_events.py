"""Push: `EC2 AMI State Change` events from SQS queues, where an operator has set some up.

An event is only a hint to look at an image now. Events come twice, in any order, late or never; what AWS answers when
it is asked stays the truth. While the events of a place do arrive, its copies are asked for less often.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-ami-events.html
"""

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.db.models import Q
from django.utils import timezone

from amicopy.aws import errors, sessions, sqs
from amicopy.aws.account import AwsAccount
from amicopy.aws.partitions import partition_of
from amicopy.copies.core import actual_cost
from amicopy.copies.core.engine_models import EventQueue, EventSource
from amicopy.copies.core.models import Account, ImageCopy
from amicopy.copies.core.reasons import Code
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import backoff
from amicopy.copies.lifecycle.wakeup import send

logger = logging.getLogger(__name__)

# Less than the client's read timeout.
LONG_POLL_SECONDS = 15
# A listener that has not had an answer for this long isn't listening.
SILENT = timedelta(minutes=2)
# A copy is never asked for less often than every five minutes; when one ends, its event must be younger than this.
LATE = timedelta(minutes=6)
# A message about a copy that a worker is looking at this moment comes again so soon.
AGAIN_SECONDS = 5


@dataclass(frozen=True)
class Heard:
    """What an event says that matters: which image, and where."""

    account_id: str
    region: str
    image_id: str
    state: str = ""


def run(queue: sqs.Queue, *, stop: threading.Event) -> None:
    """Listens until `stop` is set; never raises. A queue that doesn't answer is tried again, ever more rarely."""
    failures = 0
    while not stop.is_set():
        close_old_connections()
        try:
            listen_once(queue, wait_seconds=LONG_POLL_SECONDS)
            failures = 0
        except (errors.AwsError, DatabaseError) as error:
            failures += 1
            logger.warning("Queue %s: %s", queue.url, error)
            stop.wait(backoff.delay(backoff.Wait(2, 60, Code.AWS_UNREACHABLE), failures).total_seconds())
    close_old_connections()


def listen_once(queue: sqs.Queue, *, wait_seconds: int) -> int:
    """One poll: has the copies that events speak of looked at, and deletes what was handled; returns how many
    messages came. Raises AwsError, and whatever the database raises; then the messages come again."""
    account = account_of(queue)
    noted, _ = EventQueue.objects.get_or_create(url=queue.url)
    try:
        messages = sqs.receive(account, queue, wait_seconds=wait_seconds)
    except errors.AwsError as error:
        if isinstance(error, errors.CredentialsExpired):
            sessions.forget(account)
        EventQueue.objects.filter(pk=noted.pk).update(error=str(error))
        raise
    EventQueue.objects.filter(pk=noted.pk).update(polled_at=timezone.now(), error="")
    said = [(message, read(message.body)) for message in messages]
    busy = _look_at([heard for _, heard in said if heard is not None], noted)
    sqs.show_again(account, queue, [m for m, heard in said if heard in busy], seconds=AGAIN_SECONDS)
    sqs.delete(account, queue, [m for m, heard in said if heard not in busy])
    return len(messages)


def account_of(queue: sqs.Queue) -> AwsAccount:
    """How to reach the account a queue is in: as its row says, else with the ambient credentials."""
    row = Account.objects.filter(account_id=queue.account_id).first()
    return row.aws() if row else AwsAccount(queue.account_id, partition=partition_of(queue.region) or "aws")


def read(body: str) -> Heard | None:
    """What an event says, or None for anything else that may be in a queue."""
    try:
        event: Any = json.loads(body)
        if event["source"] != "aws.ec2" or event["detail-type"] != "EC2 AMI State Change":
            return None
        detail = event["detail"]
        found = Heard(event["account"], event["region"], detail["ImageId"], str(detail.get("State", ""))[:32])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    parts = (found.account_id, found.region, found.image_id)
    return (
        found if all(isinstance(part, str) and 0 < len(part) <= 64 and part.isprintable() for part in parts) else None
    )


def _look_at(events: Sequence[Heard], queue: EventQueue) -> set[Heard]:
    """Makes the copies due that these events speak of, and notes from where events arrive. Returns the events whose
    copy a worker looks at right now: what it sees may be older than the event."""
    if not events:
        return set()
    now = timezone.now()
    # Nobody pays for what is gone any more, and for a sum of costs a hint will do.
    gone = [(each.account_id, each.region, each.image_id) for each in events if each.state == "deregistered"]
    actual_cost.ended(gone, at=now)
    rows = ImageCopy.objects.filter(state=CopyState.COPYING, ImageId__in={event.image_id for event in events})
    if rows.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now)).update(next_step_at=now):
        send("track_due")
    accounts = {row.account_id: row for row in Account.objects.filter(account_id__in={e.account_id for e in events})}
    for account_id, region in {(event.account_id, event.region) for event in events if event.account_id in accounts}:
        EventSource.objects.update_or_create(
            account=accounts[account_id], DestinationRegion=region[:32], defaults={"queue": queue, "heard_at": now}
        )
    leased = set(rows.filter(lease_until__gte=now).values_list("ImageId", flat=True))
    return {event for event in events if event.image_id in leased}


def source_of(account_pk: int, region: str) -> EventSource | None:
    """The place's events, if they arrive: somebody listens, some came, and none was missed since."""
    if not settings.EVENTS_QUEUES:
        return None
    row = EventSource.objects.filter(account_id=account_pk, DestinationRegion=region).select_related("queue").first()
    if row is None or row.queue.polled_at is None or row.queue.polled_at < timezone.now() - SILENT:
        return None
    return None if row.missed_at is not None and row.missed_at >= row.heard_at else row


def ended_unheard(source: EventSource) -> None:
    """A copy of the place has ended, and polling saw it: no event for so long means that events don't arrive."""
    now = timezone.now()
    if source.heard_at < now - LATE:
        EventSource.objects.filter(pk=source.pk).update(missed_at=now)
