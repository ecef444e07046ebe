"""Imports point down: web over copies over audit and aws. Only aws and the sandbox know botocore."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "amicopy"
# What a folder may import from amicopy, besides itself.
ALLOWED = {
    "web": {"copies", "audit", "notify", "aws", "logs"},
    "api": {"copies", "audit", "notify", "aws", "logs"},
    "copies": {"audit", "notify", "aws", "logs"},
    "audit": {"logs"},
    "notify": {"audit", "logs"},
    "aws": {"logs"},
    "logs": set[str](),
    "cli": set[str](),
    "sandbox": set[str](),
    "local": {"copies"},
    "settings": {"audit"},
}
# The floors of `copies`, top to bottom: each imports its own and those below.
FLOORS = ("operations", "requests", "engine", "lookups", "lifecycle", "voting", "rules", "core")
# Approving and calling AWS know nothing of each other: what they share lies below them.
APART = {("requests", "engine"), ("engine", "requests"), ("engine", "lookups")}
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


def floor_of(module: str) -> str | None:
    """The floor of `copies` that a module is on; None for its top level and for everything else."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["amicopy", "copies"] and len(parts) > 2 and parts[2] in FLOORS else None


@pytest.mark.parametrize("path", sorted((ROOT / "copies").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_floors_of_copies_import_downwards(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    if parts[1] not in FLOORS:
        assert len(parts) == 2 or parts[1] in {"management", "migrations"}, "a folder that is no floor"
        return
    for name in imported(ast.parse(path.read_text())):
        floor = floor_of(name)
        assert name != "amicopy.copies.models", "models are imported from core"
        if floor is not None:
            assert FLOORS.index(floor) >= FLOORS.index(parts[1]), f"{name} is above {parts[1]}"
            assert (parts[1], floor) not in APART, name


def test_the_command_line_is_a_package_of_its_own() -> None:
    own = {"amicopy_cli", "click", "httpx2", "rich", "keyring"}
    for path in ROOT.rglob("*.py"):
        if path.is_symlink():
            continue
        names = {name.partition(".")[0] for name in imported(ast.parse(path.read_text()))}
        if path.is_relative_to(ROOT / "cli"):
            assert names <= own | sys.stdlib_module_names, path
        else:
            assert "amicopy_cli" not in names, path


def test_migrations_call_no_live_code() -> None:
    for path in ROOT.rglob("migrations/*.py"):
        names = [name for name in imported(ast.parse(path.read_text())) if name.startswith("amicopy")]
        # The append-only triggers and our own constraints are schema: a migration puts on those of now.
        schema = ("amicopy.audit", "amicopy.copies.core.constraints")
        assert [name for name in names if not name.startswith(schema)] == [], path


def test_no_code_runs_celery_eagerly() -> None:
    # Put together here so that this file doesn't find itself.
    setting = "ALWAYS" + "_EAGER"
    files = [*ROOT.rglob("*.py"), *(ROOT.parent / "tests").rglob("*.py")]
    assert [path for path in files if setting in path.read_text().upper()] == []


def test_there_is_no_folder_for_odds_and_ends() -> None:
    assert not {path.stem for path in ROOT.rglob("*")} & {"utils", "util", "common", "helpers", "misc", "signals"}
