"""What every test may need: the sandbox, over HTTP on a free port of this machine."""

import gc
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache as kept
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.config import Config
from botocore.loaders import JSONFileLoader
from django.core.cache import cache
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from pytest_django import Settings
from xdist.scheduler import LoadScopeScheduling

from amicopy.audit import triggers
from amicopy.aws import sessions
from amicopy.copies.engine import waves
from amicopy.copies.lookups import async_queries
from amicopy.sandbox.server import Server, start
from amicopy.web.views import health
from tests import migrated

Control = Callable[..., Any]
# Searches for garbage took a seventh of a run: what a test leaves is little, and what it came upon stays anyway.
gc.set_threshold(50_000, 20, 20)

# AWS's models are read once: each session parsed them anew, half the time of the tests that talk to the sandbox.
_read_model = kept(JSONFileLoader().load_file)
setattr(JSONFileLoader, "load_file", lambda self, file_path: _read_model(file_path))  # noqa: B010  # mypy takes no method

# The tests that go to one of the processes side by side, and first: what they share takes long to start. A name stands
# before one that it begins with; the first journeys start an amicopy of their own, and mostly wait.
TOGETHER = (
    *(f"tests/journey/test_{name}.py" for name in ("outages", "database_outage", "restored_backup", "turns", "logs")),
    "tests/journey/test_stopping_all.py",
    "tests/journey/",
    "tests/audit/test_grants.py",
)
# A module all of whose tests are slow says so at its top.
SLOW_MODULE = re.compile(r"^pytestmark = (?:\[[^\]]*\bpytest\.mark\.slow\b|(?:browsing\.)?MARKS$)", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Doesn't even read a module of slow tests where none is wanted: schemathesis and the browser take a process half a
    minute before its first test."""
    unwanted = config.option.markexpr == "not slow" and collection_path.suffix == ".py"
    return True if unwanted and SLOW_MODULE.search(collection_path.read_text()) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(TOGETHER))


def pytest_collection_finish() -> None:
    """Leaves what was collected, a million objects, out of every further search for garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores: a quarter of a run is waiting, for processes that start and for what hangs."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives each process the next test function, with all its cases. (`--dist loadgroup` does so by changing the ids of
    marked tests, which this pytest doesn't take over.) After each test xdist goes through all groups it has given: a
    group for each case would cost it seconds of a core."""
    config.option.loadscopereorder = False
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _group_of
    return scheduler


def _group_of(nodeid: str) -> str:
    return next((group for group in TOGETHER if nodeid.startswith(group)), nodeid.partition("[")[0])


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Copies a database that has all tables: migrating one took longer than most modules' tests."""
    migrated.begin_with_it()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Lets the flush after a transactional test empty the history, which nothing else can: its triggers are off for
    that one transaction. Tables come in any order, so that SQLite looks at foreign keys when all of them are empty."""
    flush = connection.ops.execute_sql_flush

    def flush_without_triggers(sql_list: Iterable[str]) -> None:
        with transaction.atomic():
            triggers.remove(connection)
            if connection.vendor == "sqlite":
                with connection.cursor() as cursor:
                    cursor.execute("PRAGMA defer_foreign_keys = ON")
            flush(sql_list)
            triggers.install(connection)

    connection.ops.execute_sql_flush = flush_without_triggers  # type: ignore[method-assign]  # this connection's only


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = start(copy_seconds=20)
    yield server
    server.stop()


@pytest.fixture
def control(server: Server) -> Control:
    """Calls a control address: `control("advance", seconds=5)`; without values it is a GET. Begins with a reset."""

    def call(name: str = "", *, method: str | None = None, **values: Any) -> Any:
        body = json.dumps(values).encode() if values or method else None
        request = Request(f"{server.url}/_sandbox/{name}", data=body, method=method)
        with urlopen(request) as answer:
            return json.load(answer)

    call("reset", method="POST")
    return call


@pytest.fixture
def sandbox(server: Server, control: Control, settings: Settings) -> Control:
    """The application talks to the sandbox; returns its control."""
    settings.AWS_ENDPOINT = server.url
    # A look-up of the test before, which nobody waits for any more, may have made a client since `_no_aws`.
    sessions.forget_all()
    return control


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look-ups may take their time: a busy machine is not what the test is about."""
    monkeypatch.setattr(async_queries.deadline, "__defaults__", (30.0,))
    monkeypatch.setattr(sessions, "QUICK", sessions.QUICK.merge(Config(read_timeout=30)))


@pytest.fixture
def connections_stay(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's connection, in the middle of its transaction, outlives requests that Django's test client doesn't make
    and work that looks after its own connection."""
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)


@pytest.fixture(autouse=True)
def _transactions_as_in_production() -> Iterator[None]:
    """The transaction that pytest-django puts around a test is none of amicopy's: in it, too, whatever is refused
    outside of a transaction in production is refused."""
    with connection.execute_wrapper(_refuse_outside_own_transaction):
        yield


def _refuse_outside_own_transaction(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
    """Runs a statement; raises TransactionManagementError for an event, or a lock on rows, with no `atomic` around it
    but the test's own. Django tells the two apart in the same way for `durable`."""
    own = any(not block._from_testcase for block in connection.atomic_blocks)  # type: ignore[attr-defined]
    if not own and ("FOR UPDATE" in sql or sql.startswith('INSERT INTO "audit_auditevent"')):
        raise TransactionManagementError(f"This belongs in a transaction: {sql}")
    return execute(sql, *rest)


@pytest.fixture(scope="session")
def var_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests' own process keeps its files."""
    return tmp_path_factory.mktemp("var")


@pytest.fixture(autouse=True)
def _no_aws(settings: Settings, var_dir: Path) -> None:
    """A test that doesn't ask for the sandbox reaches nothing: no test ever talks to AWS, or writes into `var/`."""
    settings.VAR_DIR = var_dir
    # Each client would list all static files, and hash passwords as long as it takes in production.
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # What is approved is due at once; tests of taking it back say how long it waits.
    settings.APPROVAL_UNDO_SECONDS = 0.0
    # A test takes back what it did, so that the next one's database lacks what this machine remembers of it.
    for path in var_dir.glob("newest-event-*.json"):
        path.unlink()
    settings.AWS_ENDPOINT = "http://127.0.0.1:9"
    sessions.forget_all()
    # What another test found out at its AWS is not known in this one.
    async_queries.forget_all()
    waves.forget_all()
    cache.clear()
    # Most tests have no broker.
    cache.set(health.BROKER, (math.inf, True), None)
