"""How long somebody stays signed in, and where they are.

A session ends SESSION_IDLE_MINUTES after the last click, and SESSION_HOURS after it began. What a page asks for by
itself is no click. Django ends it by its expiry, which each click moves on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.dateparse import parse_datetime

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.client_address import address_of
from amicopy.web.models import Session
from amicopy.web.session_store import ADDRESS, BEGAN, BROWSER, SEEN

# When the person last showed that it is them, see `password_again`.
SHOWN = "shown_at"
# When they last showed a second factor, see `second_factor`.
FACTOR = "factor_at"
# A click within this much of the one before moves nothing on: pages cost no write.
EVERY = timedelta(minutes=1)
# What a browser says of itself, in words: the first that fits. Each also says the names of those below it.
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


class KeepsSessions:
    """Begins a session with its first page and moves its end on with each click."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if not getattr(view, "login_required", True) or SESSION_KEY not in request.session:
            return
        now = timezone.now()
        began, seen = moment(request, BEGAN), moment(request, SEEN)
        if began is None or seen is None:
            begin(request)
        elif _is_click(request) and now - seen >= min(EVERY, _idle() / 4):
            _go_on(request, began=began, now=now)


def begin(request: HttpRequest) -> None:
    """Begins the session of somebody who has just signed in."""
    now = timezone.now()
    request.session[BEGAN] = request.session[SHOWN] = now.isoformat()
    _go_on(request, began=now, now=now)


def moment(request: HttpRequest, name: str) -> datetime | None:
    """A time that the session keeps."""
    return parse_datetime(request.session.get(name, ""))


@dataclass(frozen=True)
class Place:
    """Where somebody is signed in; `here` is the session that asks. `name` tells it from others and is no secret."""

    name: str
    row: Session
    here: bool


def places(request: HttpRequest, user: User) -> list[Place]:
    """Where the person is signed in: this session, then the one used last."""
    own = request.session.session_key
    found = [Place(_name(row), row, row.session_key == own) for row in _of(user).order_by("-seen_at", "-began_at")]
    return sorted(found, key=lambda place: not place.here)


def end(actor: Actor, user: User, name: str) -> bool:
    """Ends the session of this name; false where the person has none."""
    keys = [row.session_key for row in _of(user) if _name(row) == name]
    return bool(_end(actor, user, _of(user).filter(session_key__in=keys)))


def end_all(actor: Actor, user: User, *, but: str | None = None) -> int:
    """Ends every session of a person, but for the one with this key; returns how many. What they send next leads to the
    sign-in page."""
    return _end(actor, user, _of(user).exclude(session_key=but) if but else _of(user))


def end_signed_on(actor: Actor, user: User, provider: str, *, sid: str = "", but: str | None = None) -> int:
    """Ends the sessions of a person that began at a provider, but for the one with this key; returns how many. With
    `sid`, what the provider calls a session there, those of another one stay."""
    rows = _of(user).filter(provider=provider).exclude(session_key=but or "")
    return _end(actor, user, rows.filter(sid__in=(sid, "")) if sid else rows)


def people_in(provider: str, sid: str) -> QuerySet[User]:
    """Whose sessions here belong to this one at a provider."""
    rows = Session.objects.filter(provider=provider, sid=sid, person__isnull=False)
    return User.objects.filter(pk__in=rows.values("person")).order_by("pk")


def _end(actor: Actor, user: User, rows: QuerySet[Session]) -> int:
    with transaction.atomic():
        count, _ = rows.delete()
        if count:
            about = {"person": user.username, "person_id": user.pk, "sessions": count}
            record("person.session_ended", actor=actor, data=about)
    return count


def why_ended(request: HttpRequest) -> str:
    """Why a browser that still names a session isn't signed in with it: `idle`, `age`, or `ended` by somebody or a new
    password, or too long ago to tell. Empty where nobody was signed in."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return ""
    row = Session.objects.filter(session_key=key).first()
    if row is None or row.expire_date > timezone.now():
        return "ended" if row is None or row.person_id else ""
    if row.person_id is None or row.began_at is None:
        return ""
    return "age" if row.expire_date >= row.began_at + timedelta(hours=settings.SESSION_HOURS) else "idle"


def _of(user: User) -> QuerySet[Session]:
    return Session.objects.filter(person=user, expire_date__gt=timezone.now())


def _name(row: Session) -> str:
    return salted_hmac("amicopy.web.sessions", row.session_key, algorithm="sha256").hexdigest()[:20]


def _idle() -> timedelta:
    return timedelta(minutes=settings.SESSION_IDLE_MINUTES)


def _go_on(request: HttpRequest, *, began: datetime, now: datetime) -> None:
    session = request.session
    session[SEEN], session[ADDRESS] = now.isoformat(), address_of(request)[:64]
    session[BROWSER] = browser_words(request.headers.get("User-Agent", ""))
    session.set_expiry(min(now + _idle(), began + timedelta(hours=settings.SESSION_HOURS)))


def _is_click(request: HttpRequest) -> bool:
    """Whether a person asks, and not a page that keeps itself current."""
    return request.method != "GET" or "HX-Request" not in request.headers


def browser_words(agent: str) -> str:
    """What a User-Agent says, such as "Firefox on Linux"; "an unknown browser" where it says nothing known."""
    name = next((words for part, words in BROWSERS if part in agent), "")
    system = next((words for part, words in SYSTEMS if part in agent), "")
    return " on ".join(filter(None, (name or "An unknown browser", system)))
