"""Steps after the copy as options: one for each step, `--launch-permission UserIds=222233334444`, `--steps` for all.

`steps.json` is made from amicopy's own table of steps. What their members must be is for the server to say.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import click

from amicopy_cli import shorthand

F = TypeVar("F", bound=Callable[..., Any])
FILE = "file://"


class Structure(click.ParamType[Any]):
    """A structure in the AWS CLI's shorthand, as JSON, or from a file that has JSON."""

    name = "structure"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        if not value.startswith(FILE):
            # A step of which nothing has to be said.
            return shorthand.parse(value) if value.strip() else {}
        try:
            return json.loads(Path(value.removeprefix(FILE)).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise click.BadParameter(f"{value} isn't a file with JSON: {error}.") from None


@dataclass(frozen=True)
class Step:
    """A step: its name at AWS, its option, and the kinds of its members by their names."""

    code: str
    option: str
    help: str
    members: Mapping[str, str]

    @property
    def argument(self) -> str:
        """What click calls its value."""
        return self.option.removeprefix("--").replace("-", "_")

    def typed(self, plain: Any) -> Any:
        """Its members with values of their types, as far as they are text that can be one."""
        if not isinstance(plain, dict):
            raise click.BadParameter(f"{self.option} takes a structure such as {self._example}.")
        return {name: _typed(self.members.get(name, ""), value) for name, value in plain.items()}

    @property
    def _example(self) -> str:
        name, kind = next(iter(self.members.items()))
        return f"{name}={'true' if kind == 'flag' else '…'}"


def _typed(kind: str, value: Any) -> Any:
    if kind == "texts":
        return value if isinstance(value, list) else [value]
    if not isinstance(value, str):
        return value
    if kind == "number" and value.isdecimal():
        return int(value)
    return {"true": True, "false": False}.get(value.lower(), value) if kind == "flag" else value


STEPS = [Step(**row) for row in json.loads(files("amicopy_cli").joinpath("steps.json").read_text("utf-8"))]
BY_CODE = {step.code: step for step in STEPS}


def options(command: F) -> F:
    """Gives a command the options of all steps."""
    for step in reversed(STEPS):
        option = click.Option([step.option, step.argument], type=Structure(), metavar="STRUCTURE", help=step.help)
        command.__dict__.setdefault("__click_params__", []).append(option)
    words = f"All steps after the copy by their names, as JSON: from a file with {FILE}steps.json."
    option = click.Option(["--steps", "all_steps"], type=Structure(), metavar="STRUCTURE", help=words)
    command.__dict__["__click_params__"].append(option)
    return command


def taken(given: dict[str, Any]) -> dict[str, Any]:
    """Takes the steps out of a command's values; an option of one step counts before `--steps`."""
    found = of_structure(given.pop("all_steps", None) or {})
    for step in STEPS:
        plain = given.pop(step.argument, None)
        if plain is not None:
            found[step.code] = step.typed(plain)
    return found


def of_structure(plain: Any) -> dict[str, Any]:
    """Steps by name with values of their members' types; None stays, for a destination without a step. Raises
    click.BadParameter."""
    if not isinstance(plain, dict):
        raise click.BadParameter('Steps are a structure such as {"LaunchPermission": {"UserIds": ["222233334444"]}}.')
    return {
        code: BY_CODE[code].typed(members) if code in BY_CODE and members is not None else members
        for code, members in plain.items()
    }
