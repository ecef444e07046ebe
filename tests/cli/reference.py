"""What is made for the command line from the code: its table of members, and docs/command-line.md. `make docs` writes
both, a test compares them."""

import json
from pathlib import Path

from amicopy.copies.core.cli_command import option_of
from amicopy.copies.core.parameters import DESTINATION_REGION, PARAMETERS, Parameter

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = ROOT / "amicopy" / "cli" / "amicopy_cli" / "members.json"
DOCUMENT = ROOT / "docs" / "command-line.md"
HELP = {"width": 100, "terminal_width": 100}


def members() -> str:
    """The table of members as the command line reads it."""
    rows = [_row(parameter) for parameter in (DESTINATION_REGION, *PARAMETERS)]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def _row(parameter: Parameter) -> dict[str, str]:
    return {
        "name": parameter.name,
        # The AWS CLI calls with the destination's Region, which is no member, by an option of its own.
        "option": "--region" if parameter is DESTINATION_REGION else option_of(parameter.name),
        "kind": parameter.kind,
        "scope": parameter.scope,
        "help": parameter.help or parameter.label,
    }
