"""How the database finds what is asked of it: each statement is explained as it is executed, with its own parameters,
and what reads a table that grows from one end to the other is told. Needs a database with a past, see
`tests.copies.past`."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import connection

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
# The newest event is found by walking the primary key from its end: one row is read.
NEWEST = re.compile(r"""ORDER BY \S*id\S* DESC LIMIT 1$|^SELECT \S*"id" AS "id", .* ORDER BY 1 DESC LIMIT 1$""")


@contextmanager
def explained() -> Iterator[list[str]]:
    """What reads all of a table that grows: each scan with its statement."""
    found: list[str] = []
    scans = scans_on_postgresql if connection.vendor == "postgresql" else scans_on_sqlite

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SELECT", "UPDATE", "DELETE", "WITH")) and not NEWEST.search(sql):
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
