"""How the database finds what workers ask for: never by reading a table that grows from one end to the other.

Every statement of the sweep and of the tasks it sends is explained as it is executed, with its own parameters, in a
database with a history.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies import tasks
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.engine import slots
from amicopy.copies.requests import cancel_retry
from amicopy.notify.tasks import send_due
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, make_call

pytestmark = pytest.mark.django_db

# What has a row more with every request, copy, event or message.
GROW = (
    "copies_copyrequest",
    "copies_imagecopy",
    "copies_attempt",
    "copies_decision",
    "audit_auditevent",
    "audit_eventregion",
    "notify_message",
)
HISTORY = 20_000
# The newest event is found by walking the primary key from its end: one row is read.
NEWEST = re.compile(r"""ORDER BY \S*id\S* DESC LIMIT 1$|^SELECT \S*"id" AS "id", .* ORDER BY 1 DESC LIMIT 1$""")

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
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {HISTORY}), "
            f"past AS (SELECT * FROM {table} ORDER BY id DESC LIMIT 1) SELECT {found} FROM n, past"
        )


@pytest.fixture
def history(submit: Submit, approver: User, sandbox: Control) -> None:
    """A finished request, thousands of times, with its copies, attempts, decisions, events and messages."""
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
            assert cursor.fetchone()[0] > HISTORY, table
        if connection.vendor == "postgresql":
            for table in GROW:
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        cursor.execute("ANALYZE")


@contextmanager
def explained() -> Iterator[list[str]]:
    """What reads all of a table that grows: each scan with its statement."""
    found: list[str] = []
    scans = scans_on_postgresql if connection.vendor == "postgresql" else scans_on_sqlite

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")) and not NEWEST.search(sql):
            found.extend(f"{scan}: {sql[:2000]}" for scan in scans(context["cursor"], sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield found


def scans_on_sqlite(cursor: Any, sql: str, params: Any) -> list[str]:
    """The lines of the plan that read a table, or an index of all its rows, from one end to the other."""
    cursor.cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
    found: list[str] = []
    for *_, line in cursor.cursor.fetchall():
        scan = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)
        if scan is None:
            continue
        named = re.search(rf'"(\w+)" {scan[1]}\b', sql)
        if (named[1] if named else scan[1]) in GROW and scan[2] not in PARTIAL:
            found.append(line)
    return found


def scans_on_postgresql(cursor: Any, sql: str, params: Any) -> list[str]:
    """The nodes of the plan that do so."""
    cursor.cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
    nodes = [cursor.cursor.fetchone()[0][0]["Plan"]]
    found: list[str] = []
    for node in nodes:
        nodes += node.get("Plans", ())
        whole_index = "Index Scan" in node["Node Type"] or "Index Only Scan" in node["Node Type"]
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in GROW:
            found.append(f"Seq Scan on {node['Relation Name']}")
        elif whole_index and "Index Cond" not in node and node["Index Name"] in INDEXES - PARTIAL:
            found.append(f"{node['Node Type']} of {node['Index Name']}")
    return found


def indexes(*, partial: bool) -> set[str]:
    """The names of the models' own indexes on tables that grow: all, or those of some rows only."""
    return {
        index.name
        for model in apps.get_models()
        if model._meta.db_table in GROW
        for index in (*model._meta.indexes, *model._meta.constraints)
        if getattr(index, "condition", None) is not None or not partial
    }


INDEXES, PARTIAL = indexes(partial=False), indexes(partial=True)


def test_nothing_that_workers_ask_for_is_found_by_reading_a_table_that_grows(
    history: None, submit: Submit, approver: User, sandbox: Control, settings: Settings
) -> None:
    settings.COPIES_AT_ONCE = 2
    waiting = [approve(approver, submit(make_call(Name=f"waiting-{number}"))) for number in range(4)]
    submit(make_call(Name="pending"))
    with explained() as scans:
        tasks.start_due()
        assert slots.standings(list(waiting[-1].copies.all()))
        cancel_retry.cancel(acting(waiting[0].requester), waiting[0].pk)
        tasks.cancel_due()
        sandbox("advance", seconds=600)
        ImageCopy.objects.filter(state="COPYING").update(next_step_at=timezone.now())
        tasks.track_due()
        tasks.sweep()
        tasks.expire_due()
        tasks.look_again_at_requests()
        send_due()
    assert not scans, "\n".join(scans)


def test_a_scan_is_seen(history: None) -> None:
    with explained() as scans:
        ImageCopy.objects.filter(destination="nowhere").exists()
        ImageCopy.objects.filter(progress=7).order_by("state", "next_step_at").first()
        list(ImageCopy.objects.filter(pk=7))
    assert len(scans) == 2
