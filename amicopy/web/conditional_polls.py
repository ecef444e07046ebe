"""Conditional polls: Django's own conditional requests, with a tag made of what a fragment is drawn from.

A page carries the tag of the state it shows, as `data-tag`; a poll sends it as `If-None-Match`, and one that would show
the same is a 304 without a body. The tag is signed for the person, after Django has looked at their session as always.

Where something changed, a page of many parts gets only those that did. A part carries the fingerprint of what it was
drawn from as `data-part`; the poll names the fingerprints its page has, and a part with one of these comes empty, with
`data-kept`. `static/amicopy.js` sends both and leaves a kept part as it is.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from hashlib import blake2b
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.http import condition

from amicopy.web import strip

# What changes with everything a fragment shows, under names that no other view uses.
Stamps = Mapping[str, object]
View = Callable[..., HttpResponse]


def polled(stamps: Callable[..., Stamps]) -> Callable[[View], View]:
    """Marks a view whose htmx requests are answered with a 304 while nothing changed.

    `stamps` takes the view's arguments. They are asked before the view reads anything: a change in between makes the
    next poll a full one, never a missed one. `request.poll_tag` is the tag, for the templates.
    """

    def mark(view: View) -> View:
        conditional = condition(etag_func=lambda request, *_args, **_kwargs: f'"{request.poll_tag}"')(view)

        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            tag(request, stamps(request, *args, **kwargs))
            if not getattr(request, "htmx", False):
                return view(request, *args, **kwargs)
            answer: HttpResponse = strip.appended(request, conditional(request, *args, **kwargs))
            # The tag is the only cache: a stored fragment would be shown for a page by the back button.
            answer["Cache-Control"] = "private, no-store"
            return answer

        return wrapper

    return mark


def tag(request: HttpRequest, stamps: Stamps) -> None:
    """Keeps the tag of what the person is shown at `request.poll_tag`, and what it was made of for `stamped`."""
    shown = [str(request.user.pk), *sorted(stamps.items()), strip.stamp()]
    request.poll_stamps = stamps  # type: ignore[attr-defined]
    request.poll_tag = salted_hmac("amicopy.poll", repr(shown), algorithm="sha256").hexdigest()[:24]  # type: ignore[attr-defined]


def stamped(request: HttpRequest, name: str) -> Any:
    """The value of a stamp of the page as it was before the view read anything."""
    return getattr(request, "poll_stamps", {}).get(name)


def fingerprint(*drawn_from: object) -> str:
    """The same for the same values, as `repr` tells them, in the same time zone."""
    text = repr((timezone.get_current_timezone_name(), drawn_from))
    return blake2b(text.encode(), digest_size=6).hexdigest()


def known_parts(request: HttpRequest) -> frozenset[str]:
    """The fingerprints of the parts that the polling page has; none where a whole page is asked for."""
    return frozenset(request.headers.get("HX-Parts", "").split()) if getattr(request, "htmx", False) else frozenset()
