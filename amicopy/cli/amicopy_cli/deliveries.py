"""`amicopy deliveries` and `resend`: what a request's webhook was told."""

import click

from amicopy_cli import output
from amicopy_cli.client import Client
from amicopy_cli.request_queries import number


@click.command("deliveries")
@number
@output.option
def deliveries(number: int, form: str) -> None:
    """List what the webhook of a request was and will be told, newest first."""
    output.deliveries(Client.of_context().get(f"requests/{number}/deliveries"), form)


@click.command("resend")
@number
@click.argument("delivery", type=click.IntRange(min=1, max=2**63 - 1))
@output.option
def resend(number: int, delivery: int, form: str) -> None:
    """Have one of them sent once more, with the id it had; amicopy deliveries shows which."""
    sent = Client.of_context().post(f"requests/{number}/deliveries/{delivery}/resend")
    output.deliveries([sent], form)
