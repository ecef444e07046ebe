"""Refusals as problem details: https://www.rfc-editor.org/rfc/rfc9457. Their words are those of the pages."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse
from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"
# As RFC 9110 names them, whatever Python's release does.
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


@dataclass(frozen=True)
class Wrong:
    """What is wrong with one member of a body, by its JSON pointer; `#` stands before it, as in the standard's own
    example. `code` is there for what look-ups found in the way, see `rules.known_problems`."""

    pointer: str
    detail: str
    code: str = ""


@dataclass(eq=False)
class Problem(Exception):
    """A refusal. `code` tells programs what it is, `detail` people."""

    status: int
    code: str
    detail: str
    errors: Sequence[Wrong] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class WrongOut(BaseModel):
    """What is wrong with one member of the body."""

    pointer: str
    detail: str
    code: str = Field(
        default="",
        description="For what AWS said is in the way of a copy; with `submit_anyway` it is let pass. Else empty.",
    )


class ProblemOut(BaseModel):
    """A refusal, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[WrongOut] = []


def answer(problem: Problem) -> JsonResponse:
    """The response that says it."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(problem.status) or HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "errors": [
            {name: value for name, value in asdict(wrong).items() if value or name != "code"}
            for wrong in problem.errors
        ],
    }
    return JsonResponse(content, status=problem.status, content_type=MEDIA_TYPE, headers=dict(problem.headers))


def not_found(what: str = "There is nothing at this address.") -> Problem:
    return Problem(404, "not-found", what)


def unavailable() -> Problem:
    """The database is away or overtaxed, or an answer took too long: whether something was done isn't known."""
    words = "amicopy's database doesn't answer. Whether the call was carried out isn't known; ask again."
    return Problem(503, "unavailable", words, headers={"Retry-After": "5"})
