"""How far copies are together; failed and cancelled ones are left out."""

from collections.abc import Sequence

from amicopy.copies.core.copy_speed import size_of
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState

_LEFT_OUT = frozenset({CopyState.FAILED, CopyState.CANCELLED})


def gib_done(copies: Sequence[ImageCopy]) -> float:
    """GiB copied so far."""
    counted_in = [copy for copy in copies if copy.state not in _LEFT_OUT]
    return float(sum(row["VolumeSize"] * row["Progress"] / 100 for copy in counted_in for row in copy.snapshots))


def overall(copies: Sequence[ImageCopy]) -> int:
    """Whole percent over all copies, weighted by GiB."""
    counted_in = [copy for copy in copies if copy.state not in _LEFT_OUT]
    sizes = {copy.pk: size_of(copy) for copy in counted_in}
    known = [size for size in sizes.values() if size]
    usual = sum(known) / len(known) if known else 1
    total = sum(size or usual for size in sizes.values())
    if not total:
        return 0
    return int(sum((sizes[copy.pk] or usual) * copy.progress for copy in counted_in) / total)
