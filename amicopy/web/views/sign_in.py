"""Signing in and out, and the health check: what is open to everybody."""

import math
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_GET, require_POST

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.web.actor import actor_of
from amicopy.web.client_address import address_of


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """Django's own login, with an audit event for each try and a rest after too many."""

    template_name = "sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        assert isinstance(user, User)  # noqa: S101, AUTH_USER_MODEL is Django's own
        login(self.request, user)
        with transaction.atomic():
            record("person.signed_in", actor=actor_of(self.request))
        return redirect(self.get_success_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        name = _printable(str(form.data.get("username", "")))[:150]
        locked = bool(getattr(self.request, "axes_locked_out", False))
        failures = getattr(self.request, "axes_failures_since_start", None)
        # A try during the rest says nothing new, and would let anybody fill the history.
        if name and form.data.get("password") and failures is not None:
            # The name as it was typed: no password, and nothing that says whether the account exists.
            actor = Actor(name="nobody", source="page", address=address_of(self.request))
            with transaction.atomic():
                record("person.sign_in_failed", actor=actor, data={"username": name})
                if locked:
                    record("person.locked_out", actor=actor, data={"username": name, "tries": failures})
        context = {
            "form": form,
            "empty": not (name and form.data.get("password")),
            "minutes": _minutes_left(self.request, name) if locked else None,
            "tries_left": settings.AXES_FAILURE_LIMIT - failures if failures is not None else None,
            "limit": settings.AXES_FAILURE_LIMIT,
            "rest": _minutes(settings.AXES_COOLOFF_TIME.total_seconds()),
        }
        return self.render_to_response(self.get_context_data(**context), status=429 if locked else 422)


def locked_out(request: HttpRequest, answer: HttpResponse, credentials: Any) -> HttpResponse:
    """The sign-in page says it already; see `SignIn.form_invalid`."""
    return answer


def _minutes_left(request: HttpRequest, name: str) -> int:
    """Whole minutes until the name may be tried again from this address."""
    tries = AccessAttempt.objects.filter(username=name, ip_address=address_of(request))
    last = tries.order_by("-attempt_time").values_list("attempt_time", flat=True).first() or timezone.now()
    return _minutes((last + settings.AXES_COOLOFF_TIME - timezone.now()).total_seconds())


def _minutes(seconds: float) -> int:
    return max(1, math.ceil(seconds / 60))


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the person's session."""
    with transaction.atomic():
        record("person.signed_out", actor=actor_of(request))
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@login_not_required
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the database answers, 503 otherwise; for load balancers and the launcher."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("database unreachable\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")
