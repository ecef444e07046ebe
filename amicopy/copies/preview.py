"""The same call as a command of the AWS CLI, for people to read, check and keep."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from amicopy.copies.calls import Call

# The CLI's option is the member's name in kebab case.
# https://docs.aws.amazon.com/cli/latest/reference/ec2/copy-image.html


def command(call: Call) -> list[str]:
    """`aws ec2 copy-image` for one call, an option a line, quoted for a POSIX shell."""
    lines = ["aws ec2 copy-image", f"--region {shlex.quote(call.DestinationRegion or 'REGION')}"]
    members: Mapping[str, Any] = dict(call.parameters)
    if call.ClientToken:
        members = {**members, "ClientToken": call.ClientToken}
    for name, value in members.items():
        option = "--" + "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")
        if value is True:
            lines.append(option)
        elif value is False:
            lines.append(f"--no-{option.removeprefix('--')}")
        elif isinstance(value, list):
            lines.append(f"{option} {shlex.quote(json.dumps(value, ensure_ascii=False))}")
        else:
            lines.append(f"{option} {shlex.quote(str(value))}")
    return lines
