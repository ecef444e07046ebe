"""What AWS asks for transfer, timed copies and snapshot storage: the list that `manage.py prices` stored last, or else
the one that comes with amicopy.

A list is a mapping: `currency`; `sources`, each with `id`, `name`, `address` and the day it was `published`; and for
each of `storage`, `transfer` and `surcharge` the prices by source, as text: {source: {Region: price}}, {source: {from:
{to: price}}} and {source: {Region: {tier: price}}}. A star stands for every other Region. Where two sources know a
price, the later one counts. What isn't in it has no known price; nothing is made up.

A price is for a GB, or a GB for a month. AWS counts 2^30 bytes as one, and so does amicopy.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django.core.cache import cache as kept

from amicopy.copies.core.cost_models import PriceList

SHIPPED = Path(__file__).resolve().parent.parent / "prices.json"
# From so many minutes on a timed copy costs as this tier; copyimage.md 2.3 and the EBS User Guide, Time-based copies.
TIERS: Sequence[tuple[int, str]] = (
    (15, "tier1"),
    (30, "tier2"),
    (60, "tier3"),
    (120, "tier4"),
    (240, "tier5"),
    (480, "tier6"),
    (960, "tier7"),
)
ANY = "*"
# A new list is used by every process within so many seconds.
KEPT_SECONDS = 30
_KEY = "prices"
Table = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Source:
    """Where prices come from, and of what day they are."""

    id: str
    name: str
    address: str
    published: date


@dataclass(frozen=True)
class Prices:
    """A price list; each price is None where the list has none."""

    currency: str
    sources: tuple[Source, ...]
    _storage: Mapping[str, Decimal]
    _transfer: Mapping[tuple[str, str], Decimal]
    _surcharge: Mapping[tuple[str, str], Decimal]

    @property
    def oldest(self) -> date:
        """The day of the oldest prices in the list."""
        return min(source.published for source in self.sources)

    @property
    def newest(self) -> date:
        return max(source.published for source in self.sources)

    def storage(self, region: str) -> Decimal | None:
        """A GB of snapshots for a month."""
        return self._storage.get(region)

    def transfer(self, source: str, destination: str) -> Decimal | None:
        """A GB from one Region to another; within a Region nothing is transferred."""
        if source == destination:
            return Decimal(0)
        return self._transfer.get((source, destination), self._transfer.get((source, ANY)))

    def surcharge(self, region: str, minutes: int) -> Decimal | None:
        """A GB of a copy that is to be complete within these minutes; `region` is the source's."""
        tier = next((name for most, name in reversed(TIERS) if minutes >= most), TIERS[0][1])
        return self._surcharge.get((region, tier), self._surcharge.get((ANY, tier)))

    def counts(self) -> dict[str, int]:
        """How many prices there are, by what they are for."""
        return {"storage": len(self._storage), "transfer": len(self._transfer), "surcharge": len(self._surcharge)}


def read(data: Mapping[str, Any]) -> Prices:
    """A list as it is stored. Raises KeyError, TypeError, ValueError or decimal's errors for what is none."""
    sources = tuple(
        Source(each["id"], each["name"], each["address"], date.fromisoformat(each["published"]))
        for each in data["sources"]
    )
    order = [source.id for source in sorted(sources, key=lambda source: source.published)]

    def by_date(name: str) -> list[Mapping[str, Any]]:
        table: Table = data.get(name) or {}
        return [table[source] for source in order if source in table]

    return Prices(
        currency=data["currency"],
        sources=sources,
        _storage={region: Decimal(price) for part in by_date("storage") for region, price in part.items()},
        _transfer={
            (source, to): Decimal(price)
            for part in by_date("transfer")
            for source, row in part.items()
            for to, price in row.items()
        },
        _surcharge={
            (region, tier): Decimal(price)
            for part in by_date("surcharge")
            for region, row in part.items()
            for tier, price in row.items()
        },
    )


def current() -> Prices:
    """The list in use."""
    known = kept.get(_KEY)
    if known is None:
        stored = PriceList.objects.order_by("-pk").values_list("data", flat=True).first()
        known = stored or {}
        kept.set(_KEY, known, KEPT_SECONDS)
    return read(known) if known else shipped()


def forget() -> None:
    """Has this process look for a newer list at once."""
    kept.set(_KEY, None, 0)


@cache
def shipped() -> Prices:
    """The list that comes with amicopy."""
    return read(json.loads(SHIPPED.read_text("utf-8")))
