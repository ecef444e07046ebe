"""The README says what the code says: states, settings, dependencies."""

import ast
import re
import tomllib
from pathlib import Path

from amicopy.copies.core.states import COPY_MOVES, REQUEST_MOVES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    assert found, title
    return found[1]


def test_the_picture_shows_exactly_the_moves_of_the_tables() -> None:
    drawn = set(re.findall(r"^\s+([A-Z_]+) --> ([A-Z_]+)$", section("States"), re.M))
    allowed = {(old, new) for moves in (REQUEST_MOVES, COPY_MOVES) for old, news in moves.items() for new in news}
    assert drawn == {(str(old), str(new)) for old, new in allowed}


def test_the_table_of_settings_lists_exactly_what_settings_read() -> None:
    tree = ast.parse((ROOT / "amicopy" / "settings" / "environment.py").read_text())
    read = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    listed = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", section("Settings"), re.M))
    assert listed == read


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    cli = tomllib.loads((ROOT / "amicopy" / "cli" / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    wanted += [*cli["project"]["dependencies"], *cli["project"]["optional-dependencies"]["keyring"]]
    wanted += cli["build-system"]["requires"]
    names = {re.split(r"[\[><=;!~ ]", text)[0] for text in wanted}
    explained = {
        name.strip()
        for row in re.findall(r"^\| ([a-z0-9, -]+) \|", section("Dependencies"), re.M)
        for name in row.split(",")
    }
    assert names <= explained
    assert explained - {"package", "---"} <= names


def test_the_sections_stand_in_their_order() -> None:
    titles = re.findall(r"^## (.+)$", README, re.M)
    assert titles == [
        "States",
        "Start",
        "Pointing it at AWS",
        "Settings",
        "Worker and beat",
        "Command line",
        "Modules",
        "Dependencies",
        "Decisions",
    ]
