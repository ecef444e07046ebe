"""The audit history with a million events: its pages, writing, verifying and exporting."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.test import Client, override_settings
from django.utils import timezone

from amicopy.audit import chain_verification, exports
from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.audit.models import AuditEvent
from benchmarks.events import fill
from benchmarks.figures import Figure

FEW, MANY = 10_000, 1_000_000
FIGURES = (
    Figure("audit_first_page_ms", "ms", "the newest page of a million events, whole answer, median"),
    Figure("audit_first_page_ratio", "", "the newest page, a million events in multiples of 10,000", at_most=1.5),
    Figure("audit_filtered_page_ratio", "", "the slowest of seven filtered pages, the same", at_most=1.5),
    Figure("audit_deep_page_ratio", "", "a page in the middle, the same", at_most=1.5),
    Figure("audit_admin_ratio", "", "the same list in Django's admin, in multiples of the newest page", at_least=10),
    Figure("audit_write_ratio", "", "writing an event, in multiples of inserting such a row", at_most=1.3),
    Figure("audit_writers_lost", "", "events lost by 8 processes writing at once on PostgreSQL", at_most=0),
    Figure("audit_writers_forks", "", "links of their chain that don't hold", at_most=0),
    Figure("audit_verify_s", "s", "verifying a million events", at_most=60),
    Figure("audit_export_s", "s", "exporting a million events as CSV", at_most=60),
    Figure("audit_export_mb", "MB", "memory that exporting them takes", at_most=30),
)
ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 9
WRITES = 200
WRITERS, EACH = 8, 150
WRITERS_SECONDS = 600.0
SERVER = "postgres://postgres@127.0.0.1:5432/"
FILTERS = (
    "actor=person-7",
    "action=copy.available",
    "action=copy.available&region=eu-west-1",
    "request=1000",
    "since=2025-01-02&until=2025-01-03",
    "account=111122223333&since=2025-01-01",
    "q=week 51",
)
DEEP = f"before={FEW // 2}"


def measure() -> dict[str, float]:
    """The whole topic; the PostgreSQL part needs a server on this machine."""
    fill(FEW)
    people = {name: Client(SERVER_NAME="localhost") for name in ("auditor", "admin")}
    for name, client in people.items():
        client.force_login(User.objects.get(username=name))
    many = Path(connection.settings_dict["NAME"])
    few = many.with_name("few.sqlite3")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(many, few)
    fill(MANY)
    found = page_figures(people, {"few": few, "many": many})
    found |= writers_on_postgresql()
    with using(few):
        found["audit_write_ratio"] = write_ratio()
    began = time.perf_counter()
    walk = chain_verification.walk(chain_verification.beginning())
    found["audit_verify_s"] = time.perf_counter() - began
    if walk.finding or walk.place.events < MANY:
        sys.exit(f"The chain of the measurement doesn't hold: {walk}")
    return found | export_figures()


@contextmanager
def using(database: Path) -> Iterator[None]:
    """Points the one connection at another file."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(database)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


def page_figures(people: Mapping[str, Client], databases: Mapping[str, Path]) -> dict[str, float]:
    """Both histories by turns, so that a busy moment of the machine hits both."""
    taken: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name, path in databases.items():
            with using(path):
                people["auditor"].get("/audit/", {"live": "off"})
                for query in ("", DEEP, *FILTERS):
                    seconds = timed(lambda query=query: people["auditor"].get(f"/audit/?{query}"))  # type: ignore[misc]  # bound now
                    taken.setdefault((query, name), []).append(seconds)
    middle = {key: statistics.median(values) for key, values in taken.items()}
    ratios = {query: middle[query, "many"] / middle[query, "few"] for query in ("", DEEP, *FILTERS)}
    with using(databases["many"]), admin_installed():
        admin = statistics.median(timed(lambda: people["admin"].get("/admin/audit/auditevent/")) for _ in range(3))
    return {
        "audit_first_page_ms": 1000 * middle["", "many"],
        "audit_first_page_ratio": ratios[""],
        "audit_filtered_page_ratio": max(ratios[query] for query in FILTERS),
        "audit_deep_page_ratio": ratios[DEEP],
        "audit_admin_ratio": admin / middle["", "many"],
    }


def timed(ask: Callable[[], Any]) -> float:
    began = time.perf_counter()
    answer = ask()
    taken = time.perf_counter() - began
    if answer.status_code != 200:
        sys.exit(f"{answer.request['PATH_INFO']} answers {answer.status_code}")
    return taken


