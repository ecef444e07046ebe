"""Whether anything has run lately: what every page has to know before it says how long something takes."""

from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from django.db.models import F
from django.db.models.functions import Now

from amicopy.copies.core.engine_models import Pulse
from amicopy.copies.operations.health.machinery import silent_after

# A worker swept, or started, tracked or removed something.
SIGNS = ("sweep", "work")
# A process asks once in so many seconds, however many pages it makes.
KEPT_SECONDS = 3.0
KEY = "silence"


@dataclass(frozen=True)
class Silence:
    """Nothing has swept, started or tracked since then; None: never."""

    since: datetime | None


def silence() -> Silence | None:
    """The silence there is, or None while workers do their work. Raises DatabaseError."""
    known: tuple[Silence | None] | None = cache.get(KEY)
    if known is None:
        known = (_look(),)
        cache.set(KEY, known, KEPT_SECONDS)
    return known[0]


def _look() -> Silence | None:
    pulses = Pulse.objects.filter(name__in=SIGNS).order_by("-at").annotate(ago=Now() - F("at"))
    last = pulses.values_list("at", "ago").first()
    if last is None:
        return Silence(None)
    at, ago = last
    return Silence(at) if ago > silent_after() else None
