"""What EC2 refuses about a CopyImage call before it looks at the source: names, tags, destinations and so on.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html and errors-overview.html.
Which code AWS answers with is partly unverified.
"""

import re
from typing import Any

from amicopy.sandbox.catalogue import local_zones, outposts
from amicopy.sandbox.errors import Refused

NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
AMI_ID = re.compile(r"ami-(?:[0-9a-f]{8}|[0-9a-f]{17})")
DESTINATIONS = ("DestinationOutpostArn", "DestinationAvailabilityZone", "DestinationAvailabilityZoneId")
TAGS_AT_MOST = 50


def invalid(message: str) -> Refused:
    """The commonest refusal."""
    return Refused("InvalidParameterValue", message)


def check_fields(params: dict[str, Any]) -> None:
    """Each field by itself, and encryption together. Raises Refused."""
    if not NAME.fullmatch(params["Name"]):
        raise Refused(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, "
            "and only these special characters: ( ) [ ] space . / - ' @ _",
        )
    if len(params.get("Description", "")) > 255:
        raise invalid("The description must be at most 255 characters long.")
    token = params.get("ClientToken", "")
    if len(token) > 64 or not token.isascii():
        raise invalid("The client token must be at most 64 ASCII characters long.")
    if params.get("KmsKeyId") and params.get("Encrypted") is not True:
        raise Refused(
            "InvalidParameterCombination",
            "The parameter KmsKeyId requires the parameter Encrypted to be set.",
        )
    if not AMI_ID.fullmatch(params["SourceImageId"]):
        raise Refused("InvalidAMIID.Malformed", f'Invalid id: "{params["SourceImageId"]}" (expecting "ami-...")')


def check_destination(params: dict[str, Any], *, account: str, region: str) -> None:
    """Outpost, Local Zone and duration. Raises Refused."""
    given = [name for name in DESTINATIONS if params.get(name)]
    if len(given) > 1:
        raise Refused("InvalidParameterCombination", f"Only one of {', '.join(given)} may be specified.")
    if given and params["SourceRegion"] != region:
        raise invalid(f"{given[0]} requires the source image to be in {region}.")
    if arn := params.get("DestinationOutpostArn"):
        if arn not in [outpost["OutpostArn"] for outpost in outposts(account, region)]:
            raise invalid(f"The Outpost '{arn}' does not exist.")
    elif given:
        member = "ZoneName" if given[0] == "DestinationAvailabilityZone" else "ZoneId"
        usable = [zone[member] for zone in local_zones(region) if zone["OptInStatus"] == "opted-in"]
        if params[given[0]] not in usable:
            raise invalid(f"'{params[given[0]]}' is not a Local Zone that you can use in {region}.")
    minutes = params.get("SnapshotCopyCompletionDurationMinutes")
    if minutes is not None:
        if given:
            raise Refused(
                "InvalidParameterCombination",
                f"SnapshotCopyCompletionDurationMinutes can't be used with {given[0]}.",
            )
        if minutes % 15 or not 15 <= minutes <= 2880:
            raise invalid("The completion duration must be a multiple of 15, from 15 to 2880 minutes.")


def tags_by_type(params: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The tags of TagSpecifications for `image` and `snapshot`. Raises Refused."""
    tags: dict[str, dict[str, str]] = {"image": {}, "snapshot": {}}
    seen = set()
    for row in params.get("TagSpecifications", []):
        kind = row.get("ResourceType")
        if kind not in tags:
            raise invalid(f"'{kind}' is not a valid taggable resource type for this operation.")
        if kind in seen:
            raise invalid(f"The resource type '{kind}' is specified twice.")
        seen.add(kind)
        for tag in row.get("Tags", []):
            key, value = tag.get("Key", ""), tag.get("Value", "")
            if key.lower().startswith("aws:"):
                raise invalid("Tag keys starting with 'aws:' are reserved for internal use")
            if not 1 <= len(key) <= 127 or len(value) > 256:
                raise invalid("A tag key must have 1 to 127 characters and its value at most 256.")
            if key in tags[kind]:
                raise invalid(f"Duplicate tag key '{key}' specified.")
            tags[kind][key] = value
        check_number(tags[kind])
    return tags


def check_number(tags: dict[str, str]) -> None:
    """Raises Refused for more tags than a resource may have."""
    if len(tags) > TAGS_AT_MOST:
        raise Refused("TagLimitExceeded", f"More than {TAGS_AT_MOST} tags on a resource are not allowed.")
