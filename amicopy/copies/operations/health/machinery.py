"""Checks of what amicopy runs on: database, broker, and the processes with their hosts, clocks and disks."""

import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.utils import timezone

from amicopy import queues
from amicopy.copies.core.engine_models import Pulse
from amicopy.copies.engine import outside_memory
from amicopy.copies.lifecycle.wakeup import send
from amicopy.copies.operations.health.finding import Finding, Part, State, down, look, well
from amicopy.leases import LEASE
from amicopy.queues import Queue
from amicopy.version import VERSION

# Older ones can corrupt a database in rare cases: https://www.sqlite.org/wal.html#walresetbug
SQLITE_SOUND = (3, 51, 3)
# Of its connections, a database should have some left for whoever looks after it.
CONNECTIONS_USED = 0.8
# More messages than this aren't being kept up with.
CROWDED = 1000
BROKER_SECONDS = 2
# How long a worker may take to answer.
PING_SECONDS = 5.0
# How far clocks of our own hosts may be apart: due times are by their clocks, and past what a lease has to spare a
# worker's copies are given to another while it works on them.
HOSTS_APART = timedelta(seconds=5)
LEASE_SPARE = LEASE / 5
# Pulses older than this say nothing of a clock now; a process that is silent for longer was taken away on purpose.
FRESH = timedelta(minutes=10)
# What a worker leaves as a sign of life, whichever it does.
OF_WORKERS = ("worker", "sweep", "work", "ping", *(f"ping {queue}" for queue in Queue))
RUNS = {"beat": "beat", "web": "web"}
# Free space, below which somebody should look, and below which things fail soon.
LITTLE, LITTLE_SHARE, ALMOST_NONE = 5 * 2**30, 0.1, 200 * 2**20
# Expired sessions that nobody sweeps.
UNSWEPT, UNSWEPT_SINCE = 1000, timedelta(hours=1)


def missing_migrations() -> int:
    """How many migrations the database lacks. Raises DatabaseError."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def database() -> Iterator[Finding]:
    """Whether the database answers, is as this version needs it, and has room for more connections."""
    try:
        missing = missing_migrations()
    except DatabaseError as error:
        yield down(Part.DATABASE, "database-away", error=str(error).strip().partition("\n")[0])
        return
    if missing:
        yield down(Part.DATABASE, "migrations-missing", count=missing)
    else:
        yield well(Part.DATABASE, "database-answers", vendor=connection.display_name)
    if connection.vendor == "sqlite" and sqlite3.sqlite_version_info < SQLITE_SOUND:
        yield look(Part.DATABASE, "sqlite-old", version=sqlite3.sqlite_version)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity")
            used, most = cursor.fetchone()
        if used > most * CONNECTIONS_USED:
            yield look(Part.DATABASE, "connections-few", used=used, most=most)


def restored() -> Iterator[Finding]:
    """Whether the database is a backup that was restored, and whether this machine would notice."""
    if outside_memory.noticed():
        yield down(Part.RESTORE, "database-behind")
    elif fault := outside_memory.fault():
        yield look(Part.RESTORE, "restore-unnoticed", fault=fault)
    else:
        yield well(Part.RESTORE, "restore-noticed")


def broker() -> Iterator[Finding]:
    """Whether the broker answers, how much waits in the queue, and whether it is set up as amicopy needs it."""
    if wrong := broker_fault(BROKER_SECONDS):
        yield down(Part.BROKER, "broker-away", kind=wrong)
        return
    limits = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    if limits.get("visibility_timeout", settings.CELERY_TASK_TIME_LIMIT + 1) <= settings.CELERY_TASK_TIME_LIMIT:
        yield look(Part.BROKER, "broker-redelivers", seconds=limits["visibility_timeout"])
    with current_app.connection_for_write(connect_timeout=BROKER_SECONDS) as link:
        channel: Any = link.default_channel
        if link.transport.driver_type == "redis":
            policy = channel.client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
            if policy != "noeviction":
                yield look(Part.BROKER, "broker-evicts", policy=policy)
        waiting = 0
        for name in queues.names(settings.CELERY_QUEUE):
            try:
                waiting += _waiting(name, link, channel)
            except link.channel_errors as error:
                yield down(Part.BROKER, "broker-queue-differs", queue=name, error=str(error)[:200])
                return
    if waiting > CROWDED:
        yield look(Part.BROKER, "broker-crowded", count=waiting)
    else:
        yield well(Part.BROKER, "broker-answers", count=waiting)


def _waiting(name: str, link: Any, channel: Any) -> int:
    """How many messages wait in a queue, which is declared as workers do: one of another kind would end them."""
    if link.transport.driver_type == "redis":
        return int(channel.client.llen(name))
    if link.transport.driver_type == "amqp":
        queue: Any = current_app.amqp.queues[name]
        return int(queue.bind(channel).queue_declare().message_count)
    return 0


def broker_fault(seconds: int) -> str:
    """The kind of error with which the broker doesn't answer within some seconds; empty when it does."""
    try:
        with current_app.connection_for_write(connect_timeout=seconds) as link:
            link.ensure_connection(max_retries=1, timeout=seconds)
    except Exception as error:  # any transport's own error
        return type(error).__name__
    return ""


