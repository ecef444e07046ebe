"""What is wrong with this installation: database, broker, workers, beat, clock, and per account and Region the
credentials and permissions."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from amicopy.audit import head_store
from amicopy.aws import ec2, errors, permission_probe, sqs, sts
from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import home_region
from amicopy.copies.core.engine_models import EventQueue, Pulse
from amicopy.copies.core.models import Account, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import ami_events, leases, outside_memory
from amicopy.copies.lifecycle.wakeup import send
from amicopy.copies.operations import access_keys
from amicopy.copies.voting import voters
from amicopy.leases import LEASE
from amicopy.notify import sealing
from amicopy.notify.models import Endpoint, Message, State

# Work that is due for longer than this means that no worker or no beat is running.
OVERDUE = timedelta(minutes=2)
# More messages than this aren't being kept up with.
CROWDED = 1000
# How long a worker may take to answer, and how far clocks may be apart.
PING_SECONDS = 5.0
CLOCK_APART = timedelta(minutes=1)
# The same between our own hosts: due times are by their clocks, and past what a lease has to spare a worker's copies
# are given to another while it works on them.
HOSTS_APART = timedelta(seconds=5)
LEASE_SPARE = LEASE / 5
# Pulses older than this say nothing of a clock now.
FRESH = timedelta(minutes=10)
RUNS = {"beat": "beat"}
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
    yield from _restored()
    broker = _broker()
    yield broker
    yield from _running(with_workers=broker.ok)
    yield from _overdue()
    yield from _telling()
    yield from _tokens()
    if not settings.TWO_PERSON_CHANGES:
        words = "TWO_PERSON_CHANGES is off: one administrator alone can change rules, roles and accounts."
        yield Finding("changes", words, warning=True)
    for account in Account.objects.filter(enabled=True):
        yield from _account(account)
    for url in settings.EVENTS_QUEUES:
        yield _queue(url)
    yield from _heads()


def missing_migrations() -> int:
    """How many migrations the database lacks. Raises DatabaseError."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _database() -> Iterator[Finding]:
    try:
        missing = missing_migrations()
    except DatabaseError as error:
        yield Finding("database", f"It doesn't answer: {error}. Check DATABASE_URL.", ok=False)
        return
    if missing:
        yield Finding("database", f"{missing} migrations are missing. Run manage.py migrate.", ok=False)
    else:
        yield Finding("database", f"{connection.vendor} answers, all migrations are in.")
    if connection.vendor == "sqlite" and sqlite3.sqlite_version_info < SQLITE_SOUND:
        words = f"SQLite {sqlite3.sqlite_version} has a rare fault with several writers; 3.51.3 mends it."
        yield Finding("SQLite", words, warning=True)


def _restored() -> Iterator[Finding]:
    """Whether the database is a backup that was restored, and whether this machine would notice."""
    try:
        if outside_memory.noticed():
            yield Finding("restore", str(outside_memory.Behind()), ok=False)
        elif fault := outside_memory.fault():
            yield Finding("restore", f"This machine wouldn't notice a restored backup: {fault}.", warning=True)
    except DatabaseError:
        return


def _broker() -> Finding:
    if wrong := broker_fault(2):
        return Finding("broker", f"It doesn't answer ({wrong}). Check CELERY_BROKER_URL.", ok=False)
    return Finding("broker", "It answers.")


def broker_fault(seconds: int) -> str:
    """The kind of error with which the broker doesn't answer within some seconds; empty when it does."""
    try:
        with current_app.connection_for_write(connect_timeout=seconds) as broker:
            broker.ensure_connection(max_retries=1, timeout=seconds)
    except Exception as error:  # any transport's own error
        return type(error).__name__
    return ""


def _running(*, with_workers: bool) -> Iterator[Finding]:
    """Whether workers take messages and beat sends them. Without a broker neither can."""
    if not with_workers:
        return
    try:
        answered = _pinged()
        swept, sent = Pulse.last("sweep"), Pulse.last("beat")
        yield from clocks(list(Pulse.objects.filter(at__gte=Now() - FRESH).order_by("host", "name")))
    except DatabaseError:
        return
    if not answered:
        words = f"None took a message within {PING_SECONDS:.0f} seconds. Run a worker, or more of them."
        yield Finding("workers", words, ok=False)
        return
    yield Finding("workers", "They take messages.")
    yield beat(swept, sent)


