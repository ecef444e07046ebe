"""A person links themselves to who they are at a provider: what the session keeps between asking here and signing in
there, so that nobody is linked who hasn't asked for it, and given their password here, a moment ago."""

from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone

from amicopy.copies.operations import sign_on
from amicopy.providers import Provider
from amicopy.web.actor import actor_of
from amicopy.web.openid import Fault

KEY = "linking"
LASTS = timedelta(minutes=10)


def ask(request: HttpRequest, provider: Provider) -> None:
    """Notes that the person wants to be linked to who signs in there next."""
    request.session[KEY] = {"provider": provider.name, "at": timezone.now().isoformat()}


def wanted(request: HttpRequest, provider: Provider) -> bool:
    """Whether the person of this session asked for it a moment ago."""
    kept = request.session.get(KEY) or {}
    if kept.get("provider") != provider.name or not request.user.is_authenticated:
        return False
    return timezone.now() - datetime.fromisoformat(kept["at"]) < LASTS


def link(request: HttpRequest, provider: Provider, subject: str) -> None:
    """Links who is signed in here to who has just signed in there, once. Raises Refused, and Fault where nobody asked
    for it."""
    if not wanted(request, provider):
        raise Fault("state")
    del request.session[KEY]
    sign_on.link(actor_of(request), provider, subject)
    messages.success(request, f"You are linked. You can sign in with {provider.label} from now on.")
