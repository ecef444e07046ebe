"""Conditional polls. An unchanged one is a 304 without a body and costs two statements: the session, and the person
together with the stamps of what the page shows.

A page carries a tag: the stamps it was drawn from, signed for the person who saw them. Only whoever was once shown
this very state of things can know the tag, so an equal one needs no other look at permissions. Everything else, an
unknown tag, a changed stamp, an ended session, goes the ordinary way.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.db.models import Subquery, Value
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

Stamps = Mapping[str, Subquery | Value]
View = Callable[..., HttpResponse]


def polled(stamps: Callable[..., Stamps]) -> Callable[[View], View]:
    """Marks a view whose htmx requests may be answered with a 304.

    `stamps` takes the view's arguments and returns scalar subqueries that change with everything the fragment shows,
    under names that no other view uses. The tag of the answer is at `request.poll_tag` for the templates;
    `SignInRequired` makes the comparison.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            # Before the view reads anything: a change in between makes the next poll a full one, never a missed one.
            tag = current_tag(request, stamps(request, *args, **kwargs))
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


def current_tag(request: HttpRequest, stamps: Stamps) -> str:
    """The tag of what the person would be shown now; empty where nobody is signed in."""
    user = _person(request, stamps)
    return _tag(user, stamps) if user else ""


def unchanged(request: HttpRequest, stamps: Stamps) -> bool:
    """Whether the poll's tag is still the current one."""
    known = request.headers.get("HX-PTag") or request.headers.get("If-None-Match", "").strip('W/"')
    return bool(known) and constant_time_compare(known, current_tag(request, stamps))


def _person(request: HttpRequest, stamps: Stamps) -> User | None:
    """The person of a live session, with the stamps as attributes."""
    user_id, signature = request.session.get(SESSION_KEY), request.session.get(HASH_SESSION_KEY, "")
    if user_id is None:
        return None
    user = User.objects.filter(pk=user_id, is_active=True).annotate(**stamps).first()
    if user is None or not constant_time_compare(signature, user.get_session_auth_hash()):
        return None
    return user


def _tag(user: User, stamps: Stamps) -> str:
    shown = [user.pk, *((name, getattr(user, name)) for name in sorted(stamps))]
    return salted_hmac("amicopy.poll", repr(shown), algorithm="sha256").hexdigest()[:24]
