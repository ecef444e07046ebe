"""Which copies a worker starts next: those that are due, in turn, with a slot and a call to spare."""

import uuid
from collections import Counter

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import COPY_STARTABLE
from amicopy.copies.engine import call_buckets, leases, slots
from amicopy.copies.engine.places import place_of

# Workers that reach for the same copies at the same moment look again this often before they leave it to the sweep.
TRIES = 8
# So few copies aren't shared with others: what there is to do for each batch costs more than it saves.
FEW = 4


def claim_next(most: int | None = None) -> tuple[uuid.UUID, list[ImageCopy]] | None:
    """Leases the next copies that are due, whose Regions have room and a call to spare: up to `most`, CALLS_AT_ONCE
    unless said otherwise, and fewer where others can help. A copy already STARTING keeps the room it has; the others
    take turns, see `slots`.
    """
    most = most or settings.CALLS_AT_ONCE
    for _ in range(TRIES):
        now = timezone.now()
        keys = slots.next_up(now, most=most * settings.START_WORKERS)
        if not keys:
            return None
        with transaction.atomic():
            lease, copies = leases.claim_first(
                ImageCopy.objects.filter(state__in=COPY_STARTABLE),
                keys,
                now=now,
                most=min(most, max(FEW, -(-len(keys) // settings.START_WORKERS))),
            )
            calls = call_buckets.take(Counter(place_of(copy) for copy in copies))
            paced: list[ImageCopy] = []
            for copy in copies:
                if calls[place_of(copy)]:
                    calls[place_of(copy)] -= 1
                    paced.append(copy)
            leases.release(lease, [copy for copy in copies if copy not in paced])
        if paced:
            return lease, paced
    return None
