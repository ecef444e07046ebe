"""A long past for tests: a finished request, thousands of times."""

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from amicopy.copies import tasks
from amicopy.copies.core.models import ImageCopy
from tests.conftest import Control
from tests.copies.conftest import Submit, approve
from tests.explain import GROW

# So many times.
TIMES = 20_000
SENT = {"state": "'sent'", "next_try_at": "NULL", "sent_at": "past.created_at"}


def multiply(table: str, **values: str) -> None:
    """Repeats the newest row of a table, the past one, many times; `values` are SQL for columns that differ, with `n.i`
    to count by."""
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
        names = ", ".join(f'"{name}"' for name in columns)
        found = ", ".join(values.get(name, f'past."{name}"') for name in columns)
        cursor.execute(
            f"INSERT INTO {table} ({names}) "
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {TIMES}), "
            f"past AS (SELECT * FROM {table} ORDER BY id DESC LIMIT 1) SELECT {found} FROM n, past"
        )
        if connection.vendor == "postgresql":
            # How foreign keys to it are checked was planned while it was nearly empty: by reading it all.
            cursor.execute(f"ANALYZE {table}")


def make_past(submit: Submit, approver: User, sandbox: Control) -> None:
    """Has a request submitted, approved, made and finished, and repeats it with its copies, attempts, decisions, events
    and messages."""
    User.objects.filter(pk=approver.pk).update(email="approver@example.org")
    request = approve(approver, submit())
    tasks.start_due(wake=False)
    sandbox("advance", seconds=600)
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.track_due()
    request.refresh_from_db()
    assert request.state == "COMPLETED"
    new_uuid = "gen_random_uuid()" if connection.vendor == "postgresql" else "lower(hex(randomblob(16)))"
    number, text, region = "past.id + n.i", "CAST(n.i AS text)", "'eu-test-' || n.i % 20"
    of_it = {"request": "past.request + n.i", "copy": "past.copy + n.i", "event": "past.event + n.i"}
    multiply("copies_copyrequest", id=number, submission=new_uuid)
    multiply("copies_imagecopy", id=number, request_id="past.request_id + n.i", ImageId=text, DestinationRegion=region)
    multiply(
        "copies_attempt",
        id=number,
        copy_id="past.copy_id + n.i",
        ClientToken=text,
        ImageId=text,
        DestinationRegion=region,
    )
    multiply("copies_decision", id=number, request_id="past.request_id + n.i")
    multiply(
        "audit_auditevent",
        id=number,
        request=of_it["request"],
        copy=of_it["copy"],
        hash=text,
        prev_hash=f"'before ' || {text}",
    )
    multiply("audit_eventregion", id=number, event=of_it["event"])
    multiply("notify_message", id=number, key=new_uuid, event=of_it["event"], request=of_it["request"], **SENT)
    with connection.cursor() as cursor:
        for table in GROW:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone()[0] > TIMES, table
        if connection.vendor == "postgresql":
            for table in GROW:
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        if connection.vendor == "sqlite":
            cursor.execute("ANALYZE")
            return
        # Not the catalogues that all databases of the server share: another process of the tests may have them locked.
        tables = ", ".join(connection.ops.quote_name(table) for table in connection.introspection.table_names())
        cursor.execute(f"ANALYZE {tables}")
