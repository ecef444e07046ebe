"""CopyImage's members as options, spelt as `aws ec2 copy-image` does, and from options to what the API is asked.

`members.json` is made from amicopy's own table of members; what it has appears here. What their values must be is for
the server to say.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, TypeVar

import click

from amicopy_cli import shorthand, steps

F = TypeVar("F", bound=Callable[..., Any])


class Shorthand(click.ParamType[Any]):
    """A structure, in the AWS CLI's shorthand or as JSON."""

    name = "structure"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return shorthand.parse(value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Member:
    """A member, or the destination's Region: its name at AWS, its option there, and which part of a request has it."""

    name: str
    option: str
    kind: str
    scope: str
    help: str

    @property
    def argument(self) -> str:
        """What click calls its value."""
        return self.option.removeprefix("--").replace("-", "_")

    @property
    def of_destination(self) -> bool:
        """Whether every destination has its own and nothing stands for all."""
        return self.scope == "destination"

    def as_option(self) -> click.Option:
        """Its option; those of destinations can be there more than once, and lists as well."""
        many = self.of_destination or self.kind == "tags"
        if self.kind in {"flag", "three-way"}:
            no = f"--no-{self.option.removeprefix('--')}"
            return click.Option([f"{self.option}/{no}", self.argument], default=None, help=self.help)
        types: Mapping[str, Any] = {"number": click.INT, "tags": Shorthand()}
        return click.Option(
            [self.option, self.argument],
            type=types.get(self.kind, click.STRING),
            multiple=many,
            metavar="STRUCTURE" if self.kind == "tags" else None,
            help=self.help,
        )


MEMBERS = [Member(**row) for row in json.loads(files("amicopy_cli").joinpath("members.json").read_text("utf-8"))]
BY_NAME = {member.name: member for member in MEMBERS}
REGION = "DestinationRegion"
# Members of a request besides CopyImage's, by their options.
OPTIONS = {name: f"--{name.replace('_', '-')}" for name in ("account", "reason", "start_not_before", "webhook")}
STEP = re.compile(r"#/(?:destinations/([0-9]+)/)?steps/(\w+)(?:/(\w+))?")
PLACE = re.compile(r"#/(?:copy_image|changes|destinations/([0-9]+))/(\w+)")


def options(command: F) -> F:
    """Gives a command the options of all members, in the table's order."""
    for member in reversed(MEMBERS):
        option = member.as_option()
        command.__dict__.setdefault("__click_params__", []).append(option)
    return command


def taken(given: dict[str, Any]) -> dict[str, Any]:
    """Takes the members' values out of a command's and returns those that were given, by the members' names."""
    found: dict[str, Any] = {}
    for member in MEMBERS:
        value = given.pop(member.argument, None)
        if value is None or value == ():
            continue
        if member.kind == "tags":
            value = [each for part in value for each in (part if isinstance(part, list) else [part])]
        found[member.name] = list(value) if isinstance(value, tuple) else value
    return found


def divided(call: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The members of one call: those of its destination, and those that can stand for all."""
    own = {name: value for name, value in call.items() if BY_NAME[name].of_destination}
    return own, {name: value for name, value in call.items() if name not in own}


def body_of(
    values: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], *, otherwise: Mapping[str, Any]
) -> dict[str, Any]:
    """`copy_image` and `destinations` of a request. `values` are members as `taken` returns them, `rows` destinations
    that were said in full, `otherwise` the one where nothing else is. Raises click.UsageError where it isn't clear what
    belongs together."""
    own, shared = divided(values)
    said = [*_destinations(own, values.get("SourceRegion", "")), *map(dict, rows)]
    return {"copy_image": shared, "destinations": said or ([dict(otherwise)] if otherwise else [])}


def _destinations(own: Mapping[str, Sequence[str]], source: str) -> list[dict[str, str]]:
    """A destination for each Region; an Outpost or a zone is one of its own, in the one Region that is named or, as AWS
    wants it, in the source's."""
    regions = own.get(REGION, [])
    places = [(name, value) for name in own if name != REGION for value in own[name]]
    if not places:
        return [{REGION: region} for region in regions]
    if len(regions) > 1:
        raise click.UsageError(
            "With several --region it isn't clear which of them an Outpost or a zone is in: say it with "
            f"--destination, such as --destination {REGION}={regions[0]},{places[0][0]}={places[0][1]}"
        )
    region = regions[0] if regions else source
    return [{REGION: region, name: value} for name, value in places]


def row_of(parsed: Any) -> dict[str, Any]:
    """A destination that was said in full, with values of their members' types. Raises click.BadParameter."""
    if not isinstance(parsed, dict):
        raise click.BadParameter(f"A destination is a structure such as {REGION}=eu-west-1,KmsKeyId=alias/images.")
    return {
        name: steps.of_structure(value) if name == "steps" else _typed(name, value) for name, value in parsed.items()
    }


def _typed(name: str, value: Any) -> Any:
    kind = BY_NAME[name].kind if name in BY_NAME else ""
    if not isinstance(value, str):
        return value
    if kind == "number" and value.isdecimal():
        return int(value)
    words = {"true": True, "false": False}
    return words.get(value.lower(), value) if kind in {"flag", "three-way"} else value


def where(pointer: str) -> str:
    """The option that a pointer of a problem is about, with a colon behind; empty for no place."""
    if of_step := STEP.fullmatch(pointer):
        option = steps.BY_CODE[of_step[2]].option if of_step[2] in steps.BY_CODE else of_step[2]
        named = f"{option} {of_step[3]}" if of_step[3] else option
        return f"destination {int(of_step[1]) + 1}, {named}: " if of_step[1] else f"{named}: "
    found = PLACE.fullmatch(pointer)
    if found is None:
        name = pointer.removeprefix("#").removeprefix("/")
        option = OPTIONS.get(name, name)
        return f"{option}: " if option else ""
    option = BY_NAME[found[2]].option if found[2] in BY_NAME else found[2]
    return f"destination {int(found[1]) + 1}, {option}: " if found[1] else f"{option}: "
