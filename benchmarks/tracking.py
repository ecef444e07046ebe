"""Tracking copies in flight: calls to AWS, and what a round and a sweep cost as copies grow

Calls are counted at the sandbox. Our own cost is measured with the sandbox out of the way: it takes milliseconds for
each image it lists, so the gateway's answers are made here instead.
"""

import secrets
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import boto3
from botocore.exceptions import WaiterError
from django.conf import settings
from django.db import connection
from django.utils import timezone
from mypy_boto3_ec2 import EC2Client

from amicopy.audit.actor import worker
from amicopy.aws import ec2
from amicopy.aws.account import AwsAccount
from amicopy.aws.shapes import Image, Snapshot, image_of, snapshot_of
from amicopy.copies import tasks
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import tracking
from amicopy.sandbox.server import start
from amicopy.sandbox.world import world
from benchmarks import rows
from benchmarks.figures import Figure
from benchmarks.limits import until

IN_FLIGHT = 1000
SIZES = (100, 1000, 10000)
ROUNDS = 3
GROWTH = "what a copy costs with 10,000 in flight, in multiples of what it costs with 100"

FIGURES = (
    Figure(
        "tracking_calls_ratio",
        "",
        "AWS calls of 1,000 boto3 `image_available` waiters looking once, in multiples of one round of tracking "
        "1,000 copies over 10 Regions",
        at_least=30,
    ),
    Figure("tracking_calls", "", "AWS calls of that round"),
    *(Figure(f"growth_track_ms_a_copy_{size}", "ms", f"our own cost of a round, {size:,} in flight") for size in SIZES),
    *(
        Figure(f"growth_track_statements_a_copy_{size}", "", f"SQL statements of it for each copy, {size:,} in flight")
        for size in SIZES
    ),
    Figure("growth_track_ratio", "", f"a round: {GROWTH}", at_most=1.5),
    Figure("growth_track_statements_ratio", "", f"statements of a round: {GROWTH}", at_most=1.05),
    *(Figure(f"growth_sweep_ms_{size}", "ms", f"a sweep that finds all of {size:,} copies due") for size in SIZES),
    *(Figure(f"growth_sweep_idle_ms_{size}", "ms", f"a sweep that finds none of {size:,} due") for size in SIZES),
    Figure("growth_sweep_statements", "", "statements of a sweep, the most at any of these sizes"),
)


def calls_ratio() -> dict[str, float]:
    """Both sides look once at the same images, which the sandbox made and whose calls it counts."""
    server = start(copy_seconds=3600, limit=IN_FLIGHT)
    try:
        settings.AWS_ENDPOINT = server.url
        session = boto3.Session("AKIASANDBOX000000000", "sandbox")
        clients = {region: session.client("ec2", region, endpoint_url=server.url) for region in rows.REGIONS}
        images = [copied(clients[rows.REGIONS[index % 10]], index) for index in range(IN_FLIGHT)]
        rows.copying(IN_FLIGHT, image_id=images.__getitem__)
        before = described()
        until(tracked, awaited=f"a look at each of {IN_FLIGHT} copies", pause=0)
        ours = described() - before
        # Each waiter asks for its own image; a few of them show how many calls that takes.
        before, sample = described(), range(0, IN_FLIGHT, 25)
        for index in sample:
            waiter = clients[rows.REGIONS[index % 10]].get_waiter("image_available")
            with suppress(WaiterError):
                waiter.wait(ImageIds=[images[index]], WaiterConfig={"Delay": 1, "MaxAttempts": 1})
        theirs = (described() - before) * IN_FLIGHT / len(sample)
        return {"tracking_calls": ours, "tracking_calls_ratio": round(theirs / ours, 1)}
    finally:
        server.stop()


def tracked() -> bool:
    """Tracks what is due; whether that was all."""
    tasks.track_due()
    return not ImageCopy.objects.filter(seen_at__isnull=True).exists()


def copied(client: EC2Client, index: int) -> str:
    answer = client.copy_image(Name=f"tracked-{index}", SourceImageId=rows.SOURCE, SourceRegion="us-east-1")
    return answer["ImageId"]


def described() -> int:
    """The calls to AWS that looked at something, since the start of the sandbox."""
    return sum(number for (_, _, action), number in world.counters.items() if action.startswith("Describe"))


