"""The strip: on every page, and with every poll, that nothing has run for a while."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from amicopy.copies.core import permissions
from amicopy.copies.operations.health.silence import Silence, silence
from amicopy.web.actor import signed_in


def context_of(request: HttpRequest) -> dict[str, Any]:
    """What `_strip.html` is drawn from."""
    found = silence()
    # Whose page it is costs a statement, and is asked only where it is said.
    return {"silence": found, "may_see_system": found is not None and permissions.may_see_system(signed_in(request))}


def stamp() -> Silence | None:
    """What changes when the strip does, for conditional polls."""
    return silence()


def appended(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """The answer to a poll, with the strip beside it; one without a body stays as it is."""
    if answer.status_code == 200 and not answer.streaming:
        answer.content += render_to_string("_strip.html", context_of(request) | {"oob": True}).encode()
    return answer
