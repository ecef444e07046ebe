"""Where a copy may go. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/CopyingAMIs.html"""

import re

from amicopy.aws.partitions import partition_of
from amicopy.copies.calls import Call, FieldError
from amicopy.copies.rules.case import Case

PLACES = ("DestinationOutpostArn", "DestinationAvailabilityZone", "DestinationAvailabilityZoneId")


def at_most_one_place(case: Case) -> list[FieldError]:
    filled = [name for name in PLACES if case.get(name)]
    return [FieldError(name, f"Clear it, or clear {filled[0]}: a copy goes to one place.") for name in filled[1:]]


def partitions_are_not_crossed(case: Case) -> list[FieldError]:
    source, to = partition_of(case.text("SourceRegion")), partition_of(case.call.DestinationRegion)
    if not source or not to or source == to:
        return []
    return [
        FieldError(
            "DestinationRegion",
            f"Choose a Region of the partition {source}. {case.call.DestinationRegion} is in {to}, and CopyImage never "
            "crosses partitions; CreateStoreImageTask and CreateRestoreImageTask are the way there.",
        )
    ]


def account_is_of_the_source_partition(case: Case) -> list[FieldError]:
    source = partition_of(case.text("SourceRegion"))
    if not source or source == case.partition:
        return []
    return [FieldError("SourceRegion", f"Choose a Region of the partition {case.partition}, where the account is.")]


def outpost_is_in_the_source_region(case: Case) -> list[FieldError]:
    """https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-outposts.html"""
    parts = case.text("DestinationOutpostArn").split(":")
    if len(parts) != 6:
        return []
    partition, region, account_id = parts[1], parts[3], parts[4]
    errors = []
    if region != case.text("SourceRegion"):
        errors.append(
            FieldError(
                "DestinationOutpostArn",
                f"The source AMI must be in the Outpost's Region. It is in {case.text('SourceRegion')}, the Outpost in "
                f"{region}: copy to {region} first, then to the Outpost.",
            )
        )
    if region != case.call.DestinationRegion:
        errors.append(FieldError("DestinationRegion", f"Choose {region}, the Region of the Outpost."))
    if partition != partition_of(region):
        errors.append(FieldError("DestinationOutpostArn", f"The ARN must begin with arn:{partition_of(region)}."))
    if account_id != case.account_id:
        errors.append(
            FieldError(
                "DestinationOutpostArn",
                f"The Outpost must be of account {case.account_id}. This ARN is of {account_id}.",
            )
        )
    return errors


def local_zone_is_in_the_source_region(case: Case) -> list[FieldError]:
    """https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-localzones.html"""
    place = next((name for name in PLACES[1:] if case.get(name)), None)
    if place is None:
        return []
    errors = []
    source, to = case.text("SourceRegion"), case.call.DestinationRegion
    if source and source != to:
        errors.append(
            FieldError(
                place,
                f"The source AMI must be in the Local Zone's Region. It is in {source}, the destination is {to}: "
                f"copy to {to} first, then to the Local Zone.",
            )
        )
    parent = re.match(r"((?:[a-z]+-){2,3}\d+)-", case.text("DestinationAvailabilityZone"))
    if parent and parent[1] != to:
        errors.append(FieldError("DestinationRegion", f"Choose {parent[1]}, the Region of the Local Zone."))
    return errors


def warnings(call: Call) -> list[FieldError]:
    """What AWS documents in two ways, or only for some zones."""
    place = next((name for name in PLACES[1:] if call.parameters.get(name)), None)
    if place is None:
        return []
    return [FieldError(place, "Only some Local Zones take snapshots; AWS says so when the copy starts.")]
