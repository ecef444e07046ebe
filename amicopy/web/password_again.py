"""What gives power asks once more who is there, unless they showed it a moment ago.

One table says which addresses ask; a middleware does, so that no view can forget it. The page that asks carries all
that was posted, so nothing is kept anywhere and nothing has to be typed again. `MEANS` are the ways to show it: a
password, here or at the provider of single sign-on; a second factor is one class more.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Protocol

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from amicopy.audit.log import record
from amicopy.copies.core.models import Identity
from amicopy.web import sessions, sign_in_limits, sign_on_sessions
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.sign_in_limits import Place, Resting

# A post to one of these asks. docs/roles.md lists them, and a test compares.
ASKS = frozenset(
    {
        "request-break-glass",
        *("rule-new", "rule", "rule-move", "rule-switch", "rule-delete"),
        *("freeze-new", "freeze", "freeze-end", "freeze-delete"),
        *("budgets", "budget-delete"),
        *("people", "people-many", "person-email", "person-roles", "person-switch", "person-link", "person-confirm"),
        *("services", "service-owners"),
        *("teams", "team", "team-join", "team-leave", "team-delete"),
        *("account-new", "account-edit"),
        "change-confirm",
        *("webhook-new", "webhook", "webhook-delete", "webhook-key"),
        *("tokens", "access-keys", "audit-export"),
    }
)
FIELD = "password-again"
TOO_MANY = "Too many wrong passwords. Wait some minutes, and try again then. Nothing is lost meanwhile."
NOT_KEPT = frozenset({"csrfmiddlewaretoken", FIELD})


class Refused(Exception):
    """It isn't them, or can't be looked at now; the words are fit to be shown. `tried` is whether it was looked at."""

    def __init__(self, words: str, *, status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY, tried: bool = True) -> None:
        self.status, self.tried = status, tried
        super().__init__(words)


class Means(Protocol):
    """A way in which somebody shows that it is still them. `template` draws its inputs."""

    template: str

    def fits(self, user: User) -> bool:
        """Whether this person can show it this way."""

    def sent(self, request: HttpRequest) -> bool:
        """Whether the post has it."""

    def check(self, request: HttpRequest, user: User) -> None:
        """Raises Refused, and counts the try."""


class AsksAgain:
    """Answers a post that needs it with the page that asks; lets it through with what was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        if request.method != "POST" or match is None or match.url_name not in ASKS or _just_shown(request):
            return None
        user = signed_in(request)
        means = next((each for each in MEANS if each.fits(user)), None)
        if means is None or not means.sent(request):
            return _page(request, means)
        try:
            means.check(request, user)
        except Refused as refused:
            if refused.tried:
                with transaction.atomic():
                    record("person.password_wrong", actor=actor_of(request), data={"for": match.url_name})
            return _page(request, means, said=str(refused), status=refused.status)
        with transaction.atomic():
            record("person.password_given", actor=actor_of(request), data={"for": match.url_name})
        request.session[sessions.SHOWN] = timezone.now().isoformat()
        posted = request.POST.copy()
        posted.pop(FIELD, None)
        request.POST = posted  # type: ignore[assignment]  # no view sees what it was shown with
        return None


def _just_shown(request: HttpRequest) -> bool:
    shown = sessions.moment(request, sessions.SHOWN)
    return shown is not None and timezone.now() - shown < timedelta(minutes=settings.PASSWORD_AGAIN_MINUTES)


def _page(
    request: HttpRequest, means: Means | None, *, said: str = "", status: HTTPStatus = HTTPStatus.FORBIDDEN
) -> HttpResponse:
    """Asks, with all that was posted on the page."""
    came_from = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    context = {
        "means": means,
        "said": said,
        "posted": _pairs(request),
        "action": request.get_full_path(),
        "minutes": settings.PASSWORD_AGAIN_MINUTES,
        "provider": sign_on.provider if (sign_on := sign_on_sessions.of(request)) else None,
        "came_from": came_from if safe else "/",
    }
    answer = render(request, "password_again.html", context, status=status)
    answer["Cache-Control"] = "private, no-store"
    return answer


def _pairs(request: HttpRequest) -> Sequence[tuple[str, str]]:
    return [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name not in NOT_KEPT and isinstance(value, str)
    ]


class Password:
    """Their password, under the same limit on tries as signing in."""

    template = "_password_again.html"

    def fits(self, user: User) -> bool:
        return user.has_usable_password() and sign_in_limits.opens(user.get_username())

    def sent(self, request: HttpRequest) -> bool:
        return FIELD in request.POST

    def check(self, request: HttpRequest, user: User) -> None:
        name, password = user.get_username(), request.POST.get(FIELD, "")
        if not password:
            raise Refused("Enter your password.", tried=False)
        try:
            outcome = sign_in_limits.try_password(request, name, password, Place.of(request))
        except Resting as resting:
            raise Refused(TOO_MANY, status=HTTPStatus.TOO_MANY_REQUESTS, tried=False) from resting
        if outcome.user == user:
            return
        if outcome.reached:
            raise Refused(TOO_MANY, status=HTTPStatus.TOO_MANY_REQUESTS)
        raise Refused("That isn't your password. Try again.")


class SignOn:
    """Their password at the provider where they signed on, which says when it asked for it."""

    template = "_sign_on_again.html"

    def fits(self, user: User) -> bool:
        issuers = [provider.issuer for provider in settings.OIDC_PROVIDERS.values()]
        return Identity.objects.filter(person=user, issuer__in=issuers).exists()

    def sent(self, request: HttpRequest) -> bool:
        """Never with the post: it is in the session by then."""
        return False

    def check(self, request: HttpRequest, user: User) -> None:
        raise Refused("Sign in at your provider again.", tried=False)


MEANS: tuple[Means, ...] = (Password(), SignOn())
