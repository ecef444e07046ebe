"""A backup is restored while copies are queued, copying and pending, and AWS has forgotten the tokens: every request
gets exactly one image, counted at the sandbox. Real processes; on SQLite, and on PostgreSQL with DATABASE_URL."""

import re
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from amicopy.local import processes
from tests.journey.conftest import ROOT, Person, Running, everything, until

pytestmark = [pytest.mark.slow, pytest.mark.processes]

# One copy at a time: the second request waits while the first one's copy is under way.
CHANGED = {"COPIES_AT_ONCE": "1", "ABSENT_SECONDS": "2"}


def dump(environ: dict[str, str], to: Path) -> None:
    """A backup as docs/operating.md says, while everything runs."""
    if url := environ.get("DATABASE_URL"):
        subprocess.run(["pg_dump", "--format=custom", f"--file={to}", url], check=True)
        return
    source = Path(environ["AMICOPY_VAR_DIR"]) / "amicopy.sqlite3"
    with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(to)) as copy:
        database.backup(copy)


def restore(environ: dict[str, str], backup: Path) -> None:
    if url := environ.get("DATABASE_URL"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        subprocess.run(["pg_restore", "--no-owner", f"--dbname={url}", str(backup)], check=True)
        return
    target = Path(environ["AMICOPY_VAR_DIR"]) / "amicopy.sqlite3"
    for end in ("-wal", "-shm"):
        target.with_name(target.name + end).unlink(missing_ok=True)
    target.write_bytes(backup.read_bytes())


def manage(running: Running, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, env=running.environ, cwd=ROOT, capture_output=True, text=True, timeout=120)


def stop(running: Running, *names: str) -> None:
    for name in names:
        processes.stop(running.started.pop(name))


def start(running: Running, *names: str) -> None:
    for name in names:
        running.start(name)
    assert processes.wait_for(f"{running.url}/healthz", running.started, seconds=120) == ""


def names_made(running: Running) -> Counter[str]:
    return Counter(image["Name"] for image in running.control("images") if image["State"] == "available")


def test_after_a_restored_backup_every_request_gets_one_image(tmp_path: Path) -> None:
    backup, log, var = tmp_path / "backup", tmp_path / "log", tmp_path / "var"
    var.mkdir()
    with everything(var, "amicopy_restore", log=log, changed=CHANGED) as running:
        requester, approver = Person(running.url, "requester"), Person(running.url, "approver")
        numbers = {name: requester.submit(Name=name) for name in ("copying", "queued", "pending")}
        approver.approve(numbers["copying"])
        until(lambda: requester.copies(numbers["copying"]) == ["COPYING"])
        approver.approve(numbers["queued"])
        dump(running.environ, backup)
        assert requester.copies(numbers["queued"]) == ["QUEUED"]
        approver.approve(numbers["pending"])
        numbers["unknown to the backup"] = requester.submit(Name="unknown to the backup")
        approver.approve(numbers["unknown to the backup"])
        for number in numbers.values():
            until(lambda number=number: requester.copies(number) == ["AVAILABLE"])  # type: ignore[misc]
        once = Counter(dict.fromkeys(numbers, 1))
        assert names_made(running) == once
        stop(running, "beat", "worker", "web")
        running.control("forget-tokens", method="POST")
        restore(running.environ, backup)

        # By what the machine remembers; web doesn't start, and neither does a worker.
        served = manage(running, "serve")
        assert served.returncode == 1
        assert "after_restore" in served.stderr
        running.start("worker")
        assert running.started.pop("worker").wait(timeout=60) != 0
        assert "restore: The database lacks" in manage(running, "doctor").stdout
        said = manage(running, "after_restore")
        assert said.returncode == 0, said.stderr
        assert re.search(rf"Request #{numbers['pending']}, .* once it is approved", said.stdout), said.stdout
        assert re.search(rf"Request #{numbers['queued']}, .* by itself", said.stdout), said.stdout
        start(running, "web", "worker", "beat")

        requester, approver = Person(running.url, "requester"), Person(running.url, "approver")
        approver.approve(numbers["pending"])
        for name in ("copying", "queued", "pending"):
            until(lambda number=numbers[name]: requester.copies(number) == ["AVAILABLE"])  # type: ignore[misc]
        assert names_made(running) == once
        assert requester.submit(Name="afterwards") > max(numbers.values())
        admin = Person(running.url, "admin")
        until(lambda: "unknown to the backup" in admin.get("/leftovers/") or "no request" in admin.get("/leftovers/"))
        verified = manage(running, "verify_audit")
        assert verified.returncode == 0, verified.stderr
