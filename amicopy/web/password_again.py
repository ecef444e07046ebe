"""What gives power asks once more who is there, unless they showed it a moment ago.

One table says which addresses ask; a middleware does, so that no view can forget it. The page that asks carries all
that was posted, so nothing is kept anywhere and nothing has to be typed again. `MEANS` are the ways to show it: a
second factor for who has one, else a password, here or at the provider of single sign-on. Of some addresses only the
verb knows whether to ask: it refuses, their view answers with `ask`, and what is posted then is looked at here.
"""

from collections.abc import Callable, Mapping, Sequence
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
from amicopy.copies.core.identity_models import linked
from amicopy.copies.operations import second_factors
from amicopy.copies.operations.sign_on import password_opens
from amicopy.web import door, passkeys, second_factor, sessions, sign_in_limits, sign_on_sessions
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.second_factor import Refused
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
        "password-change",
        *("sign-on-link", "sign-on-unlink"),
        *("second-factor-app", "second-factor-passkey", "second-factor-remove", "recovery-codes", "person-factors"),
    }
)
# And to these, where a rule wants it of whoever approves, see `voting.demands`.
ON_DEMAND = frozenset({"request-approve"})
FIELD = "password-again"
TOO_MANY = "Too many wrong passwords. Wait some minutes, and try again then. Nothing is lost meanwhile."
NOT_KEPT = frozenset({"csrfmiddlewaretoken", FIELD, *second_factor.FIELDS})


class Means(Protocol):
    """A way in which somebody shows that it is still them. `template` draws its inputs, with what `offer` says."""

    template: str

    def fits(self, user: User) -> bool:
        """Whether this person can show it this way."""

    def offer(self, request: HttpRequest, user: User) -> Mapping[str, Any]: ...

    def sent(self, request: HttpRequest) -> bool:
        """Whether the post has it."""

    def check(self, request: HttpRequest, user: User) -> None:
        """Takes what was sent, counts the try and records what came of it. Raises Refused."""


class AsksAgain:
    """Answers a post that needs it with the page that asks; lets it through with what was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        if request.method != "POST" or match is None or match.url_name not in ASKS | ON_DEMAND:
            return None
        on_demand = match.url_name in ON_DEMAND
        if not on_demand and _just_shown(request):
            return None
        user = signed_in(request)
        means = _means_of(user)
        if means is None or not means.sent(request):
            return None if on_demand else _page(request, means)
        try:
            means.check(request, user)
        except Refused as refused:
            return _page(request, means, said=str(refused), status=refused.status)
        posted = request.POST.copy()
        for name in NOT_KEPT - {"csrfmiddlewaretoken"}:
            posted.pop(name, None)
        request.POST = posted  # type: ignore[assignment]  # no view sees what it was shown with
        return None


def ask(request: HttpRequest, *, why: str, factor: bool) -> HttpResponse:
    """The page that asks who it is before what was posted here is done, and says why; with `factor`, for a second
    factor and nothing less."""
    user = signed_in(request)
    return _page(request, _means_of(user), why=why, lacks=factor and not second_factors.has(user))


def _means_of(user: User) -> Means | None:
    return next((each for each in MEANS if each.fits(user)), None)


def _just_shown(request: HttpRequest) -> bool:
    shown = sessions.moment(request, sessions.SHOWN)
    return shown is not None and timezone.now() - shown < timedelta(minutes=settings.PASSWORD_AGAIN_MINUTES)


def _page(
    request: HttpRequest,
    means: Means | None,
    *,
    said: str = "",
    status: HTTPStatus = HTTPStatus.FORBIDDEN,
    why: str = "",
    lacks: bool = False,
) -> HttpResponse:
    """Asks, with all that was posted on the page. `lacks`: they have no second factor, and need one."""
    came_from = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    context = {
        "means": means,
        "said": said,
        "why": why,
        "lacks": lacks,
        **(means.offer(request, signed_in(request)) if means and not lacks else {}),
        "posted": _pairs(request),
        "action": request.get_full_path(),
        "minutes": settings.PASSWORD_AGAIN_MINUTES,
        "provider": sign_on.provider if (sign_on := sign_on_sessions.of(request)) else None,
        "came_from": came_from if safe else "/",
    }
    answer = render(request, "password_again.html", context, status=status)
    answer["Cache-Control"] = "private, no-store"
    return door.allow(answer, passkeys.GET)


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
        return user.has_usable_password() and password_opens(user.get_username())

    def offer(self, request: HttpRequest, user: User) -> Mapping[str, Any]:
        return {}

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
        what = request.resolver_match.url_name if request.resolver_match else ""
        right = outcome.user == user
        with transaction.atomic():
            action = "person.password_given" if right else "person.password_wrong"
            record(action, actor=actor_of(request), data={"for": what})
        if right:
            request.session[sessions.SHOWN] = timezone.now().isoformat()
            return
        if outcome.reached:
            raise Refused(TOO_MANY, status=HTTPStatus.TOO_MANY_REQUESTS)
        raise Refused("That isn't your password. Try again.")


class SignOn:
    """Their password at the provider where they signed on, which says when it asked for it."""

    template = "_sign_on_again.html"

    def fits(self, user: User) -> bool:
        issuers = [provider.issuer for provider in settings.OIDC_PROVIDERS.values()]
        return linked().filter(person=user, issuer__in=issuers).exists()

    def offer(self, request: HttpRequest, user: User) -> Mapping[str, Any]:
        return {}

    def sent(self, request: HttpRequest) -> bool:
        """Never with the post: it is in the session by then."""
        return False

    def check(self, request: HttpRequest, user: User) -> None:
        raise Refused("Sign in at your provider again.", tried=False)


class SecondFactor:
    """A second factor, of who has one."""

    template = "_second_factor.html"

    def fits(self, user: User) -> bool:
        return second_factors.has(user)

    def offer(self, request: HttpRequest, user: User) -> Mapping[str, Any]:
        return second_factor.offer(request, user)

    def sent(self, request: HttpRequest) -> bool:
        return second_factor.sent(request)

    def check(self, request: HttpRequest, user: User) -> None:
        what = request.resolver_match.url_name if request.resolver_match else ""
        second_factor.check(request, actor_of(request), user, what=what or "")
        second_factor.note(request)


MEANS: tuple[Means, ...] = (SecondFactor(), Password(), SignOn())
