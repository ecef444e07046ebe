"""Events for the tests of the history."""

import json
from typing import Any

from django.db import connection, transaction

from amicopy.audit import triggers
from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.audit.models import AuditEvent

ACTOR = Actor(name="requester", source="page", id=7, address="127.0.0.1")


def write(action: str = "request.submitted", *, actor: Actor = ACTOR, **values: Any) -> AuditEvent:
    """One event in a transaction of its own."""
    with transaction.atomic():
        return record(action, actor=actor, **values)


def tamper(sql: str, *values: Any) -> None:
    """What the database's owner can do: change rows behind the triggers, which are back afterwards."""
    with transaction.atomic():
        triggers.remove(connection)
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
        triggers.install(connection)


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
