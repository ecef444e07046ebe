"""Where a person is signed in, and ending that."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from amicopy.web import sessions
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.status import duration


@require_GET
def session_list(request: HttpRequest) -> HttpResponse:
    """The person's own sessions, this one first."""
    context = {
        "places": sessions.places(request, signed_in(request)),
        "idle": duration(settings.SESSION_IDLE_MINUTES * 60),
        "hours": settings.SESSION_HOURS,
    }
    return render(request, "sessions/list.html", context)


@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Ends one session of the person's own, or all but this one."""
    user, actor = signed_in(request), actor_of(request)
    if request.POST.get("others"):
        count = sessions.end_all(actor, user, but=request.session.session_key)
        messages.success(request, f"{count} other session{'' if count == 1 else 's'} ended. You stay signed in here.")
    elif sessions.end(actor, user, request.POST.get("session", "")):
        messages.success(request, "That session is ended. Whoever used it has to sign in.")
    else:
        messages.info(request, "That session is over already.")
    return redirect("sessions")
