"""How a run ends: codes that pipelines can go by, and the errors that carry them."""

from enum import IntEnum
from typing import Any

import click


class Exit(IntEnum):
    """The exit codes; each has its words for who reads the help."""

    DONE = 0, "done: what was asked for was done, the copies are there"
    USAGE = 2, "the command was called in a wrong way, or no server and token are set up"
    WAITING = 3, "the time limit was reached; the request goes on"
    NOT_APPROVED = 4, "the request was rejected, withdrawn or cancelled, or it expired"
    FAILED = 5, "copies failed, all of them or some"
    REFUSED = 6, "amicopy refused: by a rule, by the request's state, or because there is no such request"
    UNREACHABLE = 7, "amicopy can't be reached, or the token doesn't work or isn't for this"
    INTERRUPTED = 130, "Ctrl-C"

    words: str

    def __new__(cls, code: int, words: str) -> "Exit":
        made = int.__new__(cls, code)
        made._value_ = code
        made.words = words
        return made


# What became of a request, as its status says.
OF_OUTCOME = {
    "succeeded": Exit.DONE,
    "partly": Exit.FAILED,
    "failed": Exit.FAILED,
    "rejected": Exit.NOT_APPROVED,
    "expired": Exit.NOT_APPROVED,
    "cancelled": Exit.NOT_APPROVED,
}


class Unreachable(click.ClickException):
    """No answer, or one that isn't amicopy's."""

    exit_code = Exit.UNREACHABLE


class Refused(click.ClickException):
    """amicopy said no. `problem` is its document (RFC 9457)."""

    def __init__(self, status: int, problem: dict[str, Any], words: str) -> None:
        super().__init__(words)
        self.problem = problem
        self.status = status

    @property
    def exit_code(self) -> Exit:  # type: ignore[override]  # click has an attribute
        return Exit.UNREACHABLE if self.status in {401, 403, 429} or self.status >= 500 else Exit.REFUSED


class Unclear(click.ClickException):
    """The command doesn't say what is needed, or nothing was set up yet."""

    exit_code = Exit.USAGE
