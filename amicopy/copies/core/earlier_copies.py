"""Which earlier copies of the same image are known where a copy goes, and under which keys: AWS then copies only what
has changed."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from amicopy.copies.core import cost, prices
from amicopy.copies.core.calls import Call
from amicopy.copies.core.cost import Estimate, Keys
from amicopy.copies.core.models import Account, ImageCopy
from amicopy.copies.core.states import CopyState

# The latest copies of an image that are looked at; keys repeat.
MOST = 100


def estimate(account: Account, calls: Sequence[Call], lookups: Mapping[str, Any]) -> Estimate:
    """What these calls cost by the price list in use and the copies that amicopy knows of; one statement."""
    found = known_keys(account, calls) if lookups.get("source") else []
    return cost.estimate(calls, lookups, prices.current(), account_id=account.account_id, earlier=found)


def known_keys(account: Account, calls: Sequence[Call]) -> list[Collection[Keys]]:
    """For each call the keys of copies of the same image in the same place that are there, as far as amicopy knows:
    it asks AWS nothing, and an image that somebody removed elsewhere still counts."""
    if not calls:
        return []
    first = calls[0].parameters
    rows = ImageCopy.objects.filter(
        account=account,
        state=CopyState.AVAILABLE,
        existing=False,
        # The Region as well: by it the copies are found, however many there are elsewhere.
        DestinationRegion__in={call.DestinationRegion for call in calls},
        destination__in={call.destination for call in calls},
        request__SourceImageId=first.get("SourceImageId", ""),
        request__SourceRegion=first.get("SourceRegion", ""),
        cost__kept_until__isnull=True,
        removal={},
    )
    by_place: dict[tuple[str, str], set[Keys]] = {}
    wanted = rows.order_by("-pk").values_list("DestinationRegion", "destination", "position", "request__lookups")
    for region, destination, position, lookups in wanted[:MOST]:
        seen = (lookups or {}).get("destinations") or []
        keys = cost.keys_of(seen[position]) if position < len(seen) else None
        if keys is not None:
            by_place.setdefault((region, destination), set()).add(keys)
    return [by_place.get((call.DestinationRegion, call.destination), set()) for call in calls]
