"""Showing a second factor on a page: what is offered, and whether what was posted is one, under a limit on tries."""

from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core.factor_models import SecondFactor
from amicopy.copies.operations import second_factors
from amicopy.notify.sealing import Unreadable
from amicopy.web import passkeys, sessions, sign_in_limits
from amicopy.web.sign_in_limits import Resting

CODE = "second-factor"
FIELDS = (CODE, passkeys.FIELD)
TOO_MANY = "Too many wrong codes. Wait half an hour, and try again then."
WRONG_CODE = "That isn't a code that counts now. Each counts once; enter the next one your app shows."
WRONG_PASSKEY = "That passkey wasn't accepted. Try again, or use another second factor."


class Refused(Exception):
    """It isn't them, or can't be looked at now; the words are fit to be shown. `tried` is whether it was looked at."""

    def __init__(self, words: str, *, status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY, tried: bool = True) -> None:
        self.status, self.tried = status, tried
        super().__init__(words)


def offer(request: HttpRequest, user: User) -> dict[str, Any]:
    """What the template `_second_factor.html` needs to ask this person for theirs."""
    kinds = {factor.kind for factor in second_factors.of(user)}
    return {
        "has_app": SecondFactor.Kind.TOTP in kinds,
        "has_codes": second_factors.codes_left(user) > 0,
        "has_passkey": SecondFactor.Kind.PASSKEY in kinds,
        "passkey": passkeys.ask(request, user),
    }


def sent(request: HttpRequest) -> bool:
    return any(request.POST.get(field) is not None for field in FIELDS)


def check(request: HttpRequest, actor: Actor, user: User, *, what: str) -> str:
    """Takes the second factor that was posted, and says of which kind it is. Counts the try, and records what came of
    it. Raises Refused."""
    if not request.POST.get(CODE, "").strip() and not request.POST.get(passkeys.FIELD):
        raise Refused("Enter a code, or use a passkey.", tried=False)
    try:
        kind, rests = sign_in_limits.try_code(user.get_username(), lambda: _taken(request, actor, user))
    except Resting as resting:
        raise Refused(TOO_MANY, status=HTTPStatus.TOO_MANY_REQUESTS, tried=False) from resting
    except Unreadable as lost:
        raise Refused("Your app's secret can't be read. Use another second factor, or ask an administrator.") from lost
    if not kind:
        second_factors.failed(actor, user, what=what, rests=rests)
        raise Refused(WRONG_PASSKEY if request.POST.get(passkeys.FIELD) else WRONG_CODE)
    return kind


def note(request: HttpRequest) -> None:
    """Remembers in the session that a second factor was shown now."""
    request.session[sessions.FACTOR] = request.session[sessions.SHOWN] = timezone.now().isoformat()


def _taken(request: HttpRequest, actor: Actor, user: User) -> str:
    """The kind of what was posted; empty where it is nothing."""
    if not request.POST.get(passkeys.FIELD):
        return second_factors.take_code(actor, user, request.POST.get(CODE, ""))
    try:
        factor, counter = passkeys.shown(request, user)
    except passkeys.Wrong:
        return ""
    return factor.kind if second_factors.take_passkey(actor, factor, counter) else ""
