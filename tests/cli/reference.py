"""What is made for the command line from the code: its table of members, and the commands in
docs/command-line.md. `make docs` writes both, a test compares them."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from amicopy.copies.core.cli_command import option_of
from amicopy.copies.core.parameters import DESTINATION_REGION, PARAMETERS, Parameter
from amicopy.copies.core.steps.table import SHOWN
from amicopy_cli.main import NAME, cli

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = ROOT / "amicopy" / "cli" / "amicopy_cli" / "members.json"
STEPS_FILE = MEMBERS.with_name("steps.json")
DOCUMENT = ROOT / "docs" / "command-line.md"
WIDTH = 100
COMMANDS = "\n## Commands\n"


def members(parameters: Sequence[Parameter] = (DESTINATION_REGION, *PARAMETERS)) -> str:
    """The table of members as the command line reads it."""
    rows = [_row(parameter) for parameter in parameters]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def steps() -> str:
    """The table of steps after the copy as the command line reads it."""
    rows = [
        {
            "code": step.code,
            "option": option_of(step.code),
            "help": f"{step.help} Members: {', '.join(member.name for member in step.members)}.",
            "members": {member.name: member.kind for member in step.members},
        }
        for step in SHOWN
    ]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def document() -> str:
    """The page as it should be: what people wrote at its beginning, and every command's help."""
    written, title, _ = DOCUMENT.read_text().partition(COMMANDS)
    return f"{written}{title}\nMade by `make docs` from the commands themselves.\n\n{_helps()}"


def write(what: str) -> None:
    """The table of members, or the commands: these are made of the table as it was when this process began."""
    if what == "members":
        MEMBERS.write_text(members())
        STEPS_FILE.write_text(steps())
    else:
        DOCUMENT.write_text(document())


def _row(parameter: Parameter) -> dict[str, str]:
    return {
        "name": parameter.name,
        # The AWS CLI calls with the destination's Region, which is no member, by an option of its own.
        "option": "--region" if parameter is DESTINATION_REGION else option_of(parameter.name),
        "kind": parameter.kind,
        "scope": parameter.scope,
        "help": parameter.help or parameter.label,
    }


def _helps() -> str:
    """The help of every command, in the order of their names."""
    top = click.Context(
        cli, info_name=NAME, terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=["--help"]
    )
    return "\n".join(_help(cli, top))


def _help(command: click.Command, context: click.Context) -> Iterator[str]:
    title = f"### {context.command_path}\n\n" if context.parent else ""
    yield f"{title}```\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.commands[name]
            yield from _help(below, click.Context(below, info_name=name, parent=context))


if __name__ == "__main__":
    write(sys.argv[1])
