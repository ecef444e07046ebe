"""Makes histories of any length: chained events as years of use would leave them, written in bulk."""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection, transaction

from amicopy.audit import triggers
from amicopy.audit.chain import FIELDS, GENESIS, link
from amicopy.audit.models import AuditEvent

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
PEOPLE = [f"person-{number}" for number in range(40)]
ACCOUNTS = [f"{number:012}" for number in range(111122223333, 111122223343)]
REGIONS = ["eu-west-1", "eu-central-1", "us-east-1", "us-east-2", "us-west-2", "ap-southeast-2", "sa-east-1"]
# What one request leaves behind, and who did it: a person, or amicopy.
STEPS = (
    ("request.submitted", "", "PENDING", True),
    ("request.approved", "PENDING", "APPROVED", True),
    ("copy.queued", "HELD", "QUEUED", True),
    ("copy.starting", "QUEUED", "STARTING", False),
    ("copy.copying", "STARTING", "COPYING", False),
    ("copy.available", "COPYING", "AVAILABLE", False),
    ("request.completed", "APPROVED", "COMPLETED", False),
)
COLUMNS = ("id", *FIELDS, "prev_hash", "hash")
BATCH = 20_000


def events(*, first: int = 1, prev_hash: str = GENESIS) -> Iterator[list[Any]]:
    """Endless chained events in the order of COLUMNS, from the id `first` on; the same ones every time."""
    event_id = first
    while True:
        request = event_id // len(STEPS)
        chance = random.Random(request)
        requester, approver = chance.sample(range(len(PEOPLE)), 2)
        unique = f"{chance.getrandbits(112):028x}"
        values: dict[str, Any] = {
            "address": f"10.0.{requester}.7",
            "request": request,
            "requester": requester,
            "account": ACCOUNTS[request % len(ACCOUNTS)],
            "region": chance.choice(REGIONS),
            "image_id": f"ami-{unique[:17]}",
            "error_code": "",
            "data": {"reason": f"PLAT-{request}: image of week {request % 52}", "content_hash": f"{request:064x}"},
        }
        for number, (action, old, new, by_person) in enumerate(STEPS):
            who = (requester, approver, approver)[number] if by_person else None
            name = f"{unique[:8]}-{unique[8:12]}-4{unique[12:15]}-8{unique[15:18]}-{unique[18:]}{number:02}"
            values |= {
                "at": BEGAN + timedelta(seconds=20 * event_id),
                "action": action,
                "actor_id": who,
                "actor": "amicopy sweep" if who is None else PEOPLE[who],
                "source": "worker" if who is None else "page",
                "correlation_id": name,
                "copy": request if old and action.startswith("copy") else None,
                "aws_request_id": name if new == "COPYING" else "",
                "old": old,
                "new": new,
            }
            hashed = link(prev_hash, values)
            yield [event_id, *(values[name] for name in FIELDS), prev_hash, hashed]
            prev_hash, event_id = hashed, event_id + 1


def fill(count: int) -> None:
    """Adds events until there are `count`. Only where nobody else writes: triggers and indexes are off meanwhile."""
    last = AuditEvent.objects.order_by("-id").values_list("id", "hash").first() or (0, GENESIS)
    made = islice(events(first=last[0] + 1, prev_hash=last[1]), count - AuditEvent.objects.count())
    # Not in one transaction: SQLite's schema editor wants one of its own.
    triggers.remove(connection)
    with connection.schema_editor() as editor:
        for index in AuditEvent._meta.indexes:
            editor.remove_index(AuditEvent, index)
    with transaction.atomic():
        (_copy if connection.vendor == "postgresql" else _insert)(made)
    with connection.schema_editor() as editor:
        for index in AuditEvent._meta.indexes:
            editor.add_index(AuditEvent, index)
    triggers.install(connection)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "postgresql" else "PRAGMA optimize")


def _copy(rows: Iterator[list[Any]]) -> None:
    data = COLUMNS.index("data")
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY audit_auditevent ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for row in rows:
                row[data] = json.dumps(row[data])
                copy.write_row(row)
        cursor.execute("SELECT setval(pg_get_serial_sequence('audit_auditevent', 'id'), max(id)) FROM audit_auditevent")


def _insert(rows: Iterator[list[Any]]) -> None:
    at, data, correlation = (COLUMNS.index(name) for name in ("at", "data", "correlation_id"))
    sql = f"INSERT INTO audit_auditevent ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
    with connection.cursor() as cursor:
        while batch := list(islice(rows, BATCH)):
            # As Django's fields store them.
            for row in batch:
                row[at] = f"{row[at]:%Y-%m-%d %H:%M:%S}"
                row[data] = json.dumps(row[data])
                row[correlation] = uuid.UUID(row[correlation]).hex
            cursor.executemany(sql, batch)
