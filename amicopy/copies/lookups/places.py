"""Where an account can copy to: Regions, Local Zones and Outposts, the ones it can't use included, with the reason."""

from dataclasses import dataclass

from amicopy.aws import ec2, outposts
from amicopy.aws.account import AwsAccount
from amicopy.aws.outposts import Outpost
from amicopy.aws.partitions import region_title, titles
from amicopy.copies.lookups import asking
from amicopy.copies.lookups.asking import Question


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
        return "" if self.usable else "the account hasn't opted in to this zone"


def is_region(account: AwsAccount, region: str) -> bool:
    """Whether this is a Region of the account's partition: one botocore knows, or one AWS has listed."""
    if region in titles(account.partition):
        return True
    return any(place.name == region for place in asking.known(regions_question(account)) or ())


def regions_question(account: AwsAccount) -> Question[list[RegionPlace]]:
    """Every Region of the account's partition."""

    def ask() -> list[RegionPlace]:
        return [
            RegionPlace(region.name, region_title(region.name), region.opt_in_status != "not-opted-in")
            for region in ec2.regions(account)
        ]

    return Question("regions", account, (), ask)


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
