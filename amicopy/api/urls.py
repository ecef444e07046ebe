"""The addresses of the API, each behind one door: closed when the API is off, for tokens alone, JSON whatever
happens."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path, re_path
from django.views.decorators.csrf import csrf_exempt

from amicopy.api import idempotency
from amicopy.api.api import api
from amicopy.api.bodies import MOST_BYTES, in_utf8, too_large
from amicopy.api.ec2 import door as ec2_door
from amicopy.api.problems import Problem, answer, not_found
from amicopy.api.token_auth import refuse_in_address

View = Callable[..., HttpResponseBase]


def door(view: View) -> View:
    """A view that only takes what a program with a token may send."""

    @csrf_exempt
    @login_not_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if not settings.API_ENABLED:
                raise not_found("The API is switched off here.")
            refuse_in_address(request)
            _check_query(request)
            _check_body(request)
            response = _kept(view, request, *args, **kwargs)
        except Problem as problem:
            response = answer(problem)
        except Http404:
            response = answer(not_found())
        if response.status_code == 405:
            allowed = {"Allow": response.get("Allow", "")}
            words = f"{request.method} isn't possible here."
            response = answer(Problem(405, "method-not-allowed", words, headers=allowed))
        for name, value in getattr(request, "limit_headers", {}).items():
            response.setdefault(name, value)
        response.setdefault("Cache-Control", "no-store")
        return response

    return guarded


def _kept(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """The view's answer, kept under the key that came with the call, if one did."""
    response = view(request, *args, **kwargs)
    if row := getattr(request, "kept", None):
        idempotency.keep(row, response)
    return response


def _check_query(request: HttpRequest) -> None:
    """Raises Problem for an address that says something twice: as in a body, nobody knows which is meant."""
    twice = [name for name, values in request.GET.lists() if len(values) > 1]
    if twice:
        raise Problem(400, "unreadable", f"Send {twice[0][:40]!r} once.")


def _check_body(request: HttpRequest) -> None:
    """Raises Problem for a body that is too large, or that isn't JSON by its own word."""
    if too_large(request):
        raise Problem(413, "too-large", f"Send at most {MOST_BYTES:,} bytes.")
    if request.META.get("CONTENT_LENGTH") not in {None, "", "0"} and not (
        request.content_type == "application/json" and in_utf8(request)
    ):
        raise Problem(415, "not-json", "Send the body as application/json in UTF-8.")


def _nothing(request: HttpRequest, rest: str) -> HttpResponse:
    raise not_found()


def _behind_door(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    for each in patterns:
        if isinstance(each, URLPattern):
            each.callback = door(each.callback)
    return patterns


_patterns, _app_name, _namespace = api.urls
urls = (
    [*_behind_door(_patterns), re_path(r"^(?P<rest>(?s:.*))\Z", door(_nothing), name="nothing")],
    _app_name,
    _namespace,
)
# Not a slash after the other is sent on: the path is signed.
ec2_urls = ([path("ec2", ec2_door.ec2, name="door"), path("ec2/", ec2_door.ec2)], "ec2", "ec2")
