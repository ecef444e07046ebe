"""`SECURITY.md` names a test for every threat, and each of them exists."""

import ast
import re
from pathlib import Path

from tests.security_fault_table import FAULTS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "SECURITY.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in re.findall(r"^\|.*\|$", PAGE.partition("## Threats")[2], re.M)
    if not re.fullmatch(r"[|\s-]+", line) and "| threat |" not in line
]
NAMED = re.compile(r"`(tests/[\w/]+\.py::test_\w+)`")


def named_by_rows() -> list[set[str]]:
    """The tests that each row names, in the page's order."""
    return [set(NAMED.findall(row[2])) for row in ROWS]


def names_in(path: str) -> set[str]:
    """The names of the tests of a file."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_row_has_a_threat_an_answer_and_tests() -> None:
    assert len(ROWS) > 30
    for row in ROWS:
        assert len(row) == 3, row
        assert all(row), row
        assert re.fullmatch(r"`tests/[\w/]+\.py::test_\w+`( `tests/[\w/]+\.py::test_\w+`)*", row[2]), row[2]


def test_no_threat_stands_there_twice() -> None:
    threats = [row[0] for row in ROWS]
    assert sorted(set(threats)) == sorted(threats)


def test_every_test_that_is_named_exists() -> None:
    named = [test.split("::") for test in NAMED.findall(PAGE)]
    missing = [f"{path}::{name}" for path, name in named if not (ROOT / path).is_file() or name not in names_in(path)]
    assert missing == []


def test_every_test_that_is_named_has_a_fault_to_find() -> None:
    """`make security-faults` puts each in, and the test has to fail."""
    found = {test for fault in FAULTS for test in fault.test_names}
    assert set().union(*named_by_rows()) == found


def test_every_fault_can_be_put_in() -> None:
    for fault in FAULTS:
        assert (ROOT / fault.file).read_text().count(fault.old) == 1, (fault.file, fault.old)
        assert fault.new != fault.old
        assert fault.file.partition("/")[0] != "tests", "a fault is in amicopy"
