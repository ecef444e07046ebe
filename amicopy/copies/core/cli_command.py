"""The same call as a command of the AWS CLI, for people to read, check and keep.

https://docs.aws.amazon.com/cli/latest/reference/ec2/copy-image.html
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from amicopy.copies.core.calls import Call

# The CLI replaces a value that begins so by what it finds there.
# https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-parameters-file.html
READ_FROM_ELSEWHERE = ("file://", "fileb://", "http://", "https://")


def command(call: Call) -> list[str]:
    """`aws ec2 copy-image` for one call, an option a line, quoted for a POSIX shell."""
    members: Mapping[str, Any] = dict(call.parameters)
    if call.ClientToken:
        members = {**members, "ClientToken": call.ClientToken}
    lines = ["aws ec2 copy-image", _option("--region", call.DestinationRegion or "REGION")]
    literal = {name: value for name, value in members.items() if _needs_json(value)}
    for name, value in members.items():
        option = option_of(name)
        if name in literal:
            continue
        if value is True:
            lines.append(option)
        elif value is False:
            lines.append(f"--no-{option.removeprefix('--')}")
        elif isinstance(value, list):
            lines.append(_option(option, json.dumps(value, ensure_ascii=False)))
        else:
            lines.append(_option(option, str(value)))
    if literal:
        lines.append(_option("--cli-input-json", json.dumps(literal, ensure_ascii=False)))
    return lines


def text(call: Call) -> str:
    """The command as one text that can be pasted."""
    return " \\\n  ".join(command(call))


def option_of(name: str) -> str:
    """What the AWS CLI calls a member."""
    return "--" + "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def _option(option: str, value: str) -> str:
    # With a space between, a value that begins with a dash would be taken for an option.
    between = "=" if value.startswith("-") else " "
    return f"{option}{between}{shlex.quote(value)}"


def _needs_json(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(READ_FROM_ELSEWHERE)
