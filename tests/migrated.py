"""A database with all tables and nothing in them: made once for these migrations, then copied by every run and by what
tests and benchmarks start as processes. Migrating one takes a core seven seconds and more.

It is kept among the machine's temporary files, by what the migrations say: another version of them makes another.
Whoever begins with it runs `migrate` all the same, so that what isn't there is added and nothing is taken on trust.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
import psycopg
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]
# What makes a schema: migrations, and what they import.
SOURCES = ("*/migrations/*.py", "audit/triggers.py", "copies/core/constraints.py")
# So many of the versions before stay on a PostgreSQL server.
KEPT = 4


def put_into(var: Path) -> None:
    """Puts one where a process with its files in `var` looks for it, unless there is one: a file may not change under
    those who have it open."""
    if not (var / _file().name).exists():
        shutil.copy(_file(), var)


def begin_with_it() -> None:
    """Has the tests' own database begin as a copy of it."""
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = template(os.environ["DATABASE_URL"])
        _take_time_for_databases()
        return
    creation: Any = connection.creation
    create = creation._create_test_db

    def create_filled(*arguments: Any, **options: Any) -> str:
        # As Django does next: the name is that of the database in memory from now on.
        name = connection.settings_dict["NAME"] = str(create(*arguments, **options))
        connection.ensure_connection()
        with closing(sqlite3.connect(_file())) as made:
            made.backup(connection.connection)
        return name

    creation._create_test_db = create_filled


def _take_time_for_databases() -> None:
    """Making and dropping one waits for a checkpoint of the server, on a busy machine longer than amicopy's own
    statements may take."""
    wrapped: Any = connection
    within = wrapped._nodb_cursor

    @contextmanager
    def patient() -> Iterator[Any]:
        with within() as cursor:
            cursor.execute("SET statement_timeout = 0")
            yield cursor

    wrapped._nodb_cursor = patient


@cache
def template(url: str) -> str:
    """The name of one beside the database in `url`, on PostgreSQL, for `CREATE DATABASE … TEMPLATE`."""
    name = f"amicopy_migrated_{_version()}"
    with _alone(), psycopg.connect(url, autocommit=True) as server:
        there = server.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'amicopy_migrated_%' ORDER BY oid DESC"
        )
        names = [row[0] for row in there]
        if name not in names:
            for old in names[KEPT - 1 :]:
                server.execute(f"DROP DATABASE IF EXISTS {old}")
            server.execute(f"DROP DATABASE IF EXISTS {name}_")
            server.execute(f"CREATE DATABASE {name}_")
            _migrate({"DATABASE_URL": urlsplit(url)._replace(path=f"/{name}_").geturl()})
            server.execute(f"ALTER DATABASE {name}_ RENAME TO {name}")
    return name


@cache
def _file() -> Path:
    """One on SQLite."""
    folder = _kept_in() / _version()
    with _alone():
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=_kept_in()) as made:
                _migrate({"AMICOPY_VAR_DIR": made})
                shutil.copytree(made, folder)
    return folder / "amicopy.sqlite3"


@cache
def _version() -> str:
    """What the schema is made of, in a few letters."""
    files = sorted(path for pattern in SOURCES for path in (ROOT / "amicopy").glob(pattern))
    said = hashlib.sha256(f"{django.VERSION} {sqlite3.sqlite_version}".encode())
    for path in files:
        said.update(path.name.encode() + path.read_bytes())
    return said.hexdigest()[:16]


def _kept_in() -> Path:
    folder = Path(tempfile.gettempdir()) / f"amicopy-migrated-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time makes one; the others wait for it."""
    with (_kept_in() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _migrate(changed: dict[str, str]) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "AMICOPY_VAR_DIR")}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, env={**environ, "AMICOPY_AWS": "sandbox", **changed}, cwd=ROOT, check=True)
