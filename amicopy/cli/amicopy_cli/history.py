"""`amicopy audit export` and `audit verify`."""

import re
import sys
from pathlib import Path
from typing import IO

import click
import httpx2

from amicopy_cli import verify_amicopy
from amicopy_cli.client import Client
from amicopy_cli.exits import Unclear

NAMED = re.compile(r'filename="([A-Za-z0-9][A-Za-z0-9._-]{0,100})"')


@click.group("audit")
def audit() -> None:
    """Take a copy of the history, and look whether it holds."""


@audit.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice(["zip", "jsonl", "csv"]),
    default="zip",
    show_default=True,
    help="zip: with all that is needed to verify it.",
)
@click.option("--to", "path", type=click.Path(path_type=Path, allow_dash=True), help="The file; - for standard output.")
@click.option("--since", metavar="TIME", help="Events from this time on, such as 2026-11-01T00:00:00Z.")
@click.option("--until", metavar="TIME", help="Events up to this time.")
@click.option("--actor", help="Who did it.")
@click.option("--action", help="What was done, such as request.approved.")
@click.option("--request", type=click.INT, help="A request's number.")
@click.option("--account", help="The 12 digits of an AWS account.")
@click.option("--region", help="A Region.")
@click.option("--image", help="An AMI's ID.")
def export(form: str, path: Path | None, **narrowed: str | int | None) -> None:
    """Write the history, as far as you may see it, to a file.

    The file is complete once it has its name. One that is there already isn't written over.
    """
    query = {"format": form, **{name: str(value) for name, value in narrowed.items() if value is not None}}
    if path is not None and path.exists():
        raise click.UsageError(f"{path} is there already.")
    with Client.of_context().file("audit/export", query) as answer:
        if str(path) == "-":
            _write(answer, sys.stdout.buffer)
            return
        named = NAMED.search(answer.headers.get("Content-Disposition", ""))
        path = path or Path(named[1] if named else f"amicopy-audit.{form}")
        _keep(answer, path)
    click.echo(f"{path}: {path.stat().st_size:,} bytes", err=True)


@audit.command(
    "verify",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def verify(arguments: tuple[str, ...]) -> int:
    """Verify an export: what verify_amicopy.py does, which every export has within.

    `amicopy audit verify --help` says how. It asks no server. Its exit codes are its own: 0 when all holds, 1 when
    something doesn't, 2 when it was called in a wrong way, 3 when not everything could be looked at.
    """
    try:
        return verify_amicopy.main(list(arguments))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0


def _keep(answer: httpx2.Response, path: Path) -> None:
    """Writes a file under another name until it is complete."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            _write(answer, file)
        part.replace(path)
    except OSError as error:
        raise Unclear(f"{path} can't be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def _write(answer: httpx2.Response, file: IO[bytes]) -> None:
    for piece in answer.iter_bytes():
        file.write(piece)
    file.flush()
