"""The second step of signing in, for who has a second factor; and the way to one, for whose role needs one.

Between the two steps the session says whose password was right, and nothing of amicopy is open: nobody is signed in.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, login
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django_htmx.http import HttpResponseClientRedirect

from amicopy.audit.log import record
from amicopy.copies.core import permissions
from amicopy.copies.operations import second_factors
from amicopy.notify import outbox
from amicopy.notify.outbox import Notice
from amicopy.web import second_factor, sessions, sign_on_sessions
from amicopy.web.actor import actor_of, signed_in

PENDING = "second-step"
LASTS = timedelta(minutes=5)
# What is open to whose role needs a second factor, and who hasn't shown one in this session.
OPEN = frozenset(
    {"second-factors", "second-factor-app", "second-factor-passkey", "recovery-codes", "theme", "sign-out", "help"}
)


def begin(request: HttpRequest, user: User, *, to: str) -> None:
    """Remembers that somebody's password was right, for some minutes; `to` is the page they want."""
    request.session.cycle_key()
    request.session[PENDING] = {
        "person": user.pk,
        "at": timezone.now().isoformat(),
        HASH_SESSION_KEY: user.get_session_auth_hash(),
        "backend": getattr(user, "backend", settings.AUTHENTICATION_BACKENDS[0]),
        "to": to,
    }
    request.session.set_expiry(LASTS)


def pending(request: HttpRequest) -> User | None:
    """Whose password was right a moment ago, and still is; None for nobody's."""
    kept = request.session.get(PENDING)
    if kept is None or timezone.now() - datetime.fromisoformat(kept["at"]) > LASTS:
        return None
    user = User.objects.filter(pk=kept["person"], is_active=True).first()
    if user is None or not constant_time_compare(kept[HASH_SESSION_KEY], user.get_session_auth_hash()):
        return None
    return user


def finish(request: HttpRequest, user: User) -> str:
    """Signs in who showed their second factor; returns the page they wanted."""
    kept = request.session.pop(PENDING)
    sign_in(request, user, backend=kept["backend"])
    second_factor.note(request)
    return str(kept["to"])


def sign_in(request: HttpRequest, user: User, *, backend: str | None = None) -> None:
    """Begins a person's session, with its event."""
    login(request, user, backend=backend)
    sessions.begin(request)
    with transaction.atomic():
        event = record("person.signed_in", actor=actor_of(request))
        if settings.PASSWORD_SIGN_IN:
            _tell_of_password(user, event.pk)


def _tell_of_password(user: User, event: int) -> None:
    """Tells administrators that the way in was used that stays for the day the provider fails."""
    notice = Notice.of_account(
        event,
        subject=f"{user.username} signed in with a password",
        text=f"{user.username} signed in with a password, which is hidden for everybody else. If nobody expects it, "
        "end their sessions by switching them off.",
        path=reverse("person", args=[user.pk]),
    )
    outbox.put(notice, people=permissions.administrators().values_list("pk", flat=True), webhooks=False)


class LeadsToSetUp:
    """Opens nothing but the page of second factors to whose role needs one, until they have shown one. It is about
    those who sign in with a password of amicopy's; programs with tokens come by no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if not settings.SECOND_FACTOR_ROLES or not getattr(view, "login_required", True):
            return None
        name = request.resolver_match.url_name if request.resolver_match else ""
        if name in OPEN or not request.user.is_authenticated or sessions.FACTOR in request.session:
            return None
        user = signed_in(request)
        # Whoever signed on at a provider shows there what that wants to see.
        if sign_on_sessions.of(request) is not None or not user.has_usable_password():
            return None
        if not second_factors.demanded(user):
            return None
        if "HX-Request" in request.headers:
            return HttpResponseClientRedirect(resolve_url("second-factors"))
        return redirect("second-factors")
