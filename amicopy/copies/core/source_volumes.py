"""The volumes of a source image, by AWS's names, and which of them a copy holds."""

from collections.abc import Iterable, Mapping
from typing import Any


def is_copied(volume: Mapping[str, Any]) -> bool:
    """Whether a volume has a snapshot. Of any other the image only says that it is made empty at launch, as the copy
    then does."""
    return bool(volume.get("SnapshotId"))


def copied(volumes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [volume for volume in volumes if is_copied(volume)]


def gib(volumes: Iterable[Mapping[str, Any]]) -> int:
    """GiB of the volumes that are copied; 0 where none is, or the source wasn't seen."""
    return sum(int(volume["VolumeSize"]) for volume in copied(volumes))
