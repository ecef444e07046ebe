"""Where an account can copy to: Regions, Local Zones and Outposts, the ones it can't use included, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amicopy.aws import ec2, outposts
from amicopy.aws.account import AwsAccount
from amicopy.aws.outposts import Outpost
from amicopy.aws.partitions import region_title, titles
from amicopy.copies.core.calls import Call
from amicopy.copies.lookups import async_queries
from amicopy.copies.lookups.async_queries import Question
from amicopy.copies.rules.known_problems import Known, words

# Enabling a Region takes AWS minutes to hours.
REGIONS_KEPT_SECONDS = 1800


@dataclass(frozen=True)
class RegionPlace:
    name: str
    title: str
    usable: bool

    @property
    def reason(self) -> str:
        return "" if self.usable else "not enabled for this account"


@dataclass(frozen=True)
class ZonePlace:
    """A Local Zone; `usable` when the account has opted in."""

    name: str
    id: str
    region: str
    usable: bool

    @property
    def reason(self) -> str:
        return "" if self.usable else "not opted in by this account"


def is_region(account: AwsAccount, region: str) -> bool:
    """Whether this is a Region of the account's partition: one botocore knows, or one AWS has listed."""
    if region in titles(account.partition):
        return True
    return any(place.name == region for place in async_queries.known(regions_question(account)) or ())


def regions_question(account: AwsAccount) -> Question[list[RegionPlace]]:
    """Every Region of the account's partition."""

    def ask() -> list[RegionPlace]:
        return [
            RegionPlace(region.name, region_title(region.name), region.opt_in_status != "not-opted-in")
            for region in ec2.regions(account)
        ]

    return Question("regions", account, (), ask, REGIONS_KEPT_SECONDS)


def zones_question(account: AwsAccount, *, region: str) -> Question[list[ZonePlace]]:
    """The Local Zones of a Region."""

    def ask() -> list[ZonePlace]:
        return [
            ZonePlace(zone.name, zone.id, region, zone.opt_in_status != "not-opted-in")
            for zone in ec2.zones(account, region=region)
            if zone.kind == "local-zone"
        ]

    return Question("zones", account, (region,), ask)


def outposts_question(account: AwsAccount, *, region: str) -> Question[list[Outpost]]:
    """The account's Outposts of a Region; not every partition has the service."""
    return Question("outposts", account, (region,), lambda: outposts.outposts(account, region=region))


def problem(call: Call, answers: Mapping[str, Any]) -> tuple[Known, str] | None:
    """Why the account can't copy to a call's place, in code and words, by the answers under "regions", "zones" and
    "outposts"; None when they say nothing against it."""
    code = _problem(call, answers)
    return (code, words(code, region=call.DestinationRegion, place=call.destination)) if code else None


def _problem(call: Call, answers: Mapping[str, Any]) -> Known | None:
    regions, zones, arns = (answers.get(name) for name in ("regions", "zones", "outposts"))
    if isinstance(regions, list):
        region = next((each for each in regions if each.name == call.DestinationRegion), None)
        if region is None:
            return Known.REGION_UNKNOWN
        if not region.usable:
            return Known.REGION_NOT_ENABLED
    if isinstance(zones, list):
        zone = next((each for each in zones if call.destination in {each.name, each.id}), None)
        if zone is None:
            return Known.ZONE_UNKNOWN
        if not zone.usable:
            return Known.ZONE_NOT_ENABLED
    if isinstance(arns, list) and call.destination not in {each.OutpostArn for each in arns}:
        return Known.OUTPOST_UNKNOWN
    return None
