"""`amicopy request`, `validate` and `estimate`: from options, or a pasted aws command, to what the API is asked."""

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import uuid4

import click

from amicopy_cli import aws_command, members, output, progress, steps
from amicopy_cli.client import Client, readable, refusal
from amicopy_cli.exits import Exit, Unreachable
from amicopy_cli.members import Shorthand

F = TypeVar("F", bound=Callable[..., Any])
OWN = ("reason", "correlation", "webhook", "start_not_before", "continues", "mends")


class AwsCommand(click.Command):
    """A command that takes lists as the AWS CLI does, several values behind one option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(aws_command.spread(args)))


def _row(ctx: click.Context, param: click.Parameter, value: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [members.row_of(each) for each in value]


SUBMIT_ANYWAY = click.option(
    "--submit-anyway",
    default=None,
    metavar="REASON",
    help="Ask for it although AWS said that something is in the way, and say why: who decides reads it first.",
)
CORRELATION = click.option("--correlation", default=None, help="What you call it, such as the id of a pipeline's run.")
WEBHOOK = click.option("--webhook", default=None, metavar="NAME", help="A webhook that is told, of those for requests.")
IDEMPOTENCY_KEY = click.option(
    "--idempotency-key",
    default=None,
    metavar="KEY",
    help="A name for this call, if the run itself may be repeated: the same again asks for nothing twice. "
    "Otherwise one is made for each run.",
)
# What is asked for besides CopyImage's members.
ABOUT = (
    click.option(
        "--account",
        "accounts",
        multiple=True,
        required=True,
        envvar="AMICOPY_ACCOUNT",
        show_envvar=True,
        help="The 12 digits of the AWS account to copy into. Several: a request in each.",
    ),
    click.option("--reason", required=True, help="Why the copy is needed, for who decides."),
    CORRELATION,
    WEBHOOK,
    click.option(
        "--start-not-before",
        default=None,
        metavar="TIME",
        help="Copies wait for this time, such as 2026-12-01T08:00:00Z.",
    ),
    click.option("--continues", type=click.INT, help="The finished request these are more destinations of."),
    click.option("--mends", type=click.INT, help="The failed copy of another request to ask for again."),
    SUBMIT_ANYWAY,
    click.option(
        "--destination",
        "rows",
        type=Shorthand(),
        multiple=True,
        callback=_row,
        metavar="STRUCTURE",
        help="A destination with members, or steps, of its own: DestinationRegion=eu-west-1,KmsKeyId=alias/images",
    ),
    click.option(
        "--from-command",
        metavar="COMMAND",
        help="Take the members from an aws ec2 copy-image command; - reads it from standard input. "
        "Options here come before its own.",
    ),
)


def _asked(command: F) -> F:
    """Gives a command the options that say what is asked for; it gets them as one body for each account."""

    @wraps(command)
    def with_bodies(**given: Any) -> Any:
        return command(bodies=list(_bodies(given)), **given)

    made: Any = members.options(steps.options(with_bodies))
    for option in reversed(ABOUT):
        made = option(made)
    return cast("F", made)


@click.command("request", cls=AwsCommand)
@_asked
@click.option("--wait", is_flag=True, help="Stay until somebody has decided and the copies are there, or not.")
@click.option("--follow", is_flag=True, help="The same, and show how far each destination is.")
@progress.options
@IDEMPOTENCY_KEY
@output.option
def request(
    bodies: list[dict[str, Any]],
    wait: bool,
    follow: bool,
    timeout: float | None,
    interval: float,
    idempotency_key: str | None,
    form: str,
) -> Exit:
    """Ask for copies of an AMI.

    The options are those of `aws ec2 copy-image`, and each --region is a destination. An Outpost or a Local Zone is
    one as well, in the --region named, or else in the source's.
    """
    client = Client.of_context()
    key = idempotency_key or str(uuid4())
    if len(bodies) > 1:
        # All or none, as far as can be known before: what one account refuses isn't asked for in the others.
        for body in bodies:
            _check(client, body)
    asked = list(_filed(client, bodies, key, form="" if wait or follow else form))
    if not (wait or follow):
        return Exit.DONE
    numbers = [row["number"] for row in asked]
    return progress.ended(client, numbers, form=form, bars=follow, timeout=timeout, interval=interval)


@click.command("validate", cls=AwsCommand)
@_asked
@output.option
def validate(bodies: list[dict[str, Any]], form: str) -> Exit:
    """Say what would be refused and what may surprise, and ask for nothing."""
    client = Client.of_context()
    worst = Exit.DONE
    for body in bodies:
        found = client.post("requests/validate", body)
        output.checked(found, form)
        worst = max(worst, Exit.DONE if found["valid"] else Exit.REFUSED)
    return worst


@click.command("estimate", cls=AwsCommand)
@_asked
@output.option
def estimate(bodies: list[dict[str, Any]], form: str) -> None:
    """Say how much would be copied, how long that takes by earlier copies, what it costs, and ask for nothing."""
    client = Client.of_context()
    for body in bodies:
        output.estimate(client.post("requests/estimate", body), form)


def _bodies(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the API is asked, for each account; takes the options it is made of out of a command's."""
    values, after, one = members.taken(given), steps.taken(given), dict[str, Any]()
    rows, accounts, pasted = given.pop("rows"), given.pop("accounts"), given.pop("from_command")
    own = {name: value for name in OWN if (value := given.pop(name)) is not None}
    own |= anyway_of(given)
    if pasted is not None:
        found, left_out = aws_command.read(sys.stdin.read() if pasted == "-" else pasted)
        one, found = members.divided(found)
        values = {**found, **values}
        for option in left_out:
            click.echo(f"{option} is left out: it says nothing about the copy.", err=True)
    called = members.body_of(values, rows, otherwise=one)
    for account in dict.fromkeys(accounts):
        yield {"account": account, **own, **called, **({"steps": after} if after else {})}


def anyway_of(given: dict[str, Any]) -> dict[str, Any]:
    """What a body says of --submit-anyway, which is taken out of a command's options."""
    reason = given.pop("submit_anyway")
    return {} if reason is None else {"submit_anyway": True, "submit_anyway_reason": reason}


def _filed(client: Client, bodies: list[dict[str, Any]], key: str, *, form: str) -> Iterator[dict[str, Any]]:
    """Asks for each and says so at once, in a form or, without one, in a line on standard error."""
    for place, body in enumerate(bodies):
        # Each call has a key of its own; the same command under the same key makes the same ones.
        row = filed(client, "requests", body, key, own_key=f"{key}-{body['account']}" if place else key)
        said(row, form)
        yield row


def filed(client: Client, path: str, body: dict[str, Any], key: str, *, own_key: str = "") -> Any:
    """Asks once; where the answer is lost, says how the same command asks for nothing twice: by its `key`, of which
    this call may have an own one made."""
    try:
        return client.post(path, body, key=own_key or key)
    except (KeyboardInterrupt, Unreachable):
        words = f"The same command with --idempotency-key {key} asks for nothing twice."
        click.echo(f"Whether it was asked for isn't known. {words}", err=True)
        raise


def said(row: dict[str, Any], form: str) -> None:
    """Says what was asked for, in a form or, without one, in a line on standard error."""
    if form:
        output.request(row, form)
    else:
        click.echo(f"Request #{row['number']}: {readable(row['url'])}", err=True)


def _check(client: Client, body: dict[str, Any]) -> None:
    found = client.post("requests/validate", body)
    if not found["valid"]:
        words = f"It was refused for account {body['account']}. Nothing was stored in any account."
        raise refusal(422, {"code": "invalid-request", "detail": words, "errors": found["errors"]})
