"""A pytest plugin for `make mutants`: the process that only collects tests, from which one is forked for each mutant,
makes the database in its memory and starts the sandbox once. The forked ones begin with a copy of all that, and with
the tests that are likely to catch theirs: what a test has reached is noted for the next ones."""

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import utils
from mutmut.mutation import trampoline

from amicopy.sandbox.server import start
from tests.mutant_tests import CAUGHT_BY, REACHED

# How many seconds of the processor the tests of a mutant may take.
SECONDS = float(os.environ.get("MUTANT_SECONDS", "60"))
_made: list[str] = []
_begun = pytest.StashKey[float]()
# The functions that a test has called, as far as there are mutants of them, and the tests that this is known of.
_reached: set[str] = set()
_known: set[str] = set()
NEVER = float("inf")


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
    """First those tests that caught a mutant of the same function or module before, then those that reach the function,
    the shortest first, then those that nothing is known of. What is known not to reach it isn't run."""
    module, function = _mutated()
    if not module:
        return
    caught: Counter[str] = Counter()
    for line in CAUGHT_BY.read_text().splitlines() if CAUGHT_BY.exists() else []:
        where, what, test = line.split("\t")
        caught[test] += (1000 if what == function else 1) if where == module else 0
    seconds: dict[str, float] = {}
    for line in REACHED.read_text().splitlines() if REACHED.exists() else []:
        test, took, *functions = line.split("\t")
        seconds[test] = float(took) if f"{module}.{function}" in functions else NEVER
    items[:] = [item for item in items if caught[item.nodeid] >= 1000 or seconds.get(item.nodeid) != NEVER]
    items.sort(key=lambda item: (-caught[item.nodeid], seconds.get(item.nodeid, NEVER)))
    _known.update(seconds)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes which test caught the mutant, and what a test that passes reaches."""
    module, function = _mutated()
    if not module:
        return
    if report.failed:
        with CAUGHT_BY.open("a") as noted:
            noted.write(f"{module}\t{function}\t{report.nodeid}\n")
    elif report.when == "call" and report.passed and report.nodeid not in _known:
        with REACHED.open("a") as noted:
            noted.write("\t".join([report.nodeid, f"{report.duration:.2f}", *sorted(_reached.copy())]) + "\n")
    if report.when == "teardown":
        _reached.clear()


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


def _noting(asked: Callable[[], str]) -> Callable[[], str]:
    """Has every function with mutants note that it was called: each asks first which of them it has to be."""

    def which() -> str:
        function = sys._getframe(1).f_locals["orig_func"]
        _reached.add(f"{function.__module__}.{function.__name__.partition('__mutmut_')[0]}")
        return asked()

    return which


trampoline.get_mutant_under_test = _noting(trampoline.get_mutant_under_test)
