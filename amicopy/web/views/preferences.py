"""What belongs to the person in front of the screen: theme, settings, help, and the icon that shows progress."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amicopy.copies.operations import proposal_queries, teams
from amicopy.notify import mutes
from amicopy.notify.models import MUTABLE, Kind
from amicopy.web import preferences
from amicopy.web.actor import signed_in


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keeps the chosen theme and goes back to the page."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    answer = redirect(wanted if safe else "dashboard")
    chosen = request.POST.get("theme", "")
    if chosen in preferences.THEMES:
        preferences.keep(answer, request, "theme", chosen)
    return answer


@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """The choices of this browser, and what the person wants to be told."""
    user = signed_in(request)
    if request.method == "GET":
        wanted = mutes.wanted(user)
        context = {
            "kinds": [(kind.value, kind.label, kind in wanted) for kind in _kinds_for(user)],
            "owns_teams": bool(teams.owned_by(user)),
            "theme": preferences.theme_of(request),
            "themes": [("", "Like the system"), ("light", "Light"), ("dark", "Dark")],
            "time_zone": preferences.chosen_time_zone_of(request),
            "time_zone_now": preferences.time_zone_of(request),
            "time_zones": sorted(preferences.time_zones()),
            "shortcuts": preferences.shortcuts_of(request),
        }
        return render(request, "settings.html", context)
    chosen_theme, zone = request.POST.get("theme", ""), request.POST.get("time-zone", "")
    answer = redirect("settings")
    preferences.keep(answer, request, "theme", chosen_theme if chosen_theme in preferences.THEMES else "")
    preferences.keep(answer, request, "time-zone", zone if zone in preferences.time_zones() else "")
    preferences.keep(answer, request, "shortcuts", "" if request.POST.get("shortcuts") else "off")
    offered = _kinds_for(user)
    chosen = request.POST.getlist("tell")
    mutes.keep(user, [kind for kind in mutes.wanted(user) if kind not in offered] + chosen)
    messages.success(request, "Your settings are saved. Theme, time zone and shortcuts hold in this browser.")
    return answer


def _kinds_for(user: User) -> list[Kind]:
    """The kinds of message the person can get: nobody is asked to choose about what never comes."""
    asked, own = (Kind.ASKED, Kind.REMINDER, Kind.DECIDED), (Kind.DECISION, Kind.ENDED, Kind.STUCK)
    may = {
        **dict.fromkeys(asked, user.has_perm("copies.decide_request")),
        **dict.fromkeys(own, user.has_perm("copies.submit_request")),
        Kind.PROPOSAL: proposal_queries.may_see(user),
    }
    return [kind for kind in MUTABLE if may[kind]]


@require_GET
def help_page(request: HttpRequest) -> HttpResponse:
    """What the states mean, and the keyboard shortcuts."""
    return render(request, "help.html", {"shortcuts": preferences.shortcuts_of(request)})


@require_GET
@cache_control(private=True, max_age=86400)
def progress_icon(request: HttpRequest, percent: int) -> HttpResponse:
    """The tab's icon with a ring of progress; an address for each percentage, because a page may use no `data:` URI."""
    return render(request, "progress_icon.svg", {"percent": min(percent, 100)}, content_type="image/svg+xml")
