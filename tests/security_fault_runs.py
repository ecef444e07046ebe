"""A pytest plugin for `make security-faults`: runs each test once with each fault that it has to find, and notes what
became of it.

A fault is put into functions that are imported already: they get the code that they would have had with it. Whatever
else is in a module, such as its constants, was made when it was imported, so a fault there has a run of its own.
"""

import gc
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from _pytest.runner import runtestprotocol

from tests.security_fault_table import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[1]
# By fault, "" where the copy has it: by test what became of each of its runs.
_said: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
_numbers: list[int] = json.loads(os.environ.get("FAULT_NUMBERS", "[]"))
_begun: list[bool] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Runs a test with each of its faults; nothing is printed."""
    names = {item.nodeid, item.nodeid.partition("[")[0]}
    mine = [number for number in _numbers if names.intersection(FAULTS[number].tests)]
    if mine and not _begun:
        # tests/conftest.py hides from searches what was imported for collecting.
        gc.unfreeze()
        # What is made once for all tests, such as the database, is made without a fault.
        _begun.append(True)
        _once(item)
    for number in mine:
        if not any(found(_said[str(number)][name]) for name in names):
            try:
                with put_in(FAULTS[number]):
                    _note(str(number), names, _once(item))
            except ValueError as wrong:
                _said[str(number)][item.nodeid.partition("[")[0]] = [str(wrong)]
    if not _numbers:
        _note("", names, _once(item))
    item.session._setupstate.teardown_exact(nextitem)
    Path(os.environ["FAULT_REPORT"]).write_text(json.dumps(_said))
    return True


def _once(item: pytest.Item) -> list[pytest.TestReport]:
    """Runs a test from its beginning to its end; what it shares with others stays."""
    return runtestprotocol(item, nextitem=item.parent, log=False)  # type: ignore[arg-type]  # any node will do


def found(became: list[str]) -> bool:
    """Whether a test failed, by what became of its runs."""
    return any(map(is_red, became))


def is_red(outcome: str) -> bool:
    return outcome.startswith("failed")


def _note(fault: str, names: set[str], reports: list[pytest.TestReport]) -> None:
    """A test that can't begin or end has found nothing: only what fails in it counts, and is noted with its words."""
    for report in reports:
        if report.when == "call" or not report.passed:
            crash = getattr(report.longrepr, "reprcrash", None)
            words = f", {crash.message.splitlines()[0][:100]}" if crash else ""
            outcome = f"{report.outcome if report.when == 'call' else f'{report.when} {report.outcome}'}{words}"
            for name in names:
                _said[fault][name].append(outcome)


@contextmanager
def put_in(fault: Fault) -> Iterator[None]:
    """Gives the functions of a fault's file the code they have with it, and then their own again. Raises ValueError for
    a fault that isn't in a function."""
    path = ROOT / fault.file
    text = path.read_text()
    own, other = (codes(compile(each, str(path), "exec")) for each in (text, text.replace(fault.old, fault.new)))
    if {name: plain(code) for name, code in own.items() if not is_function(code)} != {
        name: plain(code) for name, code in other.items() if not is_function(code)
    }:
        raise ValueError(f"{fault.new!r} is in no function: it needs a run of its own.")
    changed = []
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__code__.co_filename == str(path):
            before = function.__code__
            after = other.get(place_of(before, own))
            if after is not None and plain(after) != plain(before):
                changed.append((function, before))
                function.__code__ = after
    if not changed:
        raise ValueError(f"{fault.new!r} is in no function that is imported.")
    try:
        yield
    finally:
        for function, before in changed:
            function.__code__ = before


def codes(module: CodeType) -> dict[tuple[str, int], CodeType]:
    """The code of a module and all in it, by name, and by number for what has the same one."""
    found: dict[tuple[str, int], CodeType] = {}

    def walk(code: CodeType) -> None:
        number = sum(name == code.co_qualname for name, _ in found)
        found[code.co_qualname, number] = code
        for const in code.co_consts:
            if isinstance(const, CodeType):
                walk(const)

    walk(module)
    return found


def place_of(code: CodeType, own: Mapping[tuple[str, int], CodeType]) -> tuple[str, int]:
    """Where code that was imported stands in its module."""
    places = (place for place, each in own.items() if place[0] == code.co_qualname and each == code)
    return next(places, ("", 0))


def is_function(code: CodeType) -> bool:
    return bool(code.co_flags & 0x02)


def plain(code: CodeType) -> object:
    """What code does, without where it stands."""
    consts = [plain(const) if isinstance(const, CodeType) else (type(const), const) for const in code.co_consts]
    return (
        (code.co_code, code.co_names, code.co_varnames, consts)
        if is_function(code)
        else (
            code.co_code,
            code.co_names,
            [const for const in code.co_consts if not isinstance(const, CodeType)],
        )
    )
