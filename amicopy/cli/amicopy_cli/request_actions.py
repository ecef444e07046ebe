"""`amicopy approve`, `withdraw-vote`, `reject`, `request-changes`, `cancel`, `withdraw` and `retry`."""

import sys
from typing import Any

import click

from amicopy_cli import output
from amicopy_cli.client import Client
from amicopy_cli.request_queries import number

hash_option = click.option(
    "--content-hash",
    default=None,
    metavar="HASH",
    help="The content hash of what you read, from amicopy show. Without it the request is shown and you are asked.",
)
copy_option = click.option("--copy", "copy_id", type=click.INT, help="One copy, by its number in amicopy show.")


@click.command("approve")
@number
@hash_option
@click.option("--reason", default="", help="For the history.")
@output.option
def approve(number: int, content_hash: str | None, reason: str, form: str) -> None:
    """Approve exactly what you read: when anything has changed since, nothing is approved."""
    _decide("approve", number, content_hash, reason, form)


@click.command("withdraw-vote")
@number
@output.option
def withdraw_vote(number: int, form: str) -> None:
    """Take an approval of your own back before anything starts by it."""
    output.request(Client.of_context().post(f"requests/{number}/withdraw-vote"), form)


@click.command("reject")
@number
@hash_option
@click.option("--reason", required=True, help="Why, for who asked.")
@output.option
def reject(number: int, content_hash: str | None, reason: str, form: str) -> None:
    """Reject exactly what you read."""
    _decide("reject", number, content_hash, reason, form)


@click.command("request-changes")
@number
@hash_option
@click.option("--reason", required=True, help="What has to be different, for who asked.")
@output.option
def request_changes(number: int, content_hash: str | None, reason: str, form: str) -> None:
    """Send exactly what you read back to who asked."""
    _decide("request-changes", number, content_hash, reason, form)


@click.command("withdraw")
@number
@output.option
def withdraw(number: int, form: str) -> None:
    """Take a request of your own back before somebody decides."""
    output.request(Client.of_context().post(f"requests/{number}/withdraw"), form)


@click.command("cancel")
@number
@copy_option
@output.option
def cancel(number: int, copy_id: int | None, form: str) -> None:
    """Cancel copies that aren't over. What AWS had begun is removed."""
    output.request(Client.of_context().post(f"requests/{number}/cancel", _which(copy_id)), form)


@click.command("retry")
@number
@copy_option
@output.option
def retry(number: int, copy_id: int | None, form: str) -> None:
    """Try failed copies again; the approval still counts."""
    output.request(Client.of_context().post(f"requests/{number}/retry", _which(copy_id)), form)


def _decide(kind: str, number: int, content_hash: str | None, reason: str, form: str) -> None:
    client = Client.of_context()
    if content_hash is None:
        if not sys.stdin.isatty():
            raise click.UsageError("Say which content you read: --content-hash, from amicopy show.")
        row = client.get(f"requests/{number}")
        output.request(row, "table")
        click.confirm(f"\n{kind.capitalize().replace('-', ' ')} exactly this?", abort=True, err=True)
        content_hash = row["content_hash"]
    headers = {"If-Match": f'"{content_hash}"'}
    decided = client.post(f"requests/{number}/decision", {"kind": kind, "reason": reason}, headers=headers)
    output.request(decided, form)


def _which(copy_id: int | None) -> dict[str, Any]:
    return {} if copy_id is None else {"copy_id": copy_id}
