"""Regions as boxes to tick, by continent: a tick makes a destination's row, and taking it away takes the row away.

The rows are the form; boxes only write into them. What was ticked when the page was drawn comes back with it, so that
a box that nobody touched changes nothing, whatever became of its row meanwhile.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amicopy.copies.core.parameters import DESTINATION_REGION
from amicopy.copies.lookups.places import RegionPlace
from amicopy.web.forms.rows import MOST, Row, rows_of, written

# What a Region's code begins with -> where it is. https://docs.aws.amazon.com/global-infrastructure/latest/regions/
CONTINENTS: Mapping[str, tuple[str, ...]] = {
    "North America": ("us", "ca", "mx"),
    "South America": ("sa",),
    "Europe": ("eu", "eusc"),
    "Asia Pacific": ("ap", "cn"),
    "Middle East and Africa": ("me", "il", "af"),
}
ELSEWHERE = "Elsewhere"
# The boxes, and those that were ticked when the page was drawn.
BOXES, DRAWN = "region", "ticked"


@dataclass(frozen=True)
class Tick:
    """A Region's box. `usable`: the account can copy there."""

    name: str
    title: str
    ticked: bool
    usable: bool
    reason: str


@dataclass(frozen=True)
class Continent:
    """The Regions of a continent, by their titles."""

    name: str
    ticks: Sequence[Tick]

    @property
    def ticked(self) -> int:
        return sum(tick.ticked for tick in self.ticks)


def continents(destinations: Sequence[Row], regions: Sequence[RegionPlace]) -> list[Continent]:
    """The boxes of all Regions, ticked where a destination is the Region itself."""
    chosen = set(chosen_regions(destinations))
    found: dict[str, list[Tick]] = {}
    for region in regions:
        tick = Tick(region.name, short_title(region), region.name in chosen, region.usable, region.reason)
        found.setdefault(continent_of(region.name), []).append(tick)
    order = [*CONTINENTS, ELSEWHERE]
    return [Continent(name, found[name]) for name in order if name in found]


def continent_of(region: str) -> str:
    """Where a Region is, by its code."""
    begins = region.partition("-")[0]
    return next((name for name, codes in CONTINENTS.items() if begins in codes), ELSEWHERE)


def short_title(region: RegionPlace) -> str:
    """Ireland, of "Europe (Ireland)"."""
    return re.sub(r"^[^(]*\((.*)\)$", r"\1", region.title)


def chosen_regions(destinations: Sequence[Row]) -> list[str]:
    """The Regions that are destinations themselves, in the rows' order."""
    named = [row.get(DESTINATION_REGION.name, "") for row in destinations if row.get("kind", "region") == "region"]
    return list(dict.fromkeys(filter(None, named)))


def with_ticks(data: Mapping[str, str], *, more: Sequence[str] = (), none: bool = False) -> dict[str, str]:
    """The form's data with a row more for each newly ticked Region, and without those of Regions that aren't ticked any
    more. `more` are Regions to tick besides; `none`: no Region stays."""
    drawn, now = data.get(DRAWN, "").split(), data.get(BOXES, "").split()
    rows = rows_of(data, "destinations")
    gone = {region for region in drawn if region not in now} if DRAWN in data else set[str]()
    if none:
        gone |= set(chosen_regions(rows))
    kept = [
        row for row in rows if row.get("kind", "region") != "region" or row.get(DESTINATION_REGION.name) not in gone
    ]
    there = set(chosen_regions(kept))
    wanted = dict.fromkeys([*(region for region in now if region not in drawn), *more])
    new = [region for region in wanted if region not in there and region not in gone]
    if new:
        # The row that an empty form begins with is none of them.
        kept = [row for row in kept if any(row.get(name) for name in row if name not in {"kind", "picked"})]
    added = [{DESTINATION_REGION.name: region, "kind": "region", "picked": "on"} for region in new]
    rest = {name: value for name, value in data.items() if name not in {BOXES, DRAWN}}
    return written(rest, "destinations", [*kept, *added][: MOST + 1])
