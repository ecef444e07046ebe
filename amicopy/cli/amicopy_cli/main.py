"""The command `amicopy`, and how a run of it ends."""

import sys
from typing import Any, NoReturn

import click
from click.shell_completion import get_completion_class

from amicopy_cli import (
    __version__,
    deliveries,
    fixes,
    history,
    image_steps,
    login,
    output,
    request_actions,
    request_queries,
    submissions,
)
from amicopy_cli.client import Client
from amicopy_cli.exits import Exit, Refused
from amicopy_cli.progress import Duration

NAME = "amicopy"
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
CODES = "\n".join(f"  {code.value:<4}{code.words}" for code in Exit)
EPILOG = f"""\b
Exit codes:
{CODES}

\b
Environment:
  {login.SERVER}      where amicopy is, such as https://amicopy.example
  {login.TOKEN}       a token, from its page My account, API tokens; never an argument
  {login.CA_BUNDLE}   certificates to trust instead of the system's
"""


class Amicopy(click.Group):
    """A group whose refusals are JSON where JSON was asked for."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refused as refused:
            if ctx.meta.get(output.FORM) == "json" and refused.problem:
                output.as_json(refused.problem)
            raise


@click.group(NAME, cls=Amicopy, epilog=EPILOG, context_settings=SETTINGS)
@click.version_option(__version__, prog_name=NAME)
@click.option(
    "--retry-for",
    type=Duration(),
    default="2m",
    show_default=True,
    envvar="AMICOPY_RETRY_FOR",
    show_envvar=True,
    help="How long amicopy may be away, or busy, before a call gives up.",
)
@click.pass_context
def cli(ctx: click.Context, retry_for: float) -> None:
    """Copy Amazon Machine Images under control: ask, follow, decide, prove."""
    ctx.obj = retry_for


@cli.command("login")
@click.argument("server", envvar=login.SERVER)
def sign_in(server: str) -> None:
    """Keep a server's address and a token for it, read from a prompt or from standard input."""
    address = login.checked(server)
    typed = click.prompt("Token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    found = login.made(address, typed)
    Client.of_context(found).get("openapi.json")
    where = login.keep(found)
    click.echo(f"The token works for {address}. It is kept in {where}.", err=True)


@cli.command("logout")
def sign_out() -> None:
    """Forget what login kept. The token itself goes on working until it is revoked."""
    login.forget()


@cli.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion for a shell: eval "$(amicopy completion bash)"."""
    made = get_completion_class(shell)
    if made is not None:
        click.echo(made(cli, {}, NAME, "_AMICOPY_COMPLETE").source())


for command in (
    *(submissions.request, submissions.validate, submissions.estimate, image_steps.request_steps, fixes.fix),
    *(
        request_queries.source,
        request_queries.status,
        request_queries.wait,
        request_queries.list_requests,
        request_queries.show,
    ),
    *(
        request_actions.approve,
        request_actions.withdraw_vote,
        request_actions.reject,
        request_actions.request_changes,
        request_actions.withdraw,
        request_actions.cancel,
        request_actions.retry,
    ),
    *(deliveries.deliveries, deliveries.resend, history.audit),
):
    cli.add_command(command)


def main() -> NoReturn:
    """Runs the command of the arguments and ends the process with its exit code."""
    try:
        code = cli.main(prog_name=NAME, standalone_mode=False)
    except click.Abort:
        click.echo("Stopped.", err=True)
        code = Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    sys.exit(code if isinstance(code, int) else Exit.DONE)
