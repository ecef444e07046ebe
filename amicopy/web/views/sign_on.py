"""Signing on at a provider: there and back. What has to be kept meanwhile is in a cookie, encrypted, for ten minutes;
nothing is written before somebody is back."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from amicopy.audit.log import record
from amicopy.client_address import address_of
from amicopy.copies.operations import sign_on
from amicopy.notify import sealing
from amicopy.providers import Missing, Provider
from amicopy.web import openid, sessions, sign_in_history, sign_on_links, sign_on_sessions
from amicopy.web.actor import actor_of
from amicopy.web.openid import Arrival, Fault
from amicopy.web.sign_on_words import words_of

BACKEND = "django.contrib.auth.backends.ModelBackend"
COOKIE, COOKIE_SECONDS, LONGEST_NEXT = "sign-on", 600, 1000
# How the provider is asked: as it likes; without a word to the person; or for their password there, also to link who
# gives it to who is signed in here.
HOW: dict[str, dict[str, str]] = {
    "": {},
    "check": {"prompt": "none"},
    "again": {"prompt": "login", "max_age": "0"},
    "link": {"prompt": "login", "max_age": "0"},
}
# Whose fault it is: the provider's that it can't be reached, or sends what can't be used.
OF_PROVIDER = frozenset({"unreachable", "nonsense", "issuer", "busy"})


@require_GET
@login_not_required
def begin(request: HttpRequest, name: str) -> HttpResponse:
    """Leads to the provider."""
    provider = _provider(name)
    how, to = request.GET.get("how", ""), _own(request, request.GET.get("next", ""))
    how = how if how in HOW and request.user.is_authenticated else ""
    if how == "link":
        to = reverse("sign-on-links")
        if not sign_on_links.wanted(request, provider):
            return redirect(to)
    back = request.build_absolute_uri(reverse("sign-on-return", args=[name]))
    try:
        url, kept = openid.begin(provider, back, **HOW[how])
    except Fault as fault:
        return _failed(request, provider, fault.reason, how=how, to=to)
    answer = redirect(url)
    answer.set_cookie(
        COOKIE,
        sealing.seal(json.dumps({"kept": kept, "to": to, "how": how})),
        max_age=COOKIE_SECONDS,
        httponly=True,
        secure=request.is_secure(),
        samesite="Lax",
        path=reverse("sign-on", args=[name]),
    )
    return answer


@require_GET
@login_not_required
def come_back(request: HttpRequest, name: str) -> HttpResponse:
    """Signs somebody in who comes from the provider."""
    provider = _provider(name)
    pending = _pending(request)
    how, to = pending.get("how", ""), pending.get("to", "/")
    answer: HttpResponse
    try:
        arrival = openid.finish(provider, request, pending.get("kept", {}))
        if how == "link":
            sign_on_links.link(request, provider, arrival.said.subject)
        else:
            user = sign_on.arrive(provider, arrival.said, address=address_of(request))
            _sign_in(request, provider, arrival, user)
        answer = redirect(to)
    except (Fault, sign_on.Refused) as refused:
        answer = _failed(request, provider, refused.reason, how=how, to=to)
    answer.delete_cookie(COOKIE, path=reverse("sign-on", args=[name]), samesite="Lax")
    return answer


@csrf_exempt  # A provider's server has no session here: what it signed stands for it.
@require_POST
@login_not_required
@never_cache
def session_ended(request: HttpRequest, name: str) -> HttpResponse:
    """Ends the sessions here that belong to one that has ended at the provider, which says so by a logout token."""
    provider = _provider(name)
    try:
        sign_on_sessions.end_there(provider, request.POST.get("logout_token", ""), address=address_of(request))
    except Fault as fault:
        status = HTTPStatus.BAD_GATEWAY if fault.reason in OF_PROVIDER else HTTPStatus.BAD_REQUEST
        status = HTTPStatus.SERVICE_UNAVAILABLE if fault.reason == "busy" else status
        return JsonResponse({"error": "invalid_request", "error_description": fault.reason}, status=status)
    return HttpResponse()


def _sign_in(request: HttpRequest, provider: Provider, arrival: Arrival, user: User) -> None:
    """Begins the person's session, or goes on with theirs, under another key."""
    if request.user == user and sign_on_sessions.of(request) is not None:
        # The same person, asked again: the session goes on, and ends when it would have. Its pages' tokens stay good.
        request.session.cycle_key()
    else:
        login(request, user, backend=BACKEND)
        sessions.begin(request)
        with transaction.atomic():
            record("person.signed_in", actor=actor_of(request), data={"provider": provider.name})
    request.session[sessions.SHOWN] = _shown(arrival)
    sign_on_sessions.keep(
        request, provider, end_session=arrival.end_session, id_token=arrival.id_token, sid=arrival.sid
    )
    if isinstance(arrival.said.groups, Missing) and provider.mapped:
        said = sign_on.WORDS[arrival.said.groups]
        messages.warning(request, f"{provider.label} said nothing of your groups: {said} Administrators are told.")