def growth() -> dict[str, float]:
    """Rounds and sweeps with more and more copies in flight, every one of them due and changed since the last look."""
    found: dict[str, float] = {}
    sweeps = []
    for size in SIZES:
        missing = size - ImageCopy.objects.count()
        rows.copying(missing, image_id=image_id)
        times, statements = zip(*(a_round(size, percent) for percent in range(10, 10 + ROUNDS)), strict=True)
        found[f"growth_track_ms_a_copy_{size}"] = round(statistics.median(times) * 1000 / size, 3)
        found[f"growth_track_statements_a_copy_{size}"] = round(max(statements) / size, 3)
        found[f"growth_sweep_idle_ms_{size}"], idle = a_sweep()
        ImageCopy.objects.update(next_step_at=timezone.now())
        found[f"growth_sweep_ms_{size}"], busy = a_sweep()
        sweeps += [idle, busy]
    for ratio, name in (("ratio", "ms"), ("statements_ratio", "statements")):
        cost = f"growth_track_{name}_a_copy"
        found[f"growth_track_{ratio}"] = round(found[f"{cost}_{SIZES[-1]}"] / found[f"{cost}_{SIZES[0]}"], 2)
    return {**found, "growth_sweep_statements": max(sweeps)}


def image_id(_: int) -> str:
    return f"ami-0{secrets.token_hex(8)}"


def a_round(size: int, percent: int) -> tuple[float, int]:
    """Seconds and statements of one round over all copies, every one of them a little further than before."""
    ImageCopy.objects.update(next_step_at=timezone.now() - timedelta(seconds=1), lease_until=None, lease_id=None)
    actor, tracked = worker("track_due"), 0

    def images(_: AwsAccount, *, region: str, image_ids: Sequence[str]) -> dict[str, Image]:
        return {image_id: an_image(image_id) for image_id in image_ids}

    def snapshots(_: AwsAccount, *, region: str, snapshot_ids: Sequence[str]) -> dict[str, Snapshot]:
        return {snapshot_id: a_snapshot(snapshot_id, percent) for snapshot_id in snapshot_ids}

    with patch.object(ec2, "describe_images", images), patch.object(ec2, "describe_snapshots", snapshots):
        began = time.perf_counter()
        with counting() as statements:
            while claimed := tracking.claim_round():
                tracking.track(claimed[1], lease=claimed[0], actor=actor)
                tracked += len(claimed[1])
        seconds = time.perf_counter() - began
    assert tracked == size, f"{tracked} of {size} copies were looked at"
    return seconds, statements.total()


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Counts the statements sent to the database, which costs next to nothing."""
    counted: Counter[str] = Counter()

    def count(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        counted["statements"] += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield counted


def a_sweep() -> tuple[float, int]:
    """Milliseconds, a median, and statements of a sweep; its messages go nowhere."""
    times = []
    with patch.object(tasks, "send"):
        for _ in range(9):
            began = time.perf_counter()
            tasks.sweep()
            times.append(time.perf_counter() - began)
        with counting() as statements:
            tasks.sweep()
    return round(statistics.median(times) * 1000, 2), statements.total()


def an_image(image_id: str) -> Image:
    devices = (("/dev/xvda", 12), ("/dev/sdf", 40))
    return image_of(
        {
            "ImageId": image_id,
            "State": "pending",
            "RootDeviceType": "ebs",
            "BlockDeviceMappings": [
                {
                    "DeviceName": name,
                    "Ebs": {"SnapshotId": image_id.replace("ami-", f"snap-{place}"), "VolumeSize": size},
                }
                for place, (name, size) in enumerate(devices)
            ],
        }
    )


def a_snapshot(snapshot_id: str, percent: int) -> Snapshot:
    return snapshot_of(
        {"SnapshotId": snapshot_id, "State": "pending", "Progress": f"{percent}%", "VolumeSize": 12, "Encrypted": False}
    )


def measure() -> dict[str, float]:
    settings.TRACK_SECONDS = 3600.0
    grown = growth()
    ImageCopy.objects.update(state=CopyState.FAILED, next_step_at=None)
    return {**calls_ratio(), **grown}
