"""Sets of Regions to tick at once: those of presets, and those of the person's last request."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User

from amicopy.copies.core.models import CopyRequest
from amicopy.web.forms import presets
from amicopy.web.forms.region_ticks import chosen_regions
from amicopy.web.forms.rows import rows_of

# The button: its value names the set.
BUTTON = "tick-set"


@dataclass(frozen=True)
class RegionSet:
    """`value` is what the set's button sends, `words` its name, `regions` what it ticks."""

    value: str
    words: str
    regions: list[str]


def sets_for(user: User) -> list[RegionSet]:
    """The sets a person may tick: the Regions of their own and their teams' presets, and of their last request."""
    found = [
        RegionSet(f"preset-{preset.pk}", preset.name, _regions_in(preset.fields)) for preset in presets.open_to(user)
    ]
    last = CopyRequest.objects.filter(requester=user, existing=False).order_by("-pk").first()
    if last is not None:
        copies = last.copies_of_round()
        regions = [copy.DestinationRegion for copy in copies if copy.destination == copy.DestinationRegion]
        found.append(RegionSet(f"request-{last.pk}", f"As in #{last.pk}", list(dict.fromkeys(regions))))
    return [each for each in found if each.regions]


def regions_of(user: User, value: str) -> list[str]:
    """The Regions of the set that a button names; none where it isn't this person's."""
    return next((each.regions for each in sets_for(user) if each.value == value), []) if value else []


def _regions_in(fields: Mapping[str, str]) -> list[str]:
    return chosen_regions(rows_of(fields, "destinations"))
