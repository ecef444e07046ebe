"""Submitting 1,000 approved copies: the rate beside a bare boto3 thread pool, AWS's buckets, and memory

amicopy runs as `make run` starts it, with as many processes that call AWS as the pool has threads. Both sides send the
same calls to the same sandbox in the same run. With buckets on, they are refilled five times as fast as AWS's, and
amicopy is told so; two Regions share the copies, so that each has five times as many as a full bucket allows at once.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from django.conf import settings
from django.utils import timezone

from amicopy.copies.core.models import CallBucket, ImageCopy
from amicopy.copies.core.states import CopyState
from benchmarks import rows
from benchmarks.figures import Figure
from benchmarks.limits import until
from benchmarks.memory import family, memory
from tests.journey.conftest import Running, everything

COPIES, CALLERS = 1000, 4
FASTER, BUCKET, TWO_REGIONS = 5, 100, ("eu-west-1", "us-west-2")
# Seconds, many times what the slower of the runs takes.
PATIENCE = 900.0
PROCESSES = ("web", "worker", "beat")
UNLIMITED = {"COPY_CALLS_BURST": "100000", "COPY_CALLS_PER_SECOND": "100000"}

FIGURES = (
    Figure(
        "submit_rate_ratio",
        "",
        "copies a second from QUEUED to COPYING, in multiples of what a bare pool of boto3 threads of the same size "
        "reaches at the same sandbox, buckets off",
        at_least=0.7,
        mend=(
            "Before its call a copy is held against its approval in the history, and around it it is written down "
            "twice, each time with its audit event, so that a killed worker makes no second image: twelve milliseconds "
            "of a core, a third of them the gate's, beside a sandbox that shares the cores and needs less than four. "
            "And who finds SQLite's one lock taken sleeps for a while. AWS takes a hundred calls at once and then one "
            "a second, far less than this. More cores mend it, and PostgreSQL, where writers wake each other."
        ),
    ),
    Figure("submit_rate", "/s", "copies a second to COPYING, buckets off"),
    Figure("submit_bare_rate", "/s", "calls a second of the bare pool"),
    Figure("submit_bucket_ratio", "", "time for 1,000 copies, in multiples of what the buckets allow", at_most=1.1),
    Figure("submit_throttled_percent", "%", "calls throttled meanwhile", at_most=2),
    *(Figure(f"memory_mb_{name}_rest", "MB", f"memory of {name} at rest, shared pages divided") for name in PROCESSES),
    *(Figure(f"memory_mb_{name}_after", "MB", f"memory of {name} after the 1,000 copies") for name in PROCESSES),
)


def ours(running: Running, *, regions: tuple[str, ...]) -> float:
    """Seconds from the first call to the last copy that is COPYING."""
    ImageCopy.objects.filter(state=CopyState.COPYING).update(next_step_at=None)
    CallBucket.objects.all().delete()
    before = calls(running)
    made = ImageCopy.objects.filter(pk__in=[copy.pk for copy in rows.queued(COPIES, regions=regions)])
    until(lambda: calls(running) > before, awaited="the first CopyImage call of an approved copy", pause=0.02)
    began = time.monotonic()
    waiting = made.filter(state__in=(CopyState.QUEUED, CopyState.STARTING))
    until(lambda: not waiting.exists(), awaited=f"CopyImage calls for {COPIES} approved copies", seconds=PATIENCE)
    seconds = time.monotonic() - began
    if refused := made.exclude(state=CopyState.COPYING):
        raise RuntimeError(f"{len(refused)} of {COPIES} copies failed, the first with: {refused[0].error_message}")
    return seconds


def bare(running: Running) -> float:
    """Seconds for as many calls with nothing around them."""
    session = boto3.Session("AKIASANDBOX000000000", "sandbox")
    clients = {region: session.client("ec2", region, endpoint_url=running.sandbox) for region in rows.REGIONS}

    def copy(index: int) -> None:
        client = clients[rows.REGIONS[index % len(rows.REGIONS)]]
        client.copy_image(Name=f"bare-{index}", SourceImageId=rows.SOURCE, SourceRegion="us-east-1")

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(copy, range(100000, 100040)))
        began = time.monotonic()
        list(pool.map(copy, range(COPIES)))
        return time.monotonic() - began


def calls(running: Running) -> int:
    counters = running.control()["calls"].get("ec2", {})
    return sum(actions.get("CopyImage", 0) for actions in counters.values())


def memories(running: Running, when: str) -> dict[str, float]:
    return {f"memory_mb_{name}_{when}": memory(running, name) for name in PROCESSES}


def changed(**values: str) -> dict[str, str]:
    return {
        "START_WORKERS": str(CALLERS),
        "WORKER_CONCURRENCY": str(CALLERS),
        "COPIES_AT_ONCE": "5000",
        "TRACK_SECONDS": "20",
        **values,
    }


def unhindered() -> dict[str, float]:
    """Rate and memory, buckets off on both sides."""
    var = Path(settings.VAR_DIR)
    with everything(var, "amicopy_submitting", log=var / "log", changed=changed(**UNLIMITED)) as running:
        running.control("settings", limit=100000, copy_seconds=3600)
        until(lambda: len(list(family(running.started["worker"].pid))) > CALLERS, awaited="the worker's processes")
        found = memories(running, "rest")
        theirs, own = bare(running), ours(running, regions=rows.REGIONS)
        return {
            **found,
            **memories(running, "after"),
            "submit_rate": round(COPIES / own, 1),
            "submit_bare_rate": round(COPIES / theirs, 1),
            "submit_rate_ratio": round(theirs / own, 2),
        }


def in_buckets() -> dict[str, float]:
    """The time with buckets on, against what they allow: the full ones at once, the rest as they are refilled."""
    allowed = (COPIES / len(TWO_REGIONS) - BUCKET) / FASTER
    var = Path(settings.VAR_DIR)
    # The copies of the first run would come to life again.
    (var / "sandbox.jsonl").unlink()
    paced = changed(COPY_CALLS_BURST=str(BUCKET), COPY_CALLS_PER_SECOND=str(FASTER))
    with everything(var, "amicopy_submitting", log=var / "log", changed=paced) as running:
        running.control("settings", limit=100000, copy_seconds=3600, buckets=FASTER)
        seconds = ours(running, regions=TWO_REGIONS)
        throttled = running.control()["refusals"].get("RequestLimitExceeded", 0)
        return {
            "submit_bucket_ratio": round(seconds / allowed, 2),
            "submit_throttled_percent": round(100 * throttled / calls(running), 2),
        }


def measure() -> dict[str, float]:
    ImageCopy.objects.update(state=CopyState.FAILED, next_step_at=timezone.now())
    return {**unhindered(), **in_buckets()}
