"""Filters and pages of Describe calls, over the members of an answer.

Rules: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
"""

import re
from functools import lru_cache
from typing import Any

from amicopy.sandbox.errors import Refused

IMAGE_FIELDS = {
    "architecture": "Architecture",
    "creation-date": "CreationDate",
    "description": "Description",
    "hypervisor": "Hypervisor",
    "image-id": "ImageId",
    "image-type": "ImageType",
    "is-public": "Public",
    "name": "Name",
    "owner-id": "OwnerId",
    "platform": "Platform",
    "root-device-name": "RootDeviceName",
    "root-device-type": "RootDeviceType",
    "source-image-id": "SourceImageId",
    "source-image-region": "SourceImageRegion",
    "state": "State",
    "virtualization-type": "VirtualizationType",
}
SNAPSHOT_FIELDS = {
    "description": "Description",
    "encrypted": "Encrypted",
    "owner-id": "OwnerId",
    "progress": "Progress",
    "snapshot-id": "SnapshotId",
    "status": "State",
    "storage-tier": "StorageTier",
    "transfer-type": "TransferType",
    "volume-id": "VolumeId",
    "volume-size": "VolumeSize",
}
OFFERING_FIELDS = {"instance-type": "InstanceType", "location": "Location"}
TEMPLATE_FIELDS = {"launch-template-name": "LaunchTemplateName", "create-time": "CreateTime"}
REGION_FIELDS = {"region-name": "RegionName", "opt-in-status": "OptInStatus", "endpoint": "Endpoint"}
ZONE_FIELDS = {
    "group-name": "GroupName",
    "opt-in-status": "OptInStatus",
    "parent-zone-name": "ParentZoneName",
    "region-name": "RegionName",
    "state": "State",
    "zone-id": "ZoneId",
    "zone-name": "ZoneName",
    "zone-type": "ZoneType",
}


@lru_cache(maxsize=4096)
def pattern(text: str) -> re.Pattern[str]:
    """`*` and `?` are wildcards, `\\` takes their meaning away."""
    parts = re.findall(r"\\.|.", text, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return re.compile(
        "".join(wild.get(part) or re.escape(part.removeprefix("\\") or part) for part in parts), re.DOTALL
    )


def chosen(filters: list[dict[str, Any]], fields: dict[str, str]) -> dict[str, list[str]]:
    """Filters by name. Raises Refused for an unknown one, or more than 200 values."""
    for row in filters:
        name = row.get("Name", "")
        if name not in fields and not name.startswith("tag:") and name != "tag-key":
            raise Refused("InvalidParameterValue", f"The filter '{name}' is invalid")
        if len(row.get("Values", [])) > 200:
            raise Refused(
                "FilterLimitExceeded", "The maximum number of filter values specified on a single call is 200"
            )
    return {row["Name"]: row.get("Values", []) for row in filters}


def matches(member: dict[str, Any], filters: dict[str, list[str]], fields: dict[str, str]) -> bool:
    """Whether every filter has a value that fits `member` of an answer."""
    return all(
        any(pattern(value).fullmatch(held) for held in values_of(member, name, fields) for value in values)
        for name, values in filters.items()
    )


def values_of(member: dict[str, Any], name: str, fields: dict[str, str]) -> list[str]:
    """What a filter looks at, as text; nothing if `member` has no such value."""
    tags = member.get("Tags", [])
    if name == "tag-key":
        return [tag["Key"] for tag in tags]
    if name.startswith("tag:"):
        return [tag["Value"] for tag in tags if tag["Key"] == name.removeprefix("tag:")]
    value = member.get(fields[name])
    if isinstance(value, bool):
        return [str(value).lower()]
    return [] if value is None else [str(value)]


def page(members: list[dict[str, Any]], key: str, params: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    """A page of `members` in the order of their `key`, and the token of the next. Without MaxResults: all.

    A token names the last member seen, so that what comes and goes between two pages hides nothing else.
    """
    size = params.get("MaxResults")
    if size is not None and not 1 <= size <= 1000:
        raise Refused("InvalidMaxResults", "The value of MaxResults must be between 1 and 1000.")
    if token := params.get("NextToken"):
        try:
            after = bytes.fromhex(token).decode("ascii")
        except ValueError:
            raise Refused("InvalidNextToken", "The token is not valid.") from None
        members = [member for member in members if member[key] > after]
    if size is None:
        return members, None
    members = sorted(members, key=lambda member: str(member[key]))
    more = len(members) > size
    members = members[:size]
    return members, members[-1][key].encode().hex() if more else None
