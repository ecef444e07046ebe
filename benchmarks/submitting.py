"""Submitting 1,000 approved copies: the rate beside a bare boto3 thread pool, AWS's buckets, and memory

amicopy runs as `make run` starts it, with as many processes that call AWS as the pool has threads. Both sides send the
same calls to the same sandbox in the same run. With buckets on, they are refilled five times as fast as AWS's, and
amicopy is told so; two Regions share the copies, so that each has five times as many as a full bucket allows at once.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from django.conf import settings
from django.db import connection
from django.utils import timezone

from amicopy.copies import tasks
from amicopy.copies.core.models import CallBucket, ImageCopy
from amicopy.copies.core.states import CopyState
from benchmarks import rows
from benchmarks.figures import Figure
from benchmarks.limits import until
from benchmarks.memory import family, memory
from tests.journey.conftest import Running, everything

COPIES, CALLERS, CALLS_AT_ONCE = 1000, 4, 32
THREADS = CALLERS * CALLS_AT_ONCE
# Copies for calls that take their time, and for counting what one process does for each.
SLOW_COPIES, SLOW_SECONDS, COUNTED = 400, 0.1, 320
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
        at_least=0.9,
        mend=(
            "Before its call a copy is held against its approval in the history, and around it it is written down "
            "twice, each time with its audit event, so that a killed worker makes no second image: `submit_cpu_ms` of "
            "a core, beside a sandbox that shares the cores and needs more for a call than its caller. And who finds "
            "SQLite's one lock taken sleeps for a while. AWS takes a hundred calls at once and then one a second, far "
            "less than this. More cores mend it, and PostgreSQL, where writers wake each other."
        ),
    ),
    Figure(
        "submit_latency_ratio",
        "",
        f"the same for {SLOW_COPIES} copies whose calls AWS takes 100 ms to answer, in multiples of a bare pool of as "
        f"many threads as amicopy makes calls at once, {THREADS}",
        at_least=0.9,
    ),
    Figure("submit_statements", "", "SQL statements for each copy from QUEUED to COPYING", at_most=4),
    Figure("submit_cpu_ms", "ms", "of a core for each copy from QUEUED to COPYING in one process, its call included"),
    Figure("submit_bare_cpu_ms", "ms", "of a core for each call of the bare pool"),
    Figure("submit_rate", "/s", "copies a second to COPYING, buckets off"),
    Figure("submit_bare_rate", "/s", "calls a second of the bare pool"),
    Figure("submit_bucket_ratio", "", "time for 1,000 copies, in multiples of what the buckets allow", at_most=1.1),
    Figure("submit_throttled_percent", "%", "calls throttled meanwhile", at_most=2),
    *(Figure(f"memory_mb_{name}_rest", "MB", f"memory of {name} at rest, shared pages divided") for name in PROCESSES),
    *(Figure(f"memory_mb_{name}_after", "MB", f"memory of {name} after the 1,000 copies") for name in PROCESSES),
)


def ours(running: Running, *, regions: tuple[str, ...], copies: int = COPIES) -> float:
    """Seconds from the first call to the last of so many copies that is COPYING."""
    ImageCopy.objects.filter(state=CopyState.COPYING).update(next_step_at=None)
    CallBucket.objects.all().delete()
    before = calls(running)
    made = ImageCopy.objects.filter(pk__in=[copy.pk for copy in rows.queued(copies, regions=regions)])
    until(lambda: calls(running) > before, awaited="the first CopyImage call of an approved copy", pause=0.02)
    began = time.monotonic()
    waiting = made.filter(state__in=(CopyState.QUEUED, CopyState.STARTING))
    until(lambda: not waiting.exists(), awaited=f"CopyImage calls for {copies} approved copies", seconds=PATIENCE)
    seconds = time.monotonic() - began
    if refused := made.exclude(state=CopyState.COPYING):
        raise RuntimeError(f"{len(refused)} of {copies} copies failed, the first with: {refused[0].error_message}")
    return seconds


def bare(running: Running, *, threads: int = CALLERS, copies: int = COPIES) -> tuple[float, float]:
    """Seconds for as many calls with nothing around them, and the seconds of a core that they cost here."""
    session = boto3.Session("AKIASANDBOX000000000", "sandbox")
    enough = Config(max_pool_connections=threads)
    clients = {
        region: session.client("ec2", region, endpoint_url=running.sandbox, config=enough) for region in rows.REGIONS
    }

    def copy(index: int) -> None:
        client = clients[rows.REGIONS[index % len(rows.REGIONS)]]
        client.copy_image(Name=f"bare-{threads}-{index}", SourceImageId=rows.SOURCE, SourceRegion="us-east-1")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(copy, range(100000, 100000 + 10 * threads)))
        began, cpu = time.monotonic(), time.process_time()
        list(pool.map(copy, range(copies)))
        return time.monotonic() - began, time.process_time() - cpu


def counted(running: Running) -> dict[str, float]:
    """What one process does for a copy: this one, with a worker's code, once the workers are gone."""
    running.kill("worker")
    ImageCopy.objects.filter(state=CopyState.COPYING).update(next_step_at=None)
    settings.AWS_ENDPOINT, settings.COPIES_AT_ONCE, settings.START_WORKERS = running.sandbox, COUNTED, 1
    settings.COPY_CALLS_BURST = settings.COPY_CALLS_PER_SECOND = COUNTED
    CallBucket.objects.all().delete()
    waiting = ImageCopy.objects.filter(pk__in=[copy.pk for copy in rows.queued(COUNTED)])
    said: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *others: Any) -> Any:
        said.append(sql)
        return execute(sql, *others)

    with connection.execute_wrapper(note):
        cpu = time.process_time()
        tasks.start_due(wake=False)
        cpu = time.process_time() - cpu
    if left := waiting.exclude(state=CopyState.COPYING).count():
        raise RuntimeError(f"{left} of {COUNTED} copies aren't COPYING.")
    made = [sql for sql in said if not sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE"))]
    return {"submit_statements": round(len(made) / COUNTED, 2), "submit_cpu_ms": round(cpu * 1000 / COUNTED, 2)}


def calls(running: Running) -> int:
    counters = running.control()["calls"].get("ec2", {})
    return sum(actions.get("CopyImage", 0) for actions in counters.values())


def memories(running: Running, when: str) -> dict[str, float]:
    return {f"memory_mb_{name}_{when}": memory(running, name) for name in PROCESSES}


def changed(**values: str) -> dict[str, str]:
    return {
        "START_WORKERS": str(CALLERS),
        "WORKER_CONCURRENCY": str(CALLERS),
        "CALLS_AT_ONCE": str(CALLS_AT_ONCE),
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
        (theirs, cpu), own = bare(running), ours(running, regions=rows.REGIONS)
        found |= memories(running, "after")
        running.control("faults", kind="latency", action="CopyImage", count=None, seconds=SLOW_SECONDS)
        slow, _ = bare(running, threads=THREADS, copies=SLOW_COPIES)
        own_slow = ours(running, regions=rows.REGIONS, copies=SLOW_COPIES)
        running.control("faults", method="DELETE")
        return {
            **found,
            **counted(running),
            "submit_bare_cpu_ms": round(cpu * 1000 / COPIES, 2),
            "submit_latency_ratio": round(slow / own_slow, 2),
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
