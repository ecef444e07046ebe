"""A pytest plugin for `make mutants`: the process that only collects tests, from which one is forked for each mutant,
makes the database in its memory and starts the sandbox once. The forked ones begin with a copy of all that, and with
the tests that are likely to catch theirs."""

import os
import resource
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import utils

from amicopy.sandbox.server import start
from tests.mutant_tests import CAUGHT_BY

# How many seconds of the processor the tests of a mutant may take.
SECONDS = float(os.environ.get("MUTANT_SECONDS", "60"))
_made: list[str] = []
_begun = pytest.StashKey[float]()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """After tests were collected, and pytest-django no longer keeps everybody from the database."""
    if config.option.collectonly and connection.vendor == "sqlite" and not _made:
        _made.append(connection.creation.create_test_db(verbosity=0))
        start().stop()


def _mutated() -> tuple[str, str]:
    """The module and the function of the mutant that this process tries; both empty where it tries none."""
    module, _, mutant = os.environ.get("MUTANT_UNDER_TEST", "").rpartition(".")
    return module, mutant.partition("__mutmut_")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First those tests that caught a mutant of the same function or module before."""
    module, function = _mutated()
    caught: Counter[str] = Counter()
    for line in CAUGHT_BY.read_text().splitlines() if module and CAUGHT_BY.exists() else []:
        where, what, test = line.split("\t")
        caught[test] += (1000 if what == function else 1) if where == module else 0
    items.sort(key=lambda item: -caught[item.nodeid])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes which test caught the mutant."""
    module, function = _mutated()
    if report.failed and module:
        with CAUGHT_BY.open("a") as noted:
            noted.write(f"{module}\t{function}\t{report.nodeid}\n")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Notes when the tests begin; a fault that goes round in circles ends when it has taken long enough."""
    session.config.stash[_begun] = time.process_time()
    if _mutated()[0]:
        most = int(time.process_time() + 3 * SECONDS) + 10
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Ends a run that has taken enough: nothing has failed, so the mutant has survived."""
    if time.process_time() - item.config.stash[_begun] > SECONDS and not item.session.testsfailed:
        pytest.exit("Enough.", returncode=0)


def _unless_made(setup: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, **options: [] if _made else setup(*arguments, **options)


utils.setup_databases = _unless_made(utils.setup_databases)
