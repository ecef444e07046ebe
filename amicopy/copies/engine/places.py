"""Places: a Region of an account. Slots and calls are counted by place."""

from collections import defaultdict
from collections.abc import Iterable
from functools import reduce
from operator import or_

from django.db.models import Q

from amicopy.copies.core.models import ImageCopy

# An account, by its primary key, and a Region.
Place = tuple[int, str]
REGION = "DestinationRegion"


def place_of(copy: ImageCopy) -> Place:
    """Where a copy goes."""
    return copy.account_id, copy.DestinationRegion


def within(places: Iterable[Place]) -> Q:
    """The rows of these places, of which there must be some."""
    regions: dict[int, list[str]] = defaultdict(list)
    for account_pk, region in places:
        regions[account_pk].append(region)
    return reduce(or_, (Q(account_id=account_pk, DestinationRegion__in=names) for account_pk, names in regions.items()))
