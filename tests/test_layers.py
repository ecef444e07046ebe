"""Imports point down: web over copies over audit and aws. Only aws and the sandbox know botocore."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "amicopy"
# What a folder may import from amicopy, besides itself.
ALLOWED = {
    "web": {"copies", "audit", "notify", "aws"},
    "api": {"copies", "audit", "notify", "aws"},
    "copies": {"audit", "notify", "aws"},
    "audit": set[str](),
    "notify": {"audit"},
    "aws": set[str](),
    "sandbox": set[str](),
    "local": {"copies"},
}
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path.parent != ROOT]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    tree = ast.parse(path.read_text())
    for name in imported(tree):
        parts = name.split(".")
        if parts[0] == "amicopy" and len(parts) > 1 and (ROOT / parts[1]).is_dir():
            assert parts[1] == folder or parts[1] in ALLOWED[folder], name
        if parts[0] in {"boto3", "botocore", "moto"}:
            assert folder in ({"sandbox"} if parts[0] == "moto" else {"aws", "sandbox"}), name
    inside = [
        node
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(outer)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inside == [], "an import inside a function"


def test_no_code_runs_celery_eagerly() -> None:
    # Put together here so that this file doesn't find itself.
    setting = "ALWAYS" + "_EAGER"
    files = [*ROOT.rglob("*.py"), *(ROOT.parent / "tests").rglob("*.py")]
    assert [path for path in files if setting in path.read_text().upper()] == []


def test_there_is_no_folder_for_odds_and_ends() -> None:
    assert not {path.stem for path in ROOT.rglob("*")} & {"utils", "util", "common", "helpers", "misc", "signals"}
