"""Partitions and Regions as botocore's own data knows them; nothing here asks AWS."""

from functools import cache
from typing import Literal

from botocore.exceptions import UnknownRegionError
from botocore.loaders import create_loader
from botocore.session import Session

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
CONSOLES = {
    "aws": "https://{region}.console.aws.amazon.com",
    "aws-cn": "https://{region}.console.amazonaws.cn",
    "aws-us-gov": "https://{region}.console.amazonaws-us-gov.com",
    "aws-eusc": "https://{region}.console.amazonaws-eusc.eu",
}


@cache
def _session() -> Session:
    return Session()


@cache
def partition_of(region: str) -> str:
    """The partition a Region belongs to, also of a Region newer than botocore; empty for what is no Region's code."""
    try:
        return str(_session().get_partition_for_region(region))
    except UnknownRegionError:
        return ""


@cache
def titles(partition: str) -> dict[str, str]:
    """The known Regions of a partition with their names, such as eu-west-1: Europe (Ireland)."""
    for data in create_loader().load_data("endpoints")["partitions"]:
        if data["partition"] == partition:
            return {code: region["description"] for code, region in sorted(data["regions"].items())}
    return {}


def region_title(region: str) -> str:
    """The Region's name, or its code where botocore doesn't know it yet."""
    return titles(partition_of(region)).get(region, region)


def console_url(kind: Literal["image", "snapshot"], *, region: str, resource_id: str) -> str:
    """The page of an image or snapshot in AWS's console, or empty where the partition's console has no known
    address."""
    base = CONSOLES.get(partition_of(region))
    if base is None:
        return ""
    page = {
        "image": f"ImageDetails:imageId={resource_id}",
        "snapshot": f"SnapshotDetails:snapshotId={resource_id}",
    }[kind]
    return f"{base.format(region=region)}/ec2/home?region={region}#{page}"
