"""Partitions and Regions as botocore's own data knows them; nothing here asks AWS."""

import re
from difflib import get_close_matches
from functools import cache, lru_cache
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


# What people type is unbounded: these remember only the last few.
@lru_cache(1024)
def partition_of(region: str) -> str:
    """The partition a Region belongs to, also of a Region newer than botocore; empty for what is no Region's code."""
    # botocore's patterns take letters of every script, and a line's end.
    if not re.fullmatch(r"[a-z0-9-]{1,32}", region):
        return ""
    try:
        return str(_session().get_partition_for_region(region))
    except UnknownRegionError:
        return ""


@cache
def partitions() -> tuple[str, ...]:
    """Every partition botocore knows: aws, aws-cn, aws-us-gov, the sovereign and the isolated ones."""
    return tuple(data["id"] for data in create_loader().load_data("partitions")["partitions"])


@cache
def dns_suffix(partition: str) -> str:
    """What names of AWS's services in a partition end with, such as amazonaws.com. Raises KeyError for an unknown
    partition."""
    known = create_loader().load_data("partitions")["partitions"]
    return {str(data["id"]): str(data["outputs"]["dnsSuffix"]) for data in known}[partition]


@cache
def titles(partition: str) -> dict[str, str]:
    """The known Regions of a partition with their names, such as eu-west-1: Europe (Ireland)."""
    for data in create_loader().load_data("partitions")["partitions"]:
        if data["id"] == partition:
            regions = sorted(data["regions"].items())
            # aws-global and its like are endpoints of services without Regions.
            return {code: region["description"] for code, region in regions if not code.endswith("-global")}
    return {}


@lru_cache(1024)
def region_meant(text: str) -> str:
    """The Region's code that somebody probably meant who wrote its name, or its code a little wrong; or empty."""
    wanted = _plain(text)
    known = {code: title for partition in partitions() for code, title in titles(partition).items()}
    for code, title in known.items():
        # Europe (Ireland) is asked for as "Ireland", "Europe Ireland" or "eu west 1".
        place = title[title.find("(") + 1 :]
        if wanted and wanted in {_plain(code), _plain(title), _plain(place), _plain(place).removeprefix("n")}:
            return code
    inside = next((code for code in re.findall(r"(?:[a-z]+-){2,3}[0-9]+", text.lower()) if code in known), "")
    if inside:
        return inside
    return next(iter(get_close_matches(text.strip().lower(), known, n=1, cutoff=0.85)), "")


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


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