def _shown(arrival: Arrival) -> str:
    """When the person showed who they are at the provider, which may have been this morning; empty where it doesn't
    say so, and then it doesn't count: whoever sits at their screen could have signed on."""
    if arrival.authenticated_at is None:
        return ""
    return min(timezone.now(), datetime.fromtimestamp(arrival.authenticated_at, UTC)).isoformat()


def _failed(request: HttpRequest, provider: Provider, reason: str, *, how: str, to: str) -> HttpResponse:
    """Says why nobody was signed on. A check that the provider couldn't answer is tried again later; one that it
    answered otherwise ends the session."""
    if how == "check" and sign_on_sessions.of(request) is not None:
        if reason in OF_PROVIDER:
            sign_on_sessions.tried(request)
            return redirect(to)
        if request.user.is_authenticated:
            with transaction.atomic():
                record("person.signed_out", actor=actor_of(request), data={"provider": provider.name, "why": reason})
        logout(request)
        if reason == "asks":
            messages.info(request, f"Your session at {provider.label} has ended. Sign in again.")
            return redirect(f"{reverse('sign-in')}?{urlencode({'next': to})}")
    if reason not in OF_PROVIDER | {"state"}:
        sign_in_history.refused(provider.name, reason, address_of(request))
    context = {
        "provider": provider,
        "words": words_of(reason, provider.label),
        "linking": how == "link",
        "again": f"{reverse('sign-on', args=[provider.name])}?{urlencode({'next': to})}",
    }
    status = HTTPStatus.BAD_GATEWAY if reason in OF_PROVIDER else HTTPStatus.FORBIDDEN
    if reason == "busy":
        status = HTTPStatus.SERVICE_UNAVAILABLE
    answer = render(request, "sign_on_failed.html", context, status=status)
    answer["Cache-Control"] = "private, no-store"
    return answer


def _pending(request: HttpRequest) -> dict[str, Any]:
    """What was kept when the person left for the provider; nothing for whoever didn't leave from here."""
    try:
        pending = json.loads(sealing.unseal(request.COOKIES.get(COOKIE, "")) or "{}")
    except (sealing.Unreadable, ValueError):
        return {}
    return pending if isinstance(pending, dict) else {}


def _own(request: HttpRequest, to: str) -> str:
    """An address of amicopy's own to go to in the end."""
    safe = url_has_allowed_host_and_scheme(to, {request.get_host()}, require_https=request.is_secure())
    return to if safe and len(to) <= LONGEST_NEXT else settings.LOGIN_REDIRECT_URL


def _provider(name: str) -> Provider:
    provider: Provider | None = settings.OIDC_PROVIDERS.get(name)
    if provider is None:
        raise Http404(f"There is no provider {name}.")
    return provider