def beat(swept: timedelta | None, sent: timedelta | None) -> Finding:
    """Whether beat is alive: how long ago a worker last did what it sends, and how long ago it last sent something.
    None: never."""
    silent = max(timedelta(seconds=30), timedelta(seconds=5 * settings.SWEEP_SECONDS))
    if swept is not None and swept <= silent:
        return Finding("beat", "It sends what is due.")
    if sent is not None and sent <= silent:
        return Finding(
            "beat", "It sends what is due, but no worker does it. Is it the same broker and queue?", ok=False
        )
    words = (
        "It never sent anything" if sent is None else f"It last sent something {sent.total_seconds():.0f} seconds ago"
    )
    return Finding("beat", f"{words}. Run celery -A amicopy beat.", ok=False)


def clocks(pulses: Sequence[Pulse]) -> Iterator[Finding]:
    """Whether the clocks of beat's and the workers' hosts agree with the database's."""
    wrong = [pulse for pulse in pulses if abs(pulse.apart) > HOSTS_APART]
    for pulse in wrong:
        seconds = abs(pulse.apart).total_seconds()
        words = f"{pulse.host}, which runs {RUNS.get(pulse.name, 'a worker')}, is {seconds:.0f} seconds "
        words += f"{'ahead of' if pulse.apart > timedelta() else 'behind'} the database. Set its clock by NTP."
        yield Finding("clocks", words, ok=seconds < LEASE_SPARE.total_seconds(), warning=True)
    if pulses and not wrong:
        yield Finding("clocks", "Beat, workers and database agree on the time.")


def _pinged() -> bool:
    before = set(_pings())
    send("ping")
    deadline = time.monotonic() + PING_SECONDS
    while time.monotonic() < deadline:
        if set(_pings()) - before:
            return True
        time.sleep(0.1)
    return False


def _pings() -> Iterator[tuple[str, datetime]]:
    return iter(Pulse.objects.filter(name="ping").values_list("host", "at"))


def _overdue() -> Iterator[Finding]:
    try:
        late = ImageCopy.objects.filter(leases.due(timezone.now() - OVERDUE)).count()
    except DatabaseError:
        return
    if late:
        words = f"{late} copies are due for more than {OVERDUE.seconds // 60} minutes. Is a worker running, and beat?"
        yield Finding("work", words, ok=False)
    else:
        yield Finding("work", "Nothing is overdue.")


def _heads() -> Iterator[Finding]:
    """Whether the heads of the history arrive where they are kept, and stay there."""
    for found in head_store.findings():
        # That there is no store is a choice, though not a good one; check --deploy warns of it.
        yield Finding("heads", found.words, ok=found.ok or not head_store.stores(), warning=not head_store.stores())


def _queue(url: str) -> Finding:
    """A queue of events: whether it answers, and whether somebody listens."""
    try:
        queue = sqs.queue_at(url)
        waiting = sqs.waiting(ami_events.account_of(queue), queue)
    except ValueError as error:
        return Finding("events", f"{error} Check AMICOPY_EVENTS_QUEUE_URL.", ok=False)
    except errors.AwsError as error:
        words = f"{url} can't be looked at: {error}. amicopy needs sqs:GetQueueAttributes, sqs:ReceiveMessage, "
        return Finding("events", f"{words}sqs:DeleteMessage and sqs:ChangeMessageVisibility there.", ok=False)
    noted = EventQueue.objects.filter(url=url).first()
    if noted is None or noted.polled_at is None or noted.polled_at < timezone.now() - ami_events.SILENT:
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
    yield from _sealed()


def _sealed() -> Iterator[Finding]:
    """Whether what is stored encrypted, of webhooks and access keys, can be decrypted, and with the newest key."""
    old = []
    for endpoint in Endpoint.objects.existing():
        try:
            _ = endpoint.url, endpoint.key
        except sealing.Unreadable:
            words = f"{endpoint.name} can't be decrypted. Add its key to ENCRYPTION_KEYS, or enter its address anew."
            yield Finding("webhooks", words, ok=False)
            continue
        if not endpoint.sealed_now:
            old.append(endpoint.name)
    if old:
        words = f"{', '.join(old)}: encrypted with a former key. Run manage.py rotate_encryption."
        yield Finding("webhooks", words, warning=True)
    if lost := access_keys.unreadable():
        words = f"{', '.join(lost)} can't be decrypted. Add their key to ENCRYPTION_KEYS, or revoke them."
        yield Finding("access keys", words, ok=False)
    elif former := access_keys.sealed_before():
        words = f"{former} are encrypted with a former key. Run manage.py rotate_encryption."
        yield Finding("access keys", words, warning=True)


