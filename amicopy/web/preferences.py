"""What a person chose for this browser: theme, time zone, shortcuts. Kept in cookies, so that reading costs nothing.

An unknown value in a cookie counts as none.
"""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

YEAR = 365 * 24 * 3600
THEMES = ("light", "dark")
UTC = "UTC"


def theme_of(request: HttpRequest) -> str:
    """`light`, `dark`, or empty for what the system says."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in THEMES else ""


def time_zone_of(request: HttpRequest) -> str:
    """The name of the person's time zone: the one they chose, else their browser's, else UTC."""
    for chosen in (chosen_time_zone_of(request), request.COOKIES.get("browser-time-zone", "")):
        if chosen in time_zones():
            return chosen
    return UTC


def chosen_time_zone_of(request: HttpRequest) -> str:
    """The name of the time zone the person chose, or empty for their browser's."""
    chosen = request.COOKIES.get("time-zone", "")
    return chosen if chosen in time_zones() else ""


def shortcuts_of(request: HttpRequest) -> bool:
    """Whether keyboard shortcuts are on; they are until somebody turns them off."""
    return request.COOKIES.get("shortcuts") != "off"


def time_zones() -> frozenset[str]:
    """The names a person can choose from."""
    return _TIME_ZONES


_TIME_ZONES = frozenset(name for name in zoneinfo.available_timezones() if "/" in name and name[0].isupper()) | {UTC}


def keep(answer: HttpResponse, request: HttpRequest, name: str, value: str) -> None:
    """Stores a choice in the browser, or takes it back when the value is empty."""
    if value:
        answer.set_cookie(
            name, value, max_age=YEAR, samesite="Lax", secure=request.is_secure(), httponly=name != "shortcuts"
        )
    else:
        answer.delete_cookie(name, samesite="Lax")


def own_time_zone(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: times on pages are the person's."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(time_zone_of(request)):
            return get_response(request)

    return middleware
