"""Signing in and out, and the health check: what is open to everybody."""

import math
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from amicopy.audit.log import record
from amicopy.copies.operations import second_factors
from amicopy.web import second_step, sign_in_history, sign_in_limits, sign_on_sessions
from amicopy.web.actor import actor_of
from amicopy.web.sign_in_limits import Outcome, Place, Resting


class SignInForm(AuthenticationForm):
    """Django's own, with the limits on tries: `rests_until` is set while no password is looked at."""

    place: Place
    outcome: Outcome | None = None
    rests_until: datetime | None = None

    def clean(self) -> dict[str, Any]:
        assert self.request is not None  # noqa: S101, the view passes it
        self.place = Place.of(self.request)
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if name is not None and password:
            try:
                self.outcome = sign_in_limits.try_password(self.request, name, password, self.place)
            except Resting as resting:
                self.rests_until = resting.until
                raise self.get_invalid_login_error() from resting
            if self.outcome.user is None:
                sign_in_history.failed(name, self.place.address, self.outcome.reached)
                self.rests_until = max(self.outcome.reached.values(), default=None)
                raise self.get_invalid_login_error()
            self.user_cache = self.outcome.user
        return self.cleaned_data


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """Django's own login, with an audit event for each try and a rest after too many."""

    template_name = "sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        assert isinstance(form, SignInForm)  # noqa: S101, named above
        user = form.get_user()
        assert isinstance(user, User)  # noqa: S101, AUTH_USER_MODEL is Django's own
        if second_factors.has(user):
            second_step.begin(self.request, user, to=self.get_success_url())
            answer = redirect("sign-in-second")
        else:
            second_step.sign_in(self.request, user)
            answer = redirect(self.get_success_url())
        answer.set_cookie(
            sign_in_limits.BROWSER,
            form.place.browser,
            max_age=sign_in_limits.BROWSER_DAYS * 24 * 3600,
            secure=self.request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        hidden = bool(settings.PASSWORD_SIGN_IN) and self.request.method == "GET" and "password" not in self.request.GET
        providers = settings.OIDC_PROVIDERS.values()
        return super().get_context_data(**kwargs) | {
            "providers": providers,
            "passwords_hidden": hidden,
            "ended": _ended(self.request.GET.get("ended", "")),
        }

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        assert isinstance(form, SignInForm)  # noqa: S101, named above
        rests = form.rests_until
        seconds = max(1, math.ceil((rests - timezone.now()).total_seconds())) if rests else 0
        context = {
            "form": form,
            "empty": form.outcome is None,
            "rests_until": rests,
            "minutes": math.ceil(seconds / 60),
            "tries_left": form.outcome.tries_left if form.outcome else None,
        }
        status = HTTPStatus.TOO_MANY_REQUESTS if rests else HTTPStatus.UNPROCESSABLE_ENTITY
        answer = self.render_to_response(self.get_context_data(**context), status=status)
        if rests:
            answer["Retry-After"] = str(seconds)
        return answer


def _ended(why: str) -> str:
    """Why a session has ended, in words; empty for anything unknown."""
    return {
        "idle": f"You were signed out. Nobody had clicked anything for {settings.SESSION_IDLE_MINUTES} minutes.",
        "age": f"You were signed out. A session lasts {settings.SESSION_HOURS} hours at most.",
        "ended": "You were signed out. The session was ended elsewhere, by a new password, or some time ago.",
    }.get(why, "")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the person's session here; where they signed on at a provider that offers it, with the way to do so there.
    That is a link: browsers follow no form of ours to another site."""
    sign_on = sign_on_sessions.of(request)
    with transaction.atomic():
        record("person.signed_out", actor=actor_of(request))
    logout(request)
    if sign_on is None or not sign_on.end_session:
        return redirect(settings.LOGOUT_REDIRECT_URL)
    asked = {"post_logout_redirect_uri": request.build_absolute_uri(reverse("sign-in"))}
    asked |= {"client_id": sign_on.provider.client_id} | (
        {"id_token_hint": sign_on.id_token} if sign_on.id_token else {}
    )
    address = f"{sign_on.end_session}{'&' if '?' in sign_on.end_session else '?'}{urlencode(asked)}"
    answer = render(request, "signed_out.html", {"provider": sign_on.provider, "address": address})
    answer["Cache-Control"] = "private, no-store"
    return answer
