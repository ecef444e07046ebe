"""A pytest plugin for `make mutants`: the process that only collects tests, from which one is forked for each mutant,
makes the database in its memory and starts the sandbox once. The forked ones begin with a copy of all that."""

import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import utils

from amicopy.sandbox.server import start

# How many seconds of the processor the tests of a mutant may take, the quickest first. For noting which test runs what
# they all run.
_NOTING = os.environ.get("MUTANT_UNDER_TEST") == "stats"
SECONDS = float("inf") if _NOTING else float(os.environ.get("MUTANT_SECONDS", "60"))
_made: list[str] = []
_begun = pytest.StashKey[float]()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """After tests were collected, and pytest-django no longer keeps everybody from the database."""
    if config.option.collectonly and connection.vendor == "sqlite" and not _made:
        _made.append(connection.creation.create_test_db(verbosity=0))
        start().stop()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Notes when the tests begin."""
    session.config.stash[_begun] = time.process_time()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Ends a run that has taken enough: nothing has failed, so the mutant has survived."""
    if time.process_time() - item.config.stash[_begun] > SECONDS and not item.session.testsfailed:
        pytest.exit("Enough.", returncode=0)


def _unless_made(setup: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, **options: [] if _made else setup(*arguments, **options)


utils.setup_databases = _unless_made(utils.setup_databases)
