"""A fleet: what a claim and a sweep cost with thousands of places, all full, and a long queue"""

import statistics
import time
from collections.abc import Callable
from unittest.mock import patch

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from amicopy.copies import tasks
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import claims
from benchmarks.figures import Figure
from tests.copies.fleet import make_copies, make_places

# Places, each of them full, and copies that wait for one of them.
FEW, MANY = (10, 100), (3400, 10_000)
SLOTS = 3
TIMES = 21
MULTIPLES = "in multiples of 10 places and 100 queued"
MEND = (
    "For every claim slots are counted from rows, in a walk along an index of what is unfinished. Counts that are "
    "kept would cost the same at any size, and could be wrong."
)

FIGURES = (
    Figure("fleet_claim_ms", "ms", "a claim with 3,400 places, all full, and 10,000 queued"),
    Figure("fleet_claim_ratio", "", f"the same {MULTIPLES}", at_most=3, mend=MEND),
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


def with_places(places: int, queued: int) -> tuple[float, float]:
    """Milliseconds of a claim, which finds nothing to start, and of a sweep."""
    ImageCopy.objects.update(state=CopyState.FAILED, next_step_at=None)
    found = make_places(places)
    requester = User.objects.get(username="requester")
    make_copies(found * SLOTS, requester, state=CopyState.COPYING)
    make_copies((found * -(-queued // places))[:queued], requester, state=CopyState.QUEUED)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert claims.claim_next() is None
    with patch.object(tasks, "send"):
        return median(claims.claim_next), median(tasks.sweep)


def measure() -> dict[str, float]:
    settings.COPIES_AT_ONCE = SLOTS
    few_claim, few_sweep = with_places(*FEW)
    claim, sweep = with_places(*MANY)
    return {
        "fleet_claim_ms": round(claim, 2),
        "fleet_claim_ratio": round(claim / few_claim, 1),
        "fleet_sweep_ms": round(sweep, 2),
        "fleet_sweep_ratio": round(sweep / few_sweep, 1),
    }
