"""The sample accounts, Regions, zones, keys and images of the sandbox: `catalogue.json`, read once."""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

CATALOGUE: dict[str, Any] = json.loads(Path(__file__).with_name("catalogue.json").read_text("utf-8"))

ACCOUNTS: dict[str, dict[str, str]] = CATALOGUE["accounts"]
REGIONS: dict[str, str] = CATALOGUE["regions"]
KEYS: list[dict[str, str]] = CATALOGUE["keys"]


def enabled(region: str) -> bool:
    """Whether the sample accounts may use `region`; False for a Region that does not exist as well."""
    return REGIONS.get(region, "not-opted-in") != "not-opted-in"


def opt_in(regions: Iterable[str]) -> None:
    """Enables Regions for the sample accounts besides the catalogue's, as an account's owner does at AWS. Raises
    ValueError for what isn't written as a Region."""
    for region in regions:
        if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-[0-9]", region):
            raise ValueError(f"{region} is no Region.")
        if not enabled(region):
            REGIONS[region] = "opted-in"


def key_id(account: str, region: str, alias: str) -> str:
    """The fixed id of a catalogue key: the same after every start, so that stored ARNs keep their meaning."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{account}/{region}/{alias}"))


def key_arn(account: str, region: str, alias: str) -> str:
    """The ARN of a catalogue key."""
    return f"arn:aws:kms:{region}:{account}:key/{key_id(account, region, alias)}"


def local_zones(region: str) -> list[dict[str, str]]:
    """The Local Zones of `region` as members of DescribeAvailabilityZones' answer."""
    return [zone for zone in CATALOGUE["local_zones"] if zone["RegionName"] == region]


def outposts(account: str, region: str) -> list[dict[str, str]]:
    """The Outposts of `account` homed in `region` as members of ListOutposts' answer."""
    return [
        outpost
        for outpost in CATALOGUE["outposts"]
        if outpost["OwnerId"] == account and outpost["OutpostArn"].split(":")[3] == region
    ]


def organization_permissions(account: str) -> list[dict[str, str]]:
    """The launch permissions of the sample organization and its units that mean `account` as well."""
    organization = CATALOGUE["organization"]
    found = [{"OrganizationArn": organization["Arn"]}] if account in organization["Accounts"] else []
    units = organization["Units"].items()
    return found + [{"OrganizationalUnitArn": arn} for arn, accounts in units if account in accounts]


def launch_templates(account: str, region: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and contents of the launch templates of `account` in `region`."""
    for row in CATALOGUE["launch_templates"]:
        if (row["owner"], row["region"]) == (account, region):
            contents = {"Name": row["name"], "VersionDescription": row["description"], "Tags": row.get("tags", {})}
            yield row["id"], {**contents, "LaunchTemplateData": dict(row["data"])}


def images(account: str, region: str) -> list[dict[str, Any]]:
    """Plans (see `ec2/images.py`) for the images `account` owns in `region`."""
    return [plan(row) for row in CATALOGUE["images"] if (row["owner"], row["region"]) == (account, region)]


def plan(row: dict[str, Any]) -> dict[str, Any]:
    """A catalogue row as a plan whose copy was over long ago."""
    mappings: list[dict[str, Any]] = []
    snapshots = []
    if "ephemeral" in row:
        mappings.append({"DeviceName": row["ephemeral"], "VirtualName": "ephemeral0"})
    for volume in row["volumes"]:
        snapshot_id = "snap-" + hashlib.sha256(f"{row['id']}{volume['device']}".encode()).hexdigest()[:17]
        key = volume.get("key")
        mappings.append(
            {
                "DeviceName": volume["device"],
                "Ebs": {
                    "SnapshotId": snapshot_id,
                    "VolumeSize": volume["size"],
                    "VolumeType": "gp3",
                    "Encrypted": key is not None,
                    "DeleteOnTermination": True,
                },
            }
        )
        snapshots.append(
            {
                "id": snapshot_id,
                "size": volume["size"],
                "key": key and key_arn(row["owner"], row["region"], key),
                "description": f"Created by CreateImage(i-0123456789abcdef0) for {row['id']}",
                "seconds": 0.0,
                "shared": "storage" in row,
            }
        )
    attributes = {
        "Name": row["name"],
        "Description": row["description"],
        "Architecture": row.get("architecture", "x86_64"),
        "BlockDeviceMappings": mappings,
        "RootDeviceName": row["volumes"][0]["device"],
        "PlatformDetails": "Windows" if "platform" in row else "Linux/UNIX",
        "UsageOperation": "RunInstances:0002" if "platform" in row else "RunInstances",
        "ProductCodes": [
            {"ProductCodeId": code, "ProductCodeType": "marketplace"} for code in row.get("product_codes", [])
        ],
    }
    if row.get("imds", True):
        attributes["ImdsSupport"] = "v2.0"
    attributes |= inspected(row)
    if "platform" in row:
        attributes["Platform"] = row["platform"]
    if "deprecated" in row:
        attributes["DeprecationTime"] = row["deprecated"]
    return {
        "image_id": row["id"],
        "attributes": attributes,
        "tags": row.get("tags", {}),
        "snapshots": snapshots,
        "snapshot_tags": {},
        "started": datetime.fromisoformat(row["created"]).timestamp(),
        "seconds": 0.0,
        "shared_with": row.get("shared_with", []),
        "public": row.get("public", False),
        "findings": [finding(*each) for each in row.get("findings", [])],
        "ancestry": row.get("ancestry", []),
        "ancestry_region": row["region"],
    }


def days_ago(days: float) -> float:
    """Seconds since 1970. Scans go on, so they are dated from now and not from a day."""
    return time.time() - days * 86400.0


def finding(title: str, score: float, severity: str, fix: bool, days: float) -> dict[str, Any]:
    """A finding as GetImageFindings has it, with seconds for its times."""
    return {
        "Title": title,
        "Score": score,
        "SeverityLabel": severity,
        "FixAvailable": fix,
        "FirstObservedAt": days_ago(days),
        "UpdatedAt": days_ago(1),
        "Paths": [],
    }


def inspected(row: dict[str, Any]) -> dict[str, Any]:
    """Members of DescribeImages' answer about scan, watermarks, last launch and instance types."""
    members: dict[str, Any] = {}
    if scan := row.get("scan"):
        members["ScanResults"] = {"FindingScanDate": days_ago(scan["days"])}
        if "severity" in scan:
            members["ScanResults"]["HighestFindingSeverityLabel"] = scan["severity"]
        for severity, days in scan.get("fixes", {}).items():
            members["ScanResults"][f"{severity.capitalize()}FixAvailableSince"] = days_ago(days)
    if names := row.get("watermarks"):
        made = datetime.fromisoformat(row["created"]).timestamp()
        members["ImageWatermarks"] = [
            {
                "WatermarkKey": f"{row['owner']}:{name}",
                "SourceImageId": row["id"],
                "SourceImageRegion": row["region"],
                "SourceImageCreationTime": made,
                "WatermarkCreationTime": made,
            }
            for name in names
        ]
    if "launched" in row:
        members["LastLaunchedTime"] = row["launched"]
    if types := row.get("instance_types"):
        members["InstanceTypeSpecification"] = {"SupportedInstanceTypes": [{"InstanceType": each} for each in types]}
    return members
