"""My account: who the person is at each provider of single sign-on, linking themselves, and unlinking."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from amicopy.copies.core.identity_models import Identity, linked
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.operations import sign_on
from amicopy.providers import Provider
from amicopy.web import sessions, sign_on_links, sign_on_sessions
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.request_filters import BIG


@dataclass(frozen=True)
class Row:
    """A provider, and who the person is there; `asked` while the way there is open to be linked."""

    provider: Provider
    identity: Identity | None
    can_unlink: bool
    asked: bool


@never_cache
@require_GET
def links(request: HttpRequest) -> HttpResponse:
    """Each provider, with whether the person is linked."""
    user = signed_in(request)
    own = {identity.issuer: identity for identity in linked().filter(person=user)}
    rows = []
    for provider in settings.OIDC_PROVIDERS.values():
        identity = own.get(provider.issuer)
        can_unlink = identity is not None and sign_on.other_way_in(user, identity)
        rows.append(Row(provider, identity, can_unlink, sign_on_links.wanted(request, provider)))
    return render(request, "account/sign_on.html", {"rows": rows})


@require_POST
def link(request: HttpRequest, name: str) -> HttpResponse:
    """Opens the way to the provider, for some minutes. It is a link there: browsers follow no form of ours to another
    site."""
    provider: Provider | None = settings.OIDC_PROVIDERS.get(name)
    if provider is None:
        raise Http404(f"There is no provider {name}.")
    sign_on_links.ask(request, provider)
    return redirect("sign-on-links")


@require_POST
def unlink(request: HttpRequest, pk: int) -> HttpResponse:
    """Ends one, with the sessions that began there, but for this one."""
    user, actor = signed_in(request), actor_of(request)
    try:
        identity = sign_on.unlink(actor, pk if pk < BIG else 0)
    except Identity.DoesNotExist as gone:
        raise Http404(f"There is no link {pk} of yours.") from gone
    except NotAllowed as refused:
        messages.error(request, str(refused))
        return redirect("sign-on-links")
    for provider in settings.OIDC_PROVIDERS.values():
        if provider.issuer == identity.issuer:
            sessions.end_signed_on(actor, user, provider.name, but=request.session.session_key)
            sign_on_sessions.forget(request, provider)
    messages.success(request, "You are unlinked. What your groups there gave you has ended.")
    return redirect("sign-on-links")
