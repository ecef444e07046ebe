"""Time-based copies. https://docs.aws.amazon.com/ebs/latest/userguide/time-based-copies.html"""

import math

from amicopy.copies.core import source_volumes
from amicopy.copies.core.calls import FieldError
from amicopy.copies.core.parameters import BY_NAME
from amicopy.copies.rules.case import Case
from amicopy.copies.rules.destinations import PLACES

FIELD = "SnapshotCopyCompletionDurationMinutes"
MIB_A_SECOND = 500


def duration_is_a_multiple_of_15(case: Case) -> list[FieldError]:
    """15 to 2,880 minutes in steps of 15; botocore checks neither."""
    minutes, row = case.get(FIELD), BY_NAME[FIELD]
    low, high, step = row.minimum or 0, row.maximum or 0, row.step
    if not isinstance(minutes, int) or isinstance(minutes, bool):
        return []
    if low <= minutes <= high and not minutes % step:
        return []
    must = f"Enter a multiple of {step} from {low} to {high:,}."
    if abs(minutes) >= 10**9:
        return [FieldError(FIELD, must)]
    near = min(high, max(low, round(minutes / step) * step))
    return [FieldError(FIELD, f"{must} The nearest to {minutes} is {near}.")]


def duration_is_for_regions_only(case: Case) -> list[FieldError]:
    """A copy to an Outpost or a Local Zone can't be given a time."""
    place = next((name for name in PLACES if case.get(name)), None)
    if case.get(FIELD) is None or place is None:
        return []
    where = "an Outpost" if place == "DestinationOutpostArn" else "a Local Zone"
    return [FieldError(FIELD, f"Set it at each Region instead: a copy to {where} can't be given a time.")]


def warn_of_a_duration_that_is_too_short(case: Case) -> list[FieldError]:
    """500 MiB a second is the most for one snapshot; a copy that is asked for sooner is accepted and comes late, unless
    most of its data is there already.
    """
    minutes = case.get(FIELD)
    if not isinstance(minutes, int) or isinstance(minutes, bool):
        return []
    largest = max(
        (_bytes(case, volume) for volume in source_volumes.copied(case.source.get("volumes") or ())), default=0
    )
    least = feasible_minutes(largest)
    if minutes >= least:
        return []
    words = (
        f"A snapshot of the source has up to {largest / 2**30:,.0f} GiB: a first copy of it takes {least:,} minutes or "
        f"more. AWS charges for {minutes:,} and comes late."
    )
    return [FieldError(FIELD, words)]


def warn_of_a_duration_without_snapshots(case: Case) -> list[FieldError]:
    """An AMI in S3 has no snapshots that could be given a time; what AWS does isn't documented."""
    if case.get(FIELD) is None or case.source.get("RootDeviceType") != "instance-store":
        return []
    return [FieldError(FIELD, "The source is in S3 and has no snapshots: a time may do nothing, or be refused.")]


def feasible_minutes(snapshot_bytes: int) -> int:
    """The shortest duration AWS can keep for one snapshot of this many bytes: 500 MiB a second, in steps of 15
    minutes."""
    minutes = snapshot_bytes / 2**20 / MIB_A_SECOND / 60
    return max(15, math.ceil(minutes / 15) * 15)


def _bytes(case: Case, volume: object) -> int:
    """At most this much is in a volume's snapshot: what AWS says of the snapshot, or else the volume's size."""
    if not isinstance(volume, dict):
        return 0
    snapshots = case.lookups.get("snapshots")
    snapshot = snapshots.get(volume.get("SnapshotId")) if isinstance(snapshots, dict) else None
    full = snapshot.get("FullSnapshotSizeInBytes") if isinstance(snapshot, dict) else None
    return int(full or int(volume.get("VolumeSize") or 0) * 2**30)
