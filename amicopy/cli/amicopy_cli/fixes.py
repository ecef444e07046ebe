"""`amicopy fix`: a failed copy asked for again with something changed."""

from typing import Any

import click

from amicopy_cli import members, output, progress
from amicopy_cli.client import Client, readable
from amicopy_cli.exits import Exit
from amicopy_cli.request_queries import number
from amicopy_cli.submissions import SUBMIT_ANYWAY, AwsCommand, anyway_of

OPTIONS = {member.option.removeprefix("--"): member.name for member in members.MEMBERS}


@click.command("fix", cls=AwsCommand)
@number
@click.option(
    "--copy", "copy_id", type=click.INT, required=True, help="The failed copy, by its number in amicopy show."
)
@members.options
@click.option(
    "--without", multiple=True, type=click.Choice(list(OPTIONS)), help="Leave this out of what was asked for."
)
@click.option("--reason", default=None, help="Why the copy is needed; otherwise the reason of before.")
@click.option("--correlation", default=None, help="What you call it, such as the id of a pipeline's run.")
@SUBMIT_ANYWAY
@click.option("--wait", is_flag=True, help="Stay until somebody has decided and the copy is there, or not.")
@progress.options
@click.option("--idempotency-key", default=None, metavar="KEY", help="As of amicopy request.")
@output.option
def fix(
    number: int,
    copy_id: int,
    without: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    interval: float,
    idempotency_key: str | None,
    form: str,
    **given: Any,
) -> Exit:
    """Ask for a failed copy again, with these members changed.

    That is a new request, which needs its own approval. What isn't named stays as it was.
    """
    client = Client.of_context()
    body = {"changes": _changes(members.taken(given), without), **anyway_of(given)}
    body |= {name: value for name, value in given.items() if value is not None}
    row = client.post(f"requests/{number}/copies/{copy_id}/fix", body, key=idempotency_key or "")
    if not wait:
        output.request(row, form)
        return Exit.DONE
    click.echo(f"Request #{row['number']}: {readable(row['url'])}", err=True)
    return progress.ended(client, [row["number"]], form=form, bars=False, timeout=timeout, interval=interval)


def _changes(values: dict[str, Any], without: tuple[str, ...]) -> dict[str, Any]:
    """What is otherwise: one value for each member, null for what is left out. Raises click.UsageError."""
    for name, value in values.items():
        if members.BY_NAME[name].of_destination:
            if len(value) > 1:
                raise click.UsageError(f"One copy goes to one place: give {members.BY_NAME[name].option} once.")
            values[name] = value[0]
    return {**values, **{OPTIONS[each]: None for each in without}}
