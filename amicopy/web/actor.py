"""The person behind a page, as the verbs want to know them."""

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest

from amicopy.audit.actor import Actor
from amicopy.client_address import address_of
from amicopy.web import sessions


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person, acting from a page. Raises TypeError for an anonymous request."""
    user = signed_in(request)
    return Actor(
        name=user.username,
        source="page",
        id=user.pk,
        address=address_of(request),
        shown_at=sessions.moment(request, sessions.SHOWN),
        factor_at=sessions.moment(request, sessions.FACTOR),
    )


def signed_in(request: HttpRequest) -> User:
    """The signed-in person. Raises TypeError for an anonymous request, which the middleware lets nowhere near."""
    if isinstance(request.user, AnonymousUser):
        raise TypeError("Nobody is signed in.")
    return request.user
