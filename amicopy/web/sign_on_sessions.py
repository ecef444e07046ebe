"""What a session keeps of a sign-on, and when the provider is asked again: whether the person is still signed in there,
and what their groups are.

After SIGN_ON_CHECK_MINUTES the next page leads through the provider, which asks the person nothing. What a page does
besides, such as sending a form, goes on for as long again, so that nothing typed is lost; then the session ends.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from amicopy.copies.operations import sign_on
from amicopy.notify import sealing
from amicopy.providers import Provider
from amicopy.web import openid, sessions
from amicopy.web.models import SeenLogout
from amicopy.web.openid import Fault
from amicopy.web.session_store import SIGN_ON as KEY

# A provider that failed isn't asked by each click.
NOT_BEFORE = timedelta(minutes=2)


@dataclass(frozen=True)
class SignOn:
    """How somebody signed on; `end_session` with `id_token` is where they sign out at the provider."""

    provider: Provider
    checked_at: datetime
    tried_at: datetime
    end_session: str
    id_token: str


def keep(request: HttpRequest, provider: Provider, *, end_session: str, id_token: str, sid: str) -> None:
    """Writes a sign-on of now into the session. The token says who somebody is: it is kept encrypted. `sid` is what the
    provider calls their session there, empty where it doesn't say."""
    now = timezone.now().isoformat()
    request.session[KEY] = {
        "provider": provider.name,
        "checked_at": now,
        "tried_at": now,
        "end_session": end_session,
        "id_token": sealing.seal(id_token),
        "sid": sid,
    }


def forget(request: HttpRequest, provider: Provider) -> None:
    """Has the session go on without the provider where it began."""
    if (found := of(request)) is not None and found.provider == provider:
        del request.session[KEY]


def tried(request: HttpRequest) -> None:
    """Notes that the provider was asked and didn't answer."""
    request.session[KEY] = {**request.session[KEY], "tried_at": timezone.now().isoformat()}


def of(request: HttpRequest) -> SignOn | None:
    """How the person of this session signed on; None by a password, or at a provider that is no more."""
    kept = request.session.get(KEY) or {}
    provider: Provider | None = settings.OIDC_PROVIDERS.get(str(kept.get("provider")))
    if provider is None:
        return None
    checked_at, tried_at = (datetime.fromisoformat(kept[name]) for name in ("checked_at", "tried_at"))
    try:
        id_token = sealing.unseal(kept["id_token"])
    except sealing.Unreadable:
        id_token = ""
    return SignOn(provider, checked_at, tried_at, kept["end_session"], id_token)


def end_there(provider: Provider, token: str, *, address: str) -> int:
    """Ends the sessions here that a logout token of the provider's is about; returns how many. Raises Fault, also for
    one that was here already."""
    said, actor = openid.ended(provider, token), sign_on.by(provider, address)
    digest = hashlib.sha256(json.dumps([provider.issuer, said.token]).encode()).hexdigest()
    with transaction.atomic():
        _, new = SeenLogout.objects.get_or_create(digest=digest, defaults={"at": timezone.now()})
        if not new:
            raise Fault("token")
        people = User.objects.filter(identities__issuer=provider.issuer, identities__subject=said.subject)
        people = people if said.subject else sessions.people_in(provider.name, said.sid)
        return sum(sessions.end_signed_on(actor, user, provider.name, sid=said.sid) for user in people)


class ChecksSignOn:
    """Leads a session through its provider when it is time, and ends it when it is long past."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if not getattr(view, "login_required", True) or KEY not in request.session:
            return None
        every, found, now = timedelta(minutes=settings.SIGN_ON_CHECK_MINUTES), of(request), timezone.now()
        if found is None:
            # The provider was taken out of the settings: nobody vouches for them any more.
            logout(request)
            return None
        if not every or now - found.checked_at < every:
            return None
        if now - found.checked_at >= 2 * every:
            logout(request)
            return None
        if request.method != "GET" or "HX-Request" in request.headers or now - found.tried_at < NOT_BEFORE:
            return None
        asked = urlencode({"next": request.get_full_path(), "how": "check"})
        return redirect(f"{reverse('sign-on', args=[found.provider.name])}?{asked}")
