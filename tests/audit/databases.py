"""Databases of their own for tests with other processes and other roles."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
POSTGRESQL = connection.vendor == "postgresql"


def superuser(database: str = "postgres") -> psycopg.Connection:
    """A connection outside of transactions, as whoever the tests run as."""
    given = connection.settings_dict
    return psycopg.connect(
        host=given["HOST"] or None,
        port=given["PORT"] or None,
        user=given["USER"] or None,
        password=given["PASSWORD"] or None,
        dbname=database,
        autocommit=True,
    )


def url(database: str, user: str = "") -> str:
    """The address of a database on the tests' server, for DATABASE_URL."""
    given = connection.settings_dict
    return f"postgres://{user or given['USER']}@{given['HOST']}:{given['PORT'] or 5432}/{database}"


def manage(database_url: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs manage.py on a database in a process of its own."""
    environ = {**os.environ, "DATABASE_URL": database_url}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, check=check, capture_output=True, text=True)
