"""A fleet: what a claim and a sweep cost with thousands of places, all full, and a long queue"""

import statistics
import time
import uuid
from collections.abc import Callable
from unittest.mock import patch

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from amicopy.copies import tasks
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import claims, slots
from amicopy.copies.lifecycle.transitions import LEASE_ENDED
from benchmarks.figures import Figure
from tests.copies.fleet import make_copies, make_places

# Places, each of them full, and copies that wait for one of them.
FEW, MANY = (10, 100), (3400, 10_000)
SLOTS = 3
TIMES = 21
MULTIPLES = "in multiples of 10 places and 100 queued"
FIGURES = (
    Figure("fleet_claim_ms", "ms", "a claim with 3,400 places, all full, and 10,000 queued"),
    Figure("fleet_claim_ratio", "", f"the same {MULTIPLES}", at_most=3),
    Figure("fleet_first_claim_ms", "ms", "the first of them, which reads the queue and parks it; the others do not"),
    Figure("fleet_freed_claim_ms", "ms", "a slot that becomes free, and the claim that takes it"),
    Figure("fleet_freed_claim_ratio", "", f"the same {MULTIPLES}", at_most=3),
    Figure("fleet_sweep_ms", "ms", "a sweep with them"),
    Figure("fleet_sweep_ratio", "", f"the same {MULTIPLES}", at_most=3),
)


def median(work: Callable[[], object]) -> float:
    """Milliseconds."""
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def free_and_claim() -> None:
    """A copy ends, another one is claimed and begins: the fleet is full again."""
    over = ImageCopy.objects.filter(state=CopyState.COPYING).order_by("pk").first()
    assert over is not None
    ImageCopy.objects.filter(pk=over.pk).update(state=CopyState.FAILED, next_step_at=None)
    slots.freed(over.account_id, over.DestinationRegion)
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    begun = {"state": CopyState.COPYING, "ImageId": f"ami-{uuid.uuid4().hex[:17]}", **LEASE_ENDED}
    ImageCopy.objects.filter(pk=copy.pk, lease_id=lease).update(**begun)


def with_places(places: int, queued: int) -> dict[str, float]:
    """Milliseconds of the first claim and of others, which find nothing to start, of one that does, and of a sweep."""
    ImageCopy.objects.update(state=CopyState.FAILED, next_step_at=None)
    found = make_places(places)
    requester = User.objects.get(username="requester")
    make_copies(found * SLOTS, requester, state=CopyState.COPYING)
    make_copies((found * -(-queued // places))[:queued], requester, state=CopyState.QUEUED)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    began = time.perf_counter()
    assert claims.claim_next() is None
    first = 1000 * (time.perf_counter() - began)
    with patch.object(tasks, "send"), patch.object(slots, "send"):
        sweep, claim, freed = median(tasks.sweep), median(claims.claim_next), median(free_and_claim)
    return {"first": first, "claim": claim, "freed": freed, "sweep": sweep}


def measure() -> dict[str, float]:
    settings.COPIES_AT_ONCE = SLOTS
    few, many = with_places(*FEW), with_places(*MANY)
    return {
        "fleet_claim_ms": round(many["claim"], 2),
        "fleet_claim_ratio": round(many["claim"] / few["claim"], 1),
        "fleet_first_claim_ms": round(many["first"], 1),
        "fleet_freed_claim_ms": round(many["freed"], 2),
        "fleet_freed_claim_ratio": round(many["freed"] / few["freed"], 1),
        "fleet_sweep_ms": round(many["sweep"], 2),
        "fleet_sweep_ratio": round(many["sweep"] / few["sweep"], 1),
    }
