"""The pages for what went wrong. Django's own look for a token in the body first, for which they read it: one that is
broken or too large would make an error of the server out of each of them."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

# How soon a page that couldn't be made is asked for again.
AGAIN_SECONDS = 5


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, without a word of what was sent."""
    return HttpResponse(render_to_string("400.html"), status=400)


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, with the words of whoever refused."""
    return render(request, "403.html", {"exception": str(exception)}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return render(request, "404.html", status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """500, of nothing that could be broken as well; 503 where it is the database that is away or overtaxed."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return unavailable(sent=request.method not in {"GET", "HEAD"})
    return HttpResponse(render_to_string("500.html"), status=500)


def unavailable(*, sent: bool) -> HttpResponse:
    """503, which asks again by itself; `sent`: unless something was sent, which nobody may send twice unseen."""
    page = render_to_string("503.html", {"sent": sent, "seconds": AGAIN_SECONDS})
    return HttpResponse(page, status=503, headers={"Retry-After": str(AGAIN_SECONDS), "Cache-Control": "no-store"})
