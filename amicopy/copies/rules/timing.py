"""Time-based copies. https://docs.aws.amazon.com/ebs/latest/userguide/time-based-copies.html"""

import math

from amicopy.copies.calls import FieldError
from amicopy.copies.rules.case import Case
from amicopy.copies.rules.destinations import PLACES

FIELD = "SnapshotCopyCompletionDurationMinutes"
MIB_A_SECOND = 500


def duration_is_for_regions_only(case: Case) -> list[FieldError]:
    place = next((name for name in PLACES if case.get(name)), None)
    if case.get(FIELD) is None or place is None:
        return []
    where = "an Outpost" if place == "DestinationOutpostArn" else "a Local Zone"
    return [FieldError(FIELD, f"Clear it for this destination: a copy to {where} can't be given a time.")]


def feasible_minutes(snapshot_bytes: int) -> int:
    """The shortest duration AWS can keep for one snapshot of this many bytes: 500 MiB a second, in steps of 15
    minutes."""
    minutes = snapshot_bytes / 2**20 / MIB_A_SECOND / 60
    return max(15, math.ceil(minutes / 15) * 15)
