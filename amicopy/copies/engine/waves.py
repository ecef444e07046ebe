"""Leased copies in waves of calls that are made at the same time.

AWS says neither how many copies others have on their way into a Region nor how many calls they make. So a place begins
with one call, and with twice as many in each wave as long as AWS takes them: what it refuses is a part of what it took.
A process keeps that for a while, so that not every task begins anew.
"""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.engine import copy_call, leases, shutdown, slots
from amicopy.copies.engine.places import Place, place_of

logger = logging.getLogger(__name__)

# A place to which nothing went for this long begins with one call again.
KEPT_SECONDS = 30.0
# How many calls a place may get next, and when that was learned.
_widths: dict[Place, tuple[int, float]] = {}


def start(copies: Sequence[ImageCopy], *, lease: uuid.UUID, actor: Actor, deadline: float) -> None:
    """Starts leased copies until none is left, the deadline of `time.monotonic` has passed, or the worker is to stop.
    What is left then, and what goes where AWS takes no more, waits for another time."""
    left, aside = list(copies), list[ImageCopy]()
    while left or aside:
        if time.monotonic() >= deadline or shutdown.told():
            leases.release(lease, [*left, *aside])
            return
        wave = _wave(left) or aside[:1]
        started = copy_call.start_all(wave, lease=lease, actor=actor)
        for place in {place_of(copy) for copy in wave}:
            width = 1 if place in started.full else min(2 * _width(place), settings.CALLS_AT_ONCE)
            _widths[place] = width, time.monotonic()
        lost = [copy for copy in wave if copy.pk in started.lost]
        for copy in lost:
            logger.info("%s", started.lost[copy.pk])
        if lost:
            leases.hand_back(lease, next_step_at=timezone.now(), copies=lost)
        # A call that made nothing freed its slot, and one that was refused before keeps nobody back any more.
        slots.bring_back({place_of(copy) for copy in wave} - started.full)
        left = [copy for copy in left if copy not in wave]
        aside = [*(copy for copy in aside if copy not in wave), *started.aside]
        leases.release(lease, [copy for copy in [*left, *aside] if place_of(copy) in started.full])
        left = [copy for copy in left if place_of(copy) not in started.full]
        aside = [copy for copy in aside if place_of(copy) not in started.full]


def forget_all() -> None:
    """Has every place begin with one call."""
    _widths.clear()


def _width(place: Place) -> int:
    width, learned = _widths.get(place, (1, 0.0))
    return width if time.monotonic() - learned < KEPT_SECONDS else 1


def _wave(copies: Sequence[ImageCopy]) -> list[ImageCopy]:
    """The first of each place, as many as it takes at once."""
    counted: Counter[Place] = Counter()
    wave: list[ImageCopy] = []
    for copy in copies:
        counted[place_of(copy)] += 1
        if counted[place_of(copy)] <= _width(place_of(copy)):
            wave.append(copy)
    return wave
