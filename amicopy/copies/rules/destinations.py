"""Where a copy may go. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/CopyingAMIs.html"""

import re
from typing import NamedTuple

from amicopy.aws.partitions import partition_of
from amicopy.copies.core.calls import FieldError
from amicopy.copies.core.parameters import OUTPOST_ARN, REGION, ZONE_ID
from amicopy.copies.rules.case import Case

PLACES = ("DestinationOutpostArn", "DestinationAvailabilityZone", "DestinationAvailabilityZoneId")


class Arn(NamedTuple):
    partition: str
    region: str
    account_id: str


def at_most_one_place(case: Case) -> list[FieldError]:
    """At most one of DestinationOutpostArn, DestinationAvailabilityZone and DestinationAvailabilityZoneId."""
    filled = [name for name in PLACES if case.get(name)]
    return [FieldError(name, f"Clear it, or clear {filled[0]}: a copy goes to one place.") for name in filled[1:]]


def all_is_in_the_accounts_partition(case: Case) -> list[FieldError]:
    """Source and destination are in the account's partition: its credentials work nowhere else, and another partition
    is reached through S3. What lies outside is said once, of the source first.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-store-restore.html
    """
    for name, region in (
        ("SourceRegion", case.text("SourceRegion")),
        ("DestinationRegion", case.call.DestinationRegion),
    ):
        partition = partition_of(region)
        if partition and partition != case.partition:
            return [
                FieldError(
                    name,
                    f"Choose a Region of the partition {case.partition}, where the account is. {region} is in "
                    f"{partition}, and CopyImage never crosses partitions; CreateStoreImageTask and "
                    "CreateRestoreImageTask are the way.",
                )
            ]
    return []


def source_is_in_the_outposts_region(case: Case) -> list[FieldError]:
    """AMI and snapshots are in the Outpost's Region before they go to the Outpost.

    https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-outposts.html
    """
    arn, source = _outpost(case), case.text("SourceRegion")
    if arn is None or not source or arn.region == source:
        return []
    return [
        FieldError(
            "DestinationOutpostArn",
            f"The source AMI must be in the Outpost's Region. It is in {source}, the Outpost in "
            f"{arn.region}: copy to {arn.region} first, then to the Outpost.",
        )
    ]


def destination_is_the_outposts_region(case: Case) -> list[FieldError]:
    """The call goes to the Region of the Outpost.

    https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-outposts.html
    """
    arn = _outpost(case)
    if arn is None or arn.region == case.call.DestinationRegion:
        return []
    return [FieldError("DestinationRegion", f"Choose {arn.region}, the Region of the Outpost.")]


def outpost_arn_is_of_its_regions_partition(case: Case) -> list[FieldError]:
    """The ARN's partition is the one its Region is in.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    arn = _outpost(case)
    partition = partition_of(arn.region) if arn else ""
    if arn is None or arn.partition == partition:
        return []
    words = f"The ARN must begin with arn:{partition}:." if partition else f"{arn.region} in the ARN isn't a Region."
    return [FieldError("DestinationOutpostArn", words)]


def outpost_is_of_the_account(case: Case) -> list[FieldError]:
    """The Outpost is the account's own; whether one shared by another takes a copy isn't documented.

    https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-outposts.html
    """
    arn = _outpost(case)
    if arn is None or arn.account_id == case.account_id:
        return []
    words = f"The Outpost must be of account {case.account_id}. This ARN is of {arn.account_id}."
    return [FieldError("DestinationOutpostArn", words)]


def source_is_in_the_local_zones_region(case: Case) -> list[FieldError]:
    """A Local Zone takes copies from its parent Region only.

    https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-localzones.html
    """
    place = next((name for name in PLACES[1:] if case.get(name)), None)
    source, to = case.text("SourceRegion"), case.call.DestinationRegion
    if place is None or not source or not to or source == to:
        return []
    return [
        FieldError(
            place,
            f"The source AMI must be in the Local Zone's Region. It is in {source}, the destination is {to}: "
            f"copy to {to} first, then to the Local Zone.",
        )
    ]


def destination_is_the_local_zones_region(case: Case) -> list[FieldError]:
    """The call goes to the Local Zone's parent Region, which its name begins with.

    https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-localzones.html
    """
    parent = re.match(rf"({REGION})-", case.text("DestinationAvailabilityZone"))
    if not parent or parent[1] == case.call.DestinationRegion:
        return []
    return [FieldError("DestinationRegion", f"Choose {parent[1]}, the Region of the Local Zone.")]


def warn_that_only_some_zones_take_snapshots(case: Case) -> list[FieldError]:
    """Not every Local Zone has snapshots, and which zones copy to which is documented in two ways.

    https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-localzones.html
    """
    place = next((name for name in PLACES[1:] if case.get(name)), None)
    if place is None:
        return []
    return [
        FieldError(
            place, "Only some Local Zones take snapshots, and some encrypt every one; AWS says so when the copy starts."
        )
    ]


def warn_of_a_zone_id_of_another_region(case: Case) -> list[FieldError]:
    """A zone's ID begins with its Region in short, as use1 for us-east-1; AWS nowhere promises that.

    https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html
    """
    zone_id, region = case.text("DestinationAvailabilityZoneId"), case.call.DestinationRegion
    short = _short(region)
    if not short or not re.fullmatch(ZONE_ID, zone_id) or zone_id.startswith(f"{short}-"):
        return []
    words = f"IDs of zones in {region} usually begin with {short}. This begins with {zone_id.split('-')[0]}."
    return [FieldError("DestinationAvailabilityZoneId", words)]


def _outpost(case: Case) -> Arn | None:
    """The parts of a well-formed ARN of an Outpost."""
    text = case.text("DestinationOutpostArn")
    if not re.fullmatch(OUTPOST_ARN, text):
        return None
    _, partition, _, region, account_id, _ = text.split(":")
    return Arn(partition, region, account_id)


def _short(region: str) -> str:
    """ap-southeast-2 in short is apse2."""
    found = re.fullmatch(r"([a-z]{2})-(north|south)?(east|west|central)?-([0-9]+)", region)
    return "".join([found[1], *(word[0] for word in (found[2], found[3]) if word), found[4]]) if found else ""