def silent_after() -> timedelta:
    """How long nothing may have happened before something is wrong."""
    return max(timedelta(seconds=30), timedelta(seconds=5 * settings.SWEEP_SECONDS))


def messages_taken() -> Iterator[Finding]:
    """Whether workers take a message of each queue that is sent now. Writes pulses."""
    if broker_fault(BROKER_SECONDS):
        return
    before, left = set(_pings()), list(Queue)
    for queue in left:
        send("ping", to=queue, queue=queue.value)
    deadline = time.monotonic() + PING_SECONDS
    while left and time.monotonic() < deadline:
        taken = {name for name, _, _ in set(_pings()) - before}
        left = [queue for queue in left if f"ping {queue}" not in taken]
        time.sleep(0.1)
    if not left:
        yield well(Part.WORKERS, "messages-taken")
    elif left == list(Queue):
        yield down(Part.WORKERS, "messages-not-taken", seconds=PING_SECONDS)
    for queue in left if left != list(Queue) else ():
        yield down(Part.WORKERS, "queue-not-read", queue=queue.named(settings.CELERY_QUEUE), seconds=PING_SECONDS)


def _pings() -> Iterator[tuple[str, str, datetime]]:
    return iter(Pulse.objects.filter(name__startswith="ping").values_list("name", "host", "at"))


def processes() -> Iterator[Finding]:
    """Workers, beats and web servers by host: what each left as its last sign of life."""
    pulses = list(Pulse.objects.annotate(now=Now()).order_by("host", "-at"))
    yield from _kind(Part.WORKERS, [pulse for pulse in pulses if pulse.name in OF_WORKERS])
    swept, sent = Pulse.last("sweep"), Pulse.last("beat")
    yield beat(swept, sent)
    beats = [pulse for pulse in pulses if pulse.name == "beat"]
    yield from _kind(Part.BEAT, [pulse for pulse in beats if pulse.now - pulse.at <= silent_after()])
    yield from _kind(Part.WEB, [pulse for pulse in pulses if pulse.name == "web"])
    yield well(Part.WEB, "web-here", host=socket.gethostname(), version=VERSION)
    yield from clocks([pulse for pulse in pulses if pulse.now - pulse.at <= FRESH])
    versions = {pulse.version for pulse in pulses if pulse.version and pulse.now - pulse.at <= silent_after()}
    if len(versions) > 1:
        yield look(Part.VERSIONS, "versions-differ", versions=sorted(versions))


