"""How soon a copy under way is looked at again: as often as it is worth knowing how far it is.

What is young, nearly done, or watched by somebody at this moment is looked at every TRACK_SECONDS; what takes hours
every few minutes. That is within what AWS allows: a look at up to 200 copies of a place costs two calls out of the
account's bucket there, and one that AWS throttles has its place wait as `backoff` says, whoever watches.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState

# However old a copy is.
SLOWEST = timedelta(minutes=5)
# How much rarer looks are while events arrive.
PUSHED_TIMES = 4
# A pause is at most this part of what is left by the copy's pace so far, so that its end is found soon after it came.
PART_OF_REST = 4


def shortest() -> timedelta:
    """Between two looks, when there is something to see."""
    return timedelta(seconds=settings.TRACK_SECONDS)


def pause_of(copy: ImageCopy, now: datetime, *, pushed: bool) -> timedelta:
    """Until the next look: TRACK_SECONDS for the first while, then doubling with the copy's age, and halving again when
    its end is near. Where AWS tells of the end by itself (`pushed`), looks only keep the progress on the page."""
    least = shortest() * (PUSHED_TIMES if pushed else 1)
    age = now - (copy.called_at or now)
    pause = least
    while age > 30 * pause and pause < SLOWEST:
        pause *= 2
    pause = min(pause, max(SLOWEST, shortest()))
    if copy.progress:
        rest = age * (100 - copy.progress) / copy.progress
        while pause > least and pause * PART_OF_REST > rest:
            pause /= 2
        pause = max(pause, least)
    return pause


def watched(copies: Iterable[ImageCopy]) -> None:
    """Somebody looks at these copies: those under way whose next look is far off get one soon. What waits for AWS waits
    on. Writes nothing where looks come soon anyway."""
    soon = timezone.now() + shortest()
    late = [
        copy.pk
        for copy in copies
        if copy.state == CopyState.COPYING and not copy.wait_code and copy.next_step_at and copy.next_step_at > soon
    ]
    if late:
        asleep = ImageCopy.objects.filter(state=CopyState.COPYING, wait_code="", lease_id=None, next_step_at__gt=soon)
        asleep.filter(pk__in=late).update(next_step_at=soon)
