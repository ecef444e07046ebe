"""What is wrong with this installation: database, broker, work left undone, credentials of each account and Region."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from amicopy.aws import ec2, errors, sqs, sts
from amicopy.copies import leases, listening
from amicopy.copies.approval import voters
from amicopy.copies.bookkeeping import EventQueue
from amicopy.copies.models import Account, ImageCopy
from amicopy.notify.models import Message, State

# Work that is due for longer than this means that no worker or no beat is running.
OVERDUE = timedelta(minutes=2)
# More messages than this aren't being kept up with.
CROWDED = 1000
# Older ones can corrupt a database in rare cases: https://www.sqlite.org/wal.html#walresetbug
SQLITE_SOUND = (3, 51, 3)


@dataclass(frozen=True)
class Finding:
    """`ok`, or what is wrong and what to do about it in `words`; a `warning` doesn't stop anything."""

    what: str
    words: str
    ok: bool = True
    warning: bool = False


def findings() -> Iterator[Finding]:
    """One finding after the other, quick ones first. Never raises for what is being looked at."""
    yield from _database()
    yield _broker()
    yield from _overdue()
    yield from _telling()
    for account in Account.objects.filter(enabled=True):
        yield from _account(account)
    for url in settings.EVENTS_QUEUES:
        yield _queue(url)


def _database() -> Iterator[Finding]:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        yield Finding("database", f"It doesn't answer: {error}. Check DATABASE_URL.", ok=False)
        return
    if missing:
        yield Finding("database", f"{len(missing)} migrations are missing. Run manage.py migrate.", ok=False)
    else:
        yield Finding("database", f"{connection.vendor} answers, all migrations are in.")
    if connection.vendor == "sqlite" and sqlite3.sqlite_version_info < SQLITE_SOUND:
        words = f"SQLite {sqlite3.sqlite_version} has a rare fault with several writers; 3.51.3 mends it."
        yield Finding("SQLite", words, warning=True)


def _broker() -> Finding:
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
    except Exception as error:  # any transport's own error
        return Finding("broker", f"It doesn't answer ({type(error).__name__}). Check CELERY_BROKER_URL.", ok=False)
    return Finding("broker", "It answers.")


def _overdue() -> Iterator[Finding]:
    try:
        late = ImageCopy.objects.filter(leases.due(timezone.now() - OVERDUE)).count()
    except DatabaseError:
        return
    if late:
        words = f"{late} copies are due for more than {OVERDUE.seconds // 60} minutes. Is a worker running, and beat?"
        yield Finding("workers", words, ok=False)
    else:
        yield Finding("workers", "Nothing is overdue.")


def _queue(url: str) -> Finding:
    """A queue of events: whether it answers, and whether somebody listens."""
    try:
        queue = sqs.queue_at(url)
        waiting = sqs.waiting(listening.account_of(queue), queue)
    except ValueError as error:
        return Finding("events", f"{error} Check AMICOPY_EVENTS_QUEUE_URL.", ok=False)
    except errors.AwsError as error:
        words = f"{url} can't be looked at: {error}. amicopy needs sqs:GetQueueAttributes, sqs:ReceiveMessage, "
        return Finding("events", f"{words}sqs:DeleteMessage and sqs:ChangeMessageVisibility there.", ok=False)
    noted = EventQueue.objects.filter(url=url).first()
    if noted is None or noted.polled_at is None or noted.polled_at < timezone.now() - listening.SILENT:
        return Finding("events", f"Nobody listens to {url}. Run manage.py listen.", ok=False)
    if waiting > CROWDED:
        return Finding("events", f"About {waiting} messages wait in {url}. Run more of manage.py listen.", warning=True)
    return Finding("events", f"{url} answers and is listened to.")


def _telling() -> Iterator[Finding]:
    """Whether people can be told: a mail server, addresses of those who decide, nothing given up."""
    if not settings.EMAIL_ON:
        yield Finding("e-mail", "It is off: nobody is written to. Set EMAIL_HOST.", warning=True)
    else:
        unreachable = voters.deciders().filter(email="").count()
        words = (
            f"{unreachable} of those who decide have no address." if unreachable else "Everybody who decides has one."
        )
        yield Finding("e-mail", f"It is on. {words}", warning=bool(unreachable))
    late = Message.objects.filter(state=State.WAITING, tries=0, next_try_at__lt=timezone.now() - OVERDUE).count()
    if late:
        words = f"{late} are due for more than {OVERDUE.seconds // 60} minutes. Is a worker running, and beat?"
        yield Finding("messages", words, ok=False)
    undelivered = Message.objects.filter(state=State.FAILED).count()
    if undelivered:
        yield Finding("messages", f"{undelivered} couldn't be delivered. The Messages page says why.", warning=True)


def _account(account: Account) -> Iterator[Finding]:
    """Credentials (and with them the clock, which AWS compares), then every Region copies went to."""
    aws, name = account.aws(), f"account {account.name}"
    try:
        identity = sts.identity(aws)
    except errors.AwsError as error:
        yield Finding(name, f"The credentials don't work: {error}", ok=False)
        return
    if identity.Account != account.account_id:
        words = f"The credentials are of account {identity.Account}, the row says {account.account_id}."
        yield Finding(name, words, ok=False)
        return
    yield Finding(name, f"amicopy acts as {identity.Arn}.")
    used = ImageCopy.objects.filter(account=account).order_by().values_list("DestinationRegion", flat=True).distinct()
    try:
        enabled = {region.name for region in ec2.regions(aws) if region.opt_in_status != "not-opted-in"}
    except errors.AwsError as error:
        yield Finding(name, f"Its Regions can't be listed: {error}", ok=False)
        return
    for region in sorted(used):
        if region not in enabled:
            yield Finding(f"{name}, {region}", "The Region isn't enabled for the account.", ok=False)
            continue
        try:
            ec2.describe_images(aws, region=region, image_ids=["ami-00000000000000000"])
            ec2.describe_snapshots(aws, region=region, snapshot_ids=["snap-00000000000000000"])
        except errors.AwsError as error:
            yield Finding(f"{name}, {region}", f"Images and snapshots can't be looked at: {error}", ok=False)
        else:
            yield Finding(f"{name}, {region}", "Images and snapshots can be looked at.")
