"""One line of the log for each request over HTTP, and the id under which everything it does is logged and recorded."""

import logging
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch

from amicopy.client_address import address_of
from amicopy.logs import correlation

logger = logging.getLogger("amicopy.access")
# What machines ask all the time, and what says nothing about anybody.
QUIET = ("/static/", *settings.OF_EACH_PROCESS)
# Parts of an address that are secrets.
SECRET = {"token"}

View = Callable[[HttpRequest], HttpResponseBase]


def access_log(get_response: View) -> View:
    """Middleware: answers under a correlation id of the request's own, which the answer names in `X-Request-Id`, and
    writes who asked for what, from where, what was answered and how long that took."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        begun, request_id = time.monotonic(), uuid.uuid4()
        with correlation.under(request_id):
            response = get_response(request)
            response["X-Request-Id"] = str(request_id)
            took = round((time.monotonic() - begun) * 1000)
            _write(request, response, took)
        return response

    return answer


def _write(request: HttpRequest, response: HttpResponseBase, milliseconds: int) -> None:
    path = _path(request)
    level = logging.DEBUG if path.startswith(QUIET) or response.status_code == 304 else logging.INFO
    if not logger.isEnabledFor(level):
        return
    # Whoever was found out while answering: nobody is looked up for the log.
    user = request.__dict__.get("_cached_user") or getattr(getattr(request, "auth", None), "person", None)
    name = (user.get_username() if user is not None else "") or "-"
    address = address_of(request)
    logger.log(
        level,
        "%s %s %s %s %s %d ms",
        address or "-",
        name,
        request.method,
        path,
        response.status_code,
        milliseconds,
        extra={
            "address": address,
            "person": name,
            "method": request.method,
            "path": path,
            "status": response.status_code,
            "milliseconds": milliseconds,
        },
    )


def _path(request: HttpRequest) -> str:
    """The address without what was asked of it, which may be anything, and without secrets."""
    match: ResolverMatch | None = request.resolver_match
    path = request.path_info
    for name, value in (match.kwargs if match else {}).items():
        if name in SECRET:
            path = path.replace(str(value), "…")
    return path[:500]
