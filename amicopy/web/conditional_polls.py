"""Conditional polls. An unchanged one is a 304 without a body and costs two statements: the session, and the person
together with the stamps of what the page shows.

A page carries a tag: the stamps it was drawn from, signed for the person who saw them. Only whoever was once shown
this very state of things can know the tag, so an equal one needs no other look at permissions. Everything else, an
unknown tag, a changed stamp, an ended session, goes the ordinary way.

Where something changed, a page of many parts gets only those that did. A part carries the fingerprint of what it was
drawn from as `data-part`; the poll names the fingerprints its page has, and a part with one of these comes empty, with
`data-kept`. `static/amicopy.js` names them and leaves a kept part as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from hashlib import blake2b
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac


@dataclass(frozen=True)
class Stamp:
    """A scalar subquery, in the SQL that every database of ours speaks, and what it asks about.

    Plain SQL: putting such a statement together anew for every poll would cost several times what answering it does.
    """

    sql: str
    parameters: Sequence[int | str] = ()


# What every view asks of the person, in the order of the model's fields; all else is read by whoever needs it.
_PERSON = ("id", "password", "is_superuser", "username", "is_active")
Stamps = Mapping[str, Stamp | int | str]
View = Callable[..., HttpResponse]


def polled(stamps: Callable[..., Stamps]) -> Callable[[View], View]:
    """Marks a view whose htmx requests may be answered with a 304.

    `stamps` takes the view's arguments and returns what changes with everything the fragment shows, from the database
    or known already, under names that no other view uses. The tag of the answer is at `request.poll_tag` for the
    templates; `SignInRequired` makes the comparison.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            # Before the view reads anything: a change in between makes the next poll a full one, never a missed one.
            tag = getattr(request, "poll_tag", "") or current_tag(request, stamps(request, *args, **kwargs))
            request.poll_tag = tag  # type: ignore[attr-defined]  # templates read it
            answer = view(request, *args, **kwargs)
            if answer.status_code == 200 and getattr(request, "htmx", False):
                answer["HX-PTag"] = tag
                answer["ETag"] = f'"{tag}"'
                # The tag is the only cache: a stored fragment would be shown for a page by the back button.
                answer["Cache-Control"] = "private, no-store"
            return answer

        wrapper.poll_stamps = stamps  # type: ignore[attr-defined]  # read by SignInRequired
        return wrapper

    return mark


def fingerprint(*drawn_from: object) -> str:
    """The same for the same values, as `repr` tells them, in the same time zone."""
    text = repr((timezone.get_current_timezone_name(), drawn_from))
    return blake2b(text.encode(), digest_size=6).hexdigest()


def known_parts(request: HttpRequest) -> frozenset[str]:
    """The fingerprints of the parts that the polling page has; none where a whole page is asked for."""
    return frozenset(request.headers.get("HX-Parts", "").split()) if getattr(request, "htmx", False) else frozenset()


def marks(numbers: Sequence[int]) -> str:
    """So many placeholders for `IN (…)`; `NULL`, which nothing is in, for none."""
    return ", ".join(["%s"] * len(numbers)) or "NULL"


def current_tag(request: HttpRequest, stamps: Stamps) -> str:
    """The tag of what the person would be shown now; empty where nobody is signed in."""
    return _look(request, stamps)[1]


def stamped(request: HttpRequest, name: str) -> Any:
    """The value of a stamp of the page as it was before the view read anything; None where nobody is signed in."""
    return getattr(request, "poll_stamped", {}).get(name)


def unchanged(request: HttpRequest, stamps: Stamps) -> bool:
    """Whether the poll's tag is still the current one."""
    known = request.headers.get("HX-PTag") or request.headers.get("If-None-Match", "").strip('W/"')
    if not known:
        return False
    user, tag = _look(request, stamps)
    # What the view needs where something changed, so that nothing is asked for twice.
    request.poll_tag = tag  # type: ignore[attr-defined]
    if user is not None:
        request.user = user
    return constant_time_compare(known, tag)


def _look(request: HttpRequest, stamps: Stamps) -> tuple[User | None, str]:
    """The person of a live session and the tag of what they would be shown; None and empty where nobody is signed in.
    Keeps the stamps' values for `stamped`."""
    user_id, signature = request.session.get(SESSION_KEY), request.session.get(HASH_SESSION_KEY, "")
    if user_id is None:
        return None, ""
    asked = {name: stamp for name, stamp in stamps.items() if isinstance(stamp, Stamp)}
    columns = ", ".join([*_PERSON, *(f"({stamp.sql})" for stamp in asked.values())])
    statement = f"SELECT {columns} FROM auth_user WHERE id = %s AND is_active"  # noqa: S608, all of it is our own text
    with connection.cursor() as cursor:
        cursor.execute(statement, [*(value for stamp in asked.values() for value in stamp.parameters), user_id])
        found = cursor.fetchone()
    if found is None:
        return None, ""
    own, values = found[: len(_PERSON)], found[len(_PERSON) :]
    user = User.from_db(connection.alias, _PERSON, own)
    if not constant_time_compare(signature, user.get_session_auth_hash()):
        return None, ""
    known = {**stamps, **dict(zip(asked, values, strict=True))}
    request.poll_stamped = known  # type: ignore[attr-defined]
    shown = [str(user.pk), *sorted(known.items())]
    return user, salted_hmac("amicopy.poll", repr(shown), algorithm="sha256").hexdigest()[:24]