@contextmanager
def admin_installed() -> Iterator[None]:
    """Django's admin, in this process and for this comparison only."""
    engine = settings.TEMPLATES[0]
    templates = [
        {**engine, "APP_DIRS": True, "OPTIONS": {"context_processors": engine["OPTIONS"]["context_processors"]}}
    ]
    with override_settings(
        ROOT_URLCONF="benchmarks.admin_urls",
        INSTALLED_APPS=[*settings.INSTALLED_APPS, "django.contrib.admin"],
        TEMPLATES=templates,
    ):
        yield


def write_ratio() -> float:
    """One writer, by turns: `record`, and Django's insert of the same values into a table with the same indexes."""
    plain = plain_table()
    actor = Actor(name="person-7", source="page", id=7, address="10.0.0.7")
    told: dict[str, Any] = {
        "request": 7,
        "requester": 7,
        "account": "111122223333",
        "region": "eu-west-1",
        "old": "PENDING",
        "new": "APPROVED",
        "data": {"reason": "PLAT-7: image of week 7", "content_hash": "0" * 64},
    }

    def insert() -> None:
        with transaction.atomic():
            values = {**told, "at": timezone.now(), "action": "request.approved", "correlation_id": uuid4()}
            row = plain(actor="person-7", actor_id=7, source="page", address="10.0.0.7", **values)
            row.prev_hash, row.hash = uuid4().hex * 2, uuid4().hex * 2
            row.save(force_insert=True)

    def write() -> None:
        with transaction.atomic():
            record("request.approved", actor=actor, **told)

    taken: dict[Callable[[], None], list[float]] = {insert: [], write: []}
    for _ in range(WRITES):
        for act, seconds in taken.items():
            began = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - began)
    return statistics.median(taken[write]) / statistics.median(taken[insert])


def plain_table() -> Any:
    """A table with the columns and indexes of the history, and nothing of what makes it one."""
    columns = {field.name: field.clone() for field in AuditEvent._meta.fields if not field.primary_key}
    indexes = [models.Index(fields=index.fields, name=f"plain_{index.name}") for index in AuditEvent._meta.indexes]
    meta = type("Meta", (), {"app_label": "benchmarks", "db_table": "benchmarks_plain", "indexes": indexes})
    plain = type("Plain", (models.Model,), {**columns, "Meta": meta, "__module__": __name__})
    with connection.schema_editor() as editor:
        editor.create_model(plain)
    return plain


def writers_on_postgresql() -> dict[str, float]:
    """Eight processes at once; the chain they leave is verified."""
    name = f"amicopy_bench_{os.getpid()}"
    environ = {**os.environ, "DATABASE_URL": SERVER + name}
    with psycopg.connect(SERVER + "postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        try:
            run(["manage.py", "migrate", "--verbosity", "0"], environ)
            command = [sys.executable, "-m", "tests.audit.writer"]
            writers = [
                subprocess.Popen([*command, f"writer-{number}", str(EACH)], cwd=ROOT, env=environ)
                for number in range(WRITERS)
            ]
            ended = [writer.wait(timeout=WRITERS_SECONDS) for writer in writers]
            with psycopg.connect(SERVER + name) as database:
                written = database.execute(
                    "SELECT count(*), count(DISTINCT prev_hash) FROM audit_auditevent WHERE actor LIKE 'writer-%'"
                ).fetchone()
            said = run(["manage.py", "verify_audit"], environ, check=False)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    if any(ended) or written is None:
        sys.exit("A writer failed.")
    return {
        "audit_writers_lost": WRITERS * EACH - written[0],
        "audit_writers_forks": written[0] - written[1] + (said.returncode != 0),
    }


def run(arguments: Sequence[str], environ: Mapping[str, str], *, check: bool = True) -> Any:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environ, check=check, capture_output=True, timeout=600
    )


def export_figures() -> dict[str, float]:
    before, most, size = resident_mb(), 0.0, 0
    began = time.perf_counter()
    actor = Actor(name="auditor", source="page")
    for number, piece in enumerate(exports.export([AuditEvent.objects.all()], kind="csv", filters={}, actor=actor)):
        size += len(piece)
        if number % 100 == 0:
            most = max(most, resident_mb())
    seconds = time.perf_counter() - began
    if size < MANY * 100:
        sys.exit(f"The export has only {size} bytes.")
    return {"audit_export_s": seconds, "audit_export_mb": max(0.0, most - before)}


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