def _tokens() -> Iterator[Finding]:
    """Whether tokens come from where they are valid in every Region."""
    if sts.uses_global_endpoint():
        words = (
            "AWS_STS_REGIONAL_ENDPOINTS is legacy: tokens of STS's global endpoint don't work in Regions that have to "
        )
        yield Finding("tokens", f"{words}be enabled, which answer AuthFailure. Set it to regional.", warning=True)


def _account(account: Account) -> Iterator[Finding]:
    """Credentials, this machine's clock against AWS's, then the permissions in every Region copies went to."""
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
    yield from clock(name, identity.answered_at)
    try:
        enabled = {region.name for region in ec2.regions(aws) if region.opt_in_status != "not-opted-in"}
    except errors.AwsError as error:
        yield Finding(name, f"Its Regions can't be listed, which needs ec2:DescribeRegions: {error}", ok=False)
        return
    copies = ImageCopy.objects.filter(account=account)
    used = copies.order_by().values_list("DestinationRegion", flat=True).distinct()
    for region in sorted(used) or [home_region(aws)]:
        place = f"{name}, {region}"
        if region not in enabled:
            yield Finding(place, "The Region isn't enabled for the account.", ok=False)
        else:
            yield from _permissions(place, aws, region, copies.filter(DestinationRegion=region))
    if account.read_only_role_arn:
        yield from _read_only(f"{name}, read-only role", account)


def _read_only(name: str, account: Account) -> Iterator[Finding]:
    """Whether the read-only role lets in whoever runs this, and whether it really only looks."""
    aws = account.read_only()
    try:
        identity = sts.identity(aws)
    except errors.AwsError as error:
        # Its trust may name the web server alone.
        words = f"It can't be entered from here, which only the web server has to: {error}"
        yield Finding(name, words, warning=True)
        return
    latest = ImageCopy.objects.filter(account=account).order_by("-pk").first()
    region, call = (latest.DestinationRegion, latest.parameters) if latest else (home_region(aws), None)
    try:
        tried = list(permission_probe.probes(aws, region=region, call=call, image_id="", snapshot_id=""))
    except errors.AwsError as error:
        yield Finding(name, f"{region} doesn't answer: {error}", ok=False)
        return
    missing = [probe for probe in tried if probe.looks and probe.allowed is False]
    yield from (Finding(name, f"{probe.action} is missing. AWS says: {probe.said}", ok=False) for probe in missing)
    more = [probe.action for probe in tried if probe.allowed and not probe.looks]
    if more:
        yield Finding(name, f"It may do more than look: {', '.join(more)}.", warning=True)
    if not missing:
        yield Finding(name, f"The web server looks as {identity.Arn}.")


def clock(name: str, answered_at: datetime | None) -> Iterator[Finding]:
    """Whether this machine's clock and AWS's agree; `name` is where AWS was asked."""
    if answered_at is None:
        return
    apart = abs(timezone.now() - answered_at)
    if apart > CLOCK_APART:
        words = f"This machine's clock and AWS's are {apart.total_seconds():.0f} seconds apart. Past 15 minutes AWS "
        yield Finding("clock", f"{words}refuses every call (asked in {name}).", ok=False)


def _permissions(place: str, aws: AwsAccount, region: str, copies: QuerySet[ImageCopy]) -> Iterator[Finding]:
    """Each action amicopy needs in a Region, tried without changing anything."""
    latest = copies.order_by("-pk").first()
    made = copies.filter(state=CopyState.AVAILABLE).order_by("-pk").first()
    tried = permission_probe.probes(
        aws,
        region=region,
        call=latest.parameters if latest else None,
        image_id=made.ImageId if made else "",
        snapshot_id=made.snapshots[0]["SnapshotId"] if made and made.snapshots else "",
    )
    allowed, unknown, missing = 0, [], 0
    try:
        for probe in tried:
            if probe.allowed is False:
                missing += 1
                yield Finding(place, f"{probe.action} is missing. AWS says: {probe.said}", ok=False)
            elif probe.allowed is None:
                unknown.append(probe.action)
            else:
                allowed += 1
    except errors.AwsError as error:
        yield Finding(place, f"It doesn't answer: {error}", ok=False)
        return
    words = f"{allowed} actions are allowed."
    if unknown:
        words += f" Not known before the first copy: {', '.join(unknown)}."
    if not missing or allowed:
        yield Finding(place, words)
