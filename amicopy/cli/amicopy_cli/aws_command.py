"""A pasted `aws ec2 copy-image …`, read as the AWS CLI reads it."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import click

from amicopy_cli.members import BY_NAME, MEMBERS, REGION, taken

# The AWS CLI replaces a value that begins so by what it finds there.
# https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-parameters-file.html
ELSEWHERE = ("file://", "fileb://", "http://", "https://")
# What says how the AWS CLI itself goes about it, and nothing about the copy.
# https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html
WITH_VALUE = (
    *("--profile", "--output", "--query", "--endpoint-url", "--ca-bundle", "--color", "--cli-binary-format"),
    *("--cli-read-timeout", "--cli-connect-timeout", "--generate-cli-skeleton"),
)
WITHOUT_VALUE = (
    *("--debug", "--no-verify-ssl", "--no-paginate", "--no-sign-request", "--no-cli-pager", "--cli-auto-prompt"),
    "--no-cli-auto-prompt",
)
LISTS = {member.option for member in MEMBERS if member.kind == "tags"}


def spread(arguments: Sequence[str]) -> Iterator[str]:
    """Arguments with the option of a list before each of its values: the AWS CLI takes several behind one."""
    option = ""
    for each in arguments:
        if each.startswith("--"):
            option = each if each in LISTS else ""
            first = True
        elif option and not first:
            yield option
        else:
            first = False
        yield each


def read(text: str) -> tuple[dict[str, Any], list[str]]:
    """The members of the one call that a command makes, by their names, and the options that were left out. Raises
    click.UsageError."""
    words = _words(text)
    command = click.Command(
        "copy-image",
        params=[
            *(member.as_option() for member in MEMBERS),
            click.Option(["--cli-input-json", "input_json"], default=""),
            *(click.Option([name, _argument(name)]) for name in WITH_VALUE),
            *(click.Option([name, _argument(name)], is_flag=True, default=None) for name in WITHOUT_VALUE),
            click.Argument(["names"], nargs=-1),
        ],
        add_help_option=False,
    )
    try:
        given = command.make_context("aws", list(spread(words))).params
    except click.UsageError as error:
        raise _unread(error.format_message()) from None
    if given.pop("names") != ("ec2", "copy-image"):
        raise _unread("it isn't aws ec2 copy-image and its options alone")
    options = {name: value[-1] if BY_NAME[name].of_destination else value for name, value in taken(given).items()}
    found = {**_from_json(given.pop("input_json")), **options}
    for name, value in found.items():
        if isinstance(value, str) and value.startswith(ELSEWHERE):
            raise _unread(f"{BY_NAME[name].option} names {value}: put in what stands there")
    return found, [f"--{name[4:].replace('_', '-')}" for name, value in given.items() if value is not None]


def _words(text: str) -> list[str]:
    """The words of a command behind `aws`, as a POSIX shell reads them."""
    try:
        words = shlex.split(re.sub(r"\\\r?\n", " ", text))
    except ValueError as error:
        raise _unread(f"{error}") from None
    while words and (words[0] == "$" or re.fullmatch(r"[A-Za-z_]\w*=.*", words[0], re.DOTALL)):
        words.pop(0)
    if not words or words[0].rpartition("/")[2] != "aws":
        raise _unread("it doesn't begin with aws")
    return words[1:]


def _from_json(text: str) -> dict[str, Any]:
    """The members in --cli-input-json."""
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unread(f"--cli-input-json isn't JSON ({error})") from None
    unknown = set(found) - (set(BY_NAME) - {REGION}) if isinstance(found, dict) else {"a list"}
    if unknown:
        raise _unread(f"--cli-input-json has no member {sorted(unknown)[0]}")
    return dict(found)


def _argument(option: str) -> str:
    """Apart from the members' own."""
    return f"aws_{option.removeprefix('--').replace('-', '_')}"


def _unread(why: str) -> click.UsageError:
    return click.UsageError(f"The command can't be read: {why.rstrip('.')}.")
