"""Rules about how long a copy may take."""

import pytest

from amicopy.copies.rules import timing
from tests.copies.conftest import make_call
from tests.copies.rules.cases import LOCAL_ZONE, LOCAL_ZONE_ID, OUTPOST, said, seen


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (7, "nearest to 7 is 15."),
        (50, "nearest to 50 is 45."),
        (0, "is 15."),
        (-15, "is 15."),
        (2895, "nearest to 2895 is 2880."),
        (10**9, "from 15 to 2,880."),
    ],
)
def test_duration_is_a_multiple_of_15(minutes: int, words: str) -> None:
    rule = timing.duration_is_a_multiple_of_15
    assert words in said(rule, SnapshotCopyCompletionDurationMinutes=minutes)
    assert said(rule, SnapshotCopyCompletionDurationMinutes=10**5000).endswith("from 15 to 2,880.")
    assert [said(rule, SnapshotCopyCompletionDurationMinutes=good) for good in range(15, 2881, 15)] == [""] * 192


def test_duration_is_for_regions_only() -> None:
    rule, minutes = timing.duration_is_for_regions_only, {"SnapshotCopyCompletionDurationMinutes": 60}
    assert "to an Outpost can't" in said(rule, make_call("us-east-1", DestinationOutpostArn=OUTPOST, **minutes))
    for zone in ({"DestinationAvailabilityZone": LOCAL_ZONE}, {"DestinationAvailabilityZoneId": LOCAL_ZONE_ID}):
        assert "to a Local Zone can't" in said(rule, make_call("us-east-1", **zone, **minutes))
    assert said(rule, **minutes) == said(rule, make_call("us-east-1", **minutes)) == ""


def test_warn_of_a_duration_that_is_too_short() -> None:
    rule, volumes = timing.warn_of_a_duration_that_is_too_short, [{"SnapshotId": "snap-1", "VolumeSize": 1000}]
    assert "takes 45 minutes or more" in said(
        rule, SnapshotCopyCompletionDurationMinutes=30, lookups=seen(volumes=volumes)
    )
    assert said(rule, SnapshotCopyCompletionDurationMinutes=45, lookups=seen(volumes=volumes)) == ""
    # What the snapshot really holds is less than its volume could.
    known = {**seen(volumes=volumes), "snapshots": {"snap-1": {"FullSnapshotSizeInBytes": 400 * 2**30}}}
    assert said(rule, SnapshotCopyCompletionDurationMinutes=15, lookups=known) == ""
    assert said(rule, SnapshotCopyCompletionDurationMinutes=15) == ""


def test_warn_of_a_duration_without_snapshots() -> None:
    rule, in_s3 = timing.warn_of_a_duration_without_snapshots, seen(RootDeviceType="instance-store")
    assert "no snapshots" in said(rule, SnapshotCopyCompletionDurationMinutes=30, lookups=in_s3)
    assert said(rule, lookups=in_s3) == said(rule, SnapshotCopyCompletionDurationMinutes=30) == ""


@pytest.mark.parametrize(("mib", "minutes"), [(0, 15), (900_000, 30), (16 * 2**20, 570), (64 * 2**20, 2250)])
def test_the_feasible_minimum_is_the_documented_one(mib: int, minutes: int) -> None:
    assert timing.feasible_minutes(mib * 2**20) == minutes
