"""`amicopy request-steps`: steps for an AMI that exists, without a copy."""

from typing import Any
from uuid import uuid4

import click

from amicopy_cli import members, output, progress, steps
from amicopy_cli.client import Client
from amicopy_cli.exits import Exit
from amicopy_cli.submissions import CORRELATION, IDEMPOTENCY_KEY, WEBHOOK, filed, said

OWN = ("reason", "correlation", "webhook", "start_not_before")


@click.command("request-steps")
@click.option(
    "--account",
    required=True,
    envvar="AMICOPY_ACCOUNT",
    show_envvar=True,
    help="The 12 digits of the AWS account that owns the AMI.",
)
@click.option(members.BY_NAME["SourceRegion"].option, "region", required=True, help="Where the AMI is.")
@click.option(members.BY_NAME["SourceImageId"].option, "image_id", required=True, help="The AMI's ID.")
@click.option("--reason", required=True, help="Why it is needed, for who decides.")
@CORRELATION
@WEBHOOK
@click.option(
    "--start-not-before",
    default=None,
    metavar="TIME",
    help="The steps wait for this time, such as 2026-12-01T08:00:00Z.",
)
@steps.options
@click.option("--validate", "only_check", is_flag=True, help="Say what would be refused, and ask for nothing.")
@click.option("--wait", is_flag=True, help="Stay until somebody has decided and the steps are done, or not.")
@progress.options
@IDEMPOTENCY_KEY
@output.option
def request_steps(
    account: str,
    region: str,
    image_id: str,
    only_check: bool,
    wait: bool,
    timeout: float | None,
    interval: float,
    idempotency_key: str | None,
    form: str,
    **given: Any,
) -> Exit:
    """Ask for steps for an AMI of the account's own that exists.

    Nothing is copied, and the AMI is never removed. The steps are those after a copy: who may launch it, an alias, a
    deprecation date. Cancelled, they are undone.
    """
    client, wanted = Client.of_context(), steps.taken(given)
    own = {name: given[name] for name in OWN if given[name] is not None}
    body = {"account": account, **own, "SourceRegion": region, "SourceImageId": image_id, "steps": wanted}
    if only_check:
        found = client.post("requests/for-image/validate", body)
        output.checked(found, form)
        return Exit.DONE if found["valid"] else Exit.REFUSED
    row = filed(client, "requests/for-image", body, idempotency_key or str(uuid4()))
    said(row, "" if wait else form)
    if not wait:
        return Exit.DONE
    return progress.ended(client, [row["number"]], form=form, bars=False, timeout=timeout, interval=interval)
