"""Leased copies in waves of calls that are made at the same time.

AWS says neither how many copies others have on their way into a Region nor how many calls they make. So a place begins
with one call, and with twice as many in each wave as long as AWS takes them: what it refuses is a part of what it took.
"""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Sequence

from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.engine import copy_call, leases, shutdown, slots
from amicopy.copies.engine.places import Place, place_of

logger = logging.getLogger(__name__)


def start(
    copies: Sequence[ImageCopy], *, lease: uuid.UUID, actor: Actor, widths: dict[Place, int], deadline: float
) -> None:
    """Starts leased copies until none is left, the deadline of `time.monotonic` has passed, or the worker is to stop.
    What is left then, and what goes where AWS takes no more, waits for another time. `widths` are how many calls a
    place takes at once, which this learns and the caller keeps."""
    left, aside = list(copies), list[ImageCopy]()
    while left or aside:
        if time.monotonic() >= deadline or shutdown.told():
            leases.release(lease, [*left, *aside])
            return
        wave = _wave(left, widths) or aside[:1]
        started = copy_call.start_all(wave, lease=lease, actor=actor)
        for place in {place_of(copy) for copy in wave}:
            widths[place] = 1 if place in started.full else 2 * widths.get(place, 1)
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


def _wave(copies: Sequence[ImageCopy], widths: dict[Place, int]) -> list[ImageCopy]:
    """The first of each place, as many as it takes at once."""
    counted: Counter[Place] = Counter()
    wave: list[ImageCopy] = []
    for copy in copies:
        counted[place_of(copy)] += 1
        if counted[place_of(copy)] <= widths.get(place_of(copy), 1):
            wave.append(copy)
    return wave
