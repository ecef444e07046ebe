"""The grants of docs/audit.md, run as they stand there: amicopy's role writes history and can't undo any."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from amicopy.audit import triggers
from tests.audit.databases import POSTGRESQL, ROOT, manage, superuser, url

pytestmark = [pytest.mark.processes, pytest.mark.skipif(not POSTGRESQL, reason="SQLite has no roles.")]
SUFFIX = f"_{os.getpid()}"
NAMES = re.compile(r"\bamicopy(_owner|_app)?\b")
FORBIDDEN = {
    "update": "UPDATE audit_auditevent SET actor = 'x'",
    "delete": "DELETE FROM audit_auditevent",
    "truncate": "TRUNCATE audit_auditevent",
    "drop a trigger": "DROP TRIGGER audit_no_change ON audit_auditevent",
    "disable a trigger": "ALTER TABLE audit_auditevent DISABLE TRIGGER audit_no_change",
    "disable all triggers": "ALTER TABLE audit_auditevent DISABLE TRIGGER ALL",
    "a rule instead of inserts": "CREATE RULE r AS ON INSERT TO audit_auditevent DO INSTEAD NOTHING",
    "a trigger of its own": "CREATE TRIGGER t BEFORE INSERT ON audit_auditevent EXECUTE FUNCTION audit_refuse()",
    "another function": triggers.POSTGRESQL_FUNCTION.replace("RAISE EXCEPTION", "RAISE NOTICE"),
    "drop the function": "DROP FUNCTION audit_refuse CASCADE",
    "drop the table": "DROP TABLE audit_auditevent",
    "own the table": "ALTER TABLE audit_auditevent OWNER TO CURRENT_USER",
    "be a replica": "SET session_replication_role = replica",
    "be the owner": f"SET ROLE amicopy_owner{SUFFIX}",
    "grant itself": "GRANT DELETE ON audit_auditevent TO CURRENT_USER; DELETE FROM audit_auditevent",
    "forge an anchor": "INSERT INTO audit_auditanchor (at, event_id, hash, events, file, signature) "
    "VALUES (now(), 1, '', 1, '', '')",
    "hide the table": "CREATE TEMPORARY TABLE audit_auditevent (id int)",
    "a table of its own": "CREATE TABLE mine (id int)",
}


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A database made by the statements of docs/audit.md, under names of this run."""
    text = (ROOT / "docs" / "audit.md").read_text()
    first, second = (NAMES.sub(rf"amicopy\1{SUFFIX}", block) for block in re.findall(r"```sql\n(.*?)```", text, re.S))
    name, owner, app = f"amicopy{SUFFIX}", f"amicopy_owner{SUFFIX}", f"amicopy_app{SUFFIX}"
    with superuser() as server:
        for statement in first.strip().split(";\n"):
            server.execute(statement.encode())
    try:
        manage(url(name, owner), "migrate")
        with psycopg.connect(url(name, owner), autocommit=True) as connection:
            connection.execute(second.encode())
        yield url(name, app)
    finally:
        with superuser() as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            server.execute(f"DROP ROLE IF EXISTS {app}")
            server.execute(f"DROP ROLE IF EXISTS {owner}")


def write(database: str) -> None:
    command = [sys.executable, "-m", "tests.audit.writer", "app", "2"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": database}, check=True)


def stored(database: str) -> list[str]:
    """The hashes of all events, in order."""
    with psycopg.connect(database) as connection:
        return [row[0] for row in connection.execute("SELECT hash FROM audit_auditevent ORDER BY id")]


def test_amicopys_role_writes_and_verifies_history(database: str) -> None:
    write(database)
    assert len(stored(database)) >= 2
    assert "events verified" in manage(database, "verify_audit").stdout


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_amicopys_role_can_undo_nothing(database: str, statement: str) -> None:
    before = stored(database)
    refused = pytest.raises((errors.InsufficientPrivilege, errors.InvalidGrantOperation))
    with psycopg.connect(database) as connection, refused:
        connection.execute(statement.encode())
    assert stored(database) == before


def test_after_all_that_amicopys_role_still_writes(database: str) -> None:
    before = len(stored(database))
    write(database)
    assert len(stored(database)) == before + 2
    assert "events verified" in manage(database, "verify_audit").stdout
