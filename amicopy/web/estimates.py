"""How long a copy usually takes, for pages."""

from amicopy.copies.models import ImageCopy
from amicopy.copies.pace import seconds_per_gib, size_of


def usual_seconds(copy: ImageCopy) -> float | None:
    """How long a copy of this size into this Region takes as a rule; None without history or size."""
    size = size_of(copy)
    pace = seconds_per_gib(copy.account_id, copy.DestinationRegion) if size else None
    return pace * size if pace is not None else None
