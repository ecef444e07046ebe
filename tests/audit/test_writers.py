"""Writers at the same time, as processes of their own: no event is lost and the chain never forks."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.databases import POSTGRESQL, ROOT, manage, superuser, url

pytestmark = [pytest.mark.slow, pytest.mark.processes]
WRITERS, EACH = 8, 40


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """The address of an empty, migrated database that any process can use."""
    if not POSTGRESQL:
        address = f"sqlite:///{tmp_path / 'history.sqlite3'}"
        manage(address, "migrate")
        yield address
        return
    name = f"amicopy_writers_{os.getpid()}"
    with superuser() as server:
        server.execute(f"CREATE DATABASE {name}")
    try:
        manage(url(name), "migrate")
        yield url(name)
    finally:
        with superuser() as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_writers_at_the_same_time_lose_nothing_and_fork_no_chain(database: str) -> None:
    before = counted(database)
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.audit.writer", f"writer-{number}", str(EACH)],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database},
        )
        for number in range(WRITERS)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * WRITERS
    assert counted(database) == before + WRITERS * EACH


def counted(database: str) -> int:
    """How many events the verification found good."""
    said = manage(database, "verify_audit").stdout
    found = re.match(r"(\d+) events verified", said)
    assert found is not None, said
    return int(found[1])