def _kind(part: Part, pulses: Sequence[Any]) -> Iterator[Finding]:
    """One kind of process: its hosts, each by its latest pulse. Those long silent count only where none is left."""
    latest: dict[str, Any] = {}
    for pulse in pulses:
        latest.setdefault(pulse.host, pulse)
    alive = [pulse for pulse in latest.values() if pulse.now - pulse.at <= silent_after()]
    if part is Part.WORKERS and not alive:
        last = max(latest.values(), key=lambda pulse: pulse.at, default=None)
        if last is None:
            yield down(part, "workers-never")
        else:
            yield down(part, "workers-silent", since=last.at, host=last.host)
        return
    for pulse in latest.values():
        data = {"host": pulse.host, "version": pulse.version or "not known"}
        if pulse in alive:
            milliseconds = abs(pulse.apart) / timedelta(milliseconds=1)
            yield well(part, "process-alive", place=pulse.host, since=pulse.at, milliseconds=milliseconds, **data)
        elif pulse.now - pulse.at <= FRESH:
            yield look(part, "process-silent", place=pulse.host, since=pulse.at, **data)


def beat(swept: timedelta | None, sent: timedelta | None) -> Finding:
    """Whether beat is alive: how long ago a worker last did what it sends, and how long ago it last sent something.
    None: never."""
    if swept is not None and swept <= silent_after():
        return well(Part.BEAT, "beat-sends")
    if sent is not None and sent <= silent_after():
        return down(Part.BEAT, "beat-unheard")
    if sent is None:
        return down(Part.BEAT, "beat-never")
    return down(Part.BEAT, "beat-silent", since=timezone.now() - sent, seconds=sent.total_seconds())


def clocks(pulses: Sequence[Pulse]) -> Iterator[Finding]:
    """Whether the clocks of all hosts agree with the database's, and with each other."""
    wrong = [pulse for pulse in pulses if abs(pulse.apart) > HOSTS_APART]
    for pulse in wrong:
        seconds = abs(pulse.apart).total_seconds()
        yield Finding(
            Part.CLOCKS,
            "clock-ahead" if pulse.apart > timedelta() else "clock-behind",
            State.LOOK if seconds < LEASE_SPARE.total_seconds() else State.DOWN,
            data={"host": pulse.host, "runs": RUNS.get(pulse.name, "a worker"), "seconds": seconds},
        )
    if not pulses or wrong:
        return
    first, last = (choose(pulses, key=lambda pulse: pulse.apart) for choose in (min, max))
    if last.apart - first.apart > HOSTS_APART:
        seconds = (last.apart - first.apart).total_seconds()
        yield look(Part.CLOCKS, "clocks-apart", ahead=last.host, behind=first.host, seconds=seconds)
    else:
        yield well(Part.CLOCKS, "clocks-agree")


def disk() -> Iterator[Finding]:
    """Whether there is room where files are written on this machine."""
    folders = {tempfile.gettempdir(), *filter(None, (settings.AUDIT_HEAD_DIR, settings.AUDIT_ARCHIVE_DIR))}
    if connection.vendor == "sqlite" and Path(str(settings.DATABASES["default"]["NAME"])).is_absolute():
        folders.add(str(Path(str(settings.DATABASES["default"]["NAME"])).parent))
    full = False
    for folder in sorted(folders):
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            # Folders of the history that are away are told of by their own check.
            continue
        if usage.free < ALMOST_NONE:
            full = True
            yield down(Part.DISK, "disk-full", place=folder, mib=usage.free // 2**20)
        elif usage.free < min(LITTLE, usage.total * LITTLE_SHARE):
            full = True
            yield look(Part.DISK, "disk-nearly-full", place=folder, mib=usage.free // 2**20)
    if not full:
        yield well(Part.DISK, "disk-has-room")


def sessions() -> Iterator[Finding]:
    """Whether expired sessions are swept."""
    rows = import_module(settings.SESSION_ENGINE).SessionStore.get_model_class().objects
    unswept = rows.filter(expire_date__lt=timezone.now() - UNSWEPT_SINCE).count()
    if unswept > UNSWEPT:
        yield look(Part.SESSIONS, "sessions-unswept", count=unswept)
    else:
        yield well(Part.SESSIONS, "sessions-swept", count=rows.filter(expire_date__gt=timezone.now()).count())
