"""The calls of a request, member by member, as pages show them."""

from collections.abc import Sequence
from typing import Any

from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.parameters import shown


def calls_of(copies: Sequence[ImageCopy]) -> list[dict[str, Any]]:
    """What is sent for each copy, member by member; members that are the same everywhere come once, first."""
    members = [{parameter.name: (parameter, value) for parameter, value in shown(copy.parameters)} for copy in copies]
    first = members[0] if members else {}
    same = {name for name in first if all(each.get(name) == first[name] for each in members)}
    groups: list[dict[str, Any]] = [{"title": "", "members": [first[name] for name in first if name in same]}]
    for copy, each in zip(copies, members, strict=True):
        own = [pair for name, pair in each.items() if name not in same]
        if own:
            groups.append({"title": copy.destination, "region": copy.DestinationRegion, "members": own})
    return groups
