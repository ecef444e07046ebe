"""`amicopy list`, `show`, `source`, `status` and `wait`."""

from typing import Any

import click

from amicopy_cli import members, output, progress
from amicopy_cli.client import Client
from amicopy_cli.exits import Exit

MOST_AT_ONCE = 100
number = click.argument("number", type=click.IntRange(min=1, max=2**63 - 1))


@click.command("list")
@click.option("--state", default=None, help="Such as PENDING, APPROVED, COMPLETED, PARTIAL or FAILED.")
@click.option("--account", default=None, help="The 12 digits of an AWS account.")
@click.option("--correlation", default=None, help="What the program that asked called it.")
@click.option("--limit", type=click.IntRange(min=1), default=25, show_default=True, help="How many at most.")
@output.option
def list_requests(limit: int, form: str, **narrowed: str | None) -> None:
    """List requests, newest first."""
    client = Client.of_context()
    rows: list[Any] = []
    cursor: str | None = None
    while len(rows) < limit:
        page = client.get("requests", limit=min(MOST_AT_ONCE, limit - len(rows)), cursor=cursor, **narrowed)
        rows += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    output.requests(rows, form)


@click.command("show")
@number
@output.option
def show(number: int, form: str) -> None:
    """Show a request with its copies, and the content hash that a decision names."""
    output.request(Client.of_context().get(f"requests/{number}"), form)


@click.command("source")
@click.option("--account", required=True, envvar="AMICOPY_ACCOUNT", show_envvar=True, help="The account to look with.")
@click.option(members.BY_NAME["SourceRegion"].option, "region", required=True, help="Where the AMI is.")
@click.option(members.BY_NAME["SourceImageId"].option, "image_id", required=True, help="The AMI's ID.")
@output.option
def source(account: str, region: str, image_id: str, form: str) -> Exit:
    """Say what AWS shows of an AMI, and what would stop a copy of it.

    The exit code is 0 when it is there and nothing stops a copy, 6 otherwise.
    """
    asked = {"account": account, "SourceRegion": region, "SourceImageId": image_id}
    seen = Client.of_context().looked_up("source", asked)
    output.source(seen, form)
    return Exit.DONE if seen["usable"] else Exit.REFUSED


@click.command("status")
@number
@click.option("--follow", is_flag=True, help="Until it is final, with a bar for each destination.")
@progress.options
@output.option
def status(number: int, follow: bool, form: str, **how: Any) -> Exit:
    """Say how far a request is.

    Without --follow the exit code is 0 whatever became of the request; with it, as of `amicopy wait`.
    """
    client = Client.of_context()
    if follow:
        return progress.ended(client, [number], form=form, bars=True, **how)
    output.status(client.get(f"requests/{number}/status"), form)
    return Exit.DONE


@click.command("wait")
@number
@progress.options
@output.option
def wait(number: int, form: str, **how: Any) -> Exit:
    """Wait until a request is final; the exit code says what became of it."""
    return progress.ended(Client.of_context(), [number], form=form, bars=False, **how)
