"""What EC2 answers, in types. Names are AWS's; a member that AWS left out is empty."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Volume:
    """One block device mapping with a snapshot; VolumeSize in GiB."""

    DeviceName: str
    SnapshotId: str
    VolumeSize: int
    VolumeType: str
    Encrypted: bool
    KmsKeyId: str


@dataclass(frozen=True)
class Scan:
    """What the last scan of an image found (API_ScanResults.html): the highest severity, empty when it found nothing,
    when that was, and since when a fix of a severity has been there. Dates are ISO 8601."""

    HighestFindingSeverityLabel: str
    FindingScanDate: str
    fixes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    ImageId: str
    Name: str
    Description: str
    State: str
    StateReason: str
    state_reason_code: str
    OwnerId: str
    Architecture: str
    PlatformDetails: str
    UsageOperation: str
    RootDeviceType: str
    VirtualizationType: str
    CreationDate: datetime | None
    DeprecationTime: datetime | None
    SourceImageId: str
    SourceImageRegion: str
    Public: bool
    BootMode: str
    ImdsSupport: str
    TpmSupport: str
    ProductCodes: tuple[str, ...] = ()
    # enabled-with-cooldown, enabled-without-cooldown, disabled, or empty.
    DeregistrationProtection: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[Volume, ...] = ()
    # None: not scanned, or AWS doesn't say it.
    ScanResults: Scan | None = None
    # Keys of watermarks, as account:name.
    ImageWatermarks: tuple[str, ...] = ()
    # None: the account doesn't restrict which images are used.
    ImageAllowed: bool | None = None
    LastLaunchedTime: str = ""
    # Instance types that the image is for, and that it isn't for; without any: all.
    SupportedInstanceTypes: tuple[str, ...] = ()
    UnsupportedInstanceTypes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """Progress in whole percent, VolumeSize in GiB."""

    SnapshotId: str
    State: str
    Progress: int
    StateMessage: str
    VolumeSize: int
    Encrypted: bool
    KmsKeyId: str
    Description: str
    FullSnapshotSizeInBytes: int
    StorageTier: str
    TransferType: str
    CompletionDurationMinutes: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LaunchPermission:
    """One of the four that AWS tells apart is set."""

    Group: str = ""
    UserId: str = ""
    OrganizationArn: str = ""
    OrganizationalUnitArn: str = ""


def launch_permission_of(raw: Mapping[str, Any]) -> LaunchPermission:
    """An item of DescribeImageAttribute's LaunchPermissions."""
    return LaunchPermission(
        Group=raw.get("Group", ""),
        UserId=raw.get("UserId", ""),
        OrganizationArn=raw.get("OrganizationArn", ""),
        OrganizationalUnitArn=raw.get("OrganizationalUnitArn", ""),
    )


def image_of(raw: Mapping[str, Any]) -> Image:
    """An item of DescribeImages (API_Image.html) as an Image."""
    reason = raw.get("StateReason") or {}
    return Image(
        ImageId=raw["ImageId"],
        Name=raw.get("Name", ""),
        Description=raw.get("Description", ""),
        State=raw.get("State", ""),
        StateReason=reason.get("Message", ""),
        state_reason_code=reason.get("Code", ""),
        OwnerId=raw.get("OwnerId", ""),
        Architecture=raw.get("Architecture", ""),
        PlatformDetails=raw.get("PlatformDetails", ""),
        UsageOperation=raw.get("UsageOperation", ""),
        RootDeviceType=raw.get("RootDeviceType", ""),
        VirtualizationType=raw.get("VirtualizationType", ""),
        CreationDate=_time(raw.get("CreationDate")),
        DeprecationTime=_time(raw.get("DeprecationTime")),
        SourceImageId=raw.get("SourceImageId", ""),
        SourceImageRegion=raw.get("SourceImageRegion", ""),
        Public=bool(raw.get("Public", False)),
        BootMode=raw.get("BootMode", ""),
        ImdsSupport=raw.get("ImdsSupport", ""),
        TpmSupport=raw.get("TpmSupport", ""),
        ProductCodes=tuple(code.get("ProductCodeId", "") for code in raw.get("ProductCodes") or ()),
        DeregistrationProtection=raw.get("DeregistrationProtection", ""),
        tags=_tags(raw),
        volumes=tuple(_volumes(raw)),
        ScanResults=_scan_results(raw),
        ImageWatermarks=tuple(mark.get("WatermarkKey", "") for mark in raw.get("ImageWatermarks") or ()),
        ImageAllowed=raw.get("ImageAllowed"),
        LastLaunchedTime=raw.get("LastLaunchedTime", ""),
        SupportedInstanceTypes=_types(raw, "SupportedInstanceTypes"),
        UnsupportedInstanceTypes=_types(raw, "UnsupportedInstanceTypes"),
    )


SEVERITIES = ("informational", "low", "medium", "high", "critical")


def _scan_results(raw: Mapping[str, Any]) -> Scan | None:
    scan = raw.get("ScanResults")
    if not scan or not scan.get("FindingScanDate"):
        return None
    since = {severity: scan.get(f"{severity.capitalize()}FixAvailableSince") for severity in SEVERITIES}
    return Scan(
        HighestFindingSeverityLabel=scan.get("HighestFindingSeverityLabel", ""),
        FindingScanDate=scan["FindingScanDate"].isoformat(),
        fixes={severity: at.isoformat() for severity, at in since.items() if at},
    )


def _types(raw: Mapping[str, Any], member: str) -> tuple[str, ...]:
    listed = (raw.get("InstanceTypeSpecification") or {}).get(member) or ()
    return tuple(each.get("InstanceType", "") for each in listed)


def _volumes(raw: Mapping[str, Any]) -> list[Volume]:
    mappings = [mapping for mapping in raw.get("BlockDeviceMappings") or () if mapping.get("Ebs")]
    return [
        Volume(
            DeviceName=mapping.get("DeviceName", ""),
            SnapshotId=mapping["Ebs"].get("SnapshotId", ""),
            VolumeSize=int(mapping["Ebs"].get("VolumeSize") or 0),
            VolumeType=mapping["Ebs"].get("VolumeType", ""),
            Encrypted=bool(mapping["Ebs"].get("Encrypted", False)),
            KmsKeyId=mapping["Ebs"].get("KmsKeyId", ""),
        )
        for mapping in mappings
    ]


def snapshot_of(raw: Mapping[str, Any]) -> Snapshot:
    """An item of DescribeSnapshots (API_Snapshot.html) as a Snapshot; an absent or empty Progress counts as 0."""
    progress = str(raw.get("Progress") or "0").rstrip("%")
    return Snapshot(
        SnapshotId=raw["SnapshotId"],
        State=raw.get("State", ""),
        Progress=int(progress) if progress.isdigit() else 0,
        StateMessage=raw.get("StateMessage", ""),
        VolumeSize=int(raw.get("VolumeSize") or 0),
        Encrypted=bool(raw.get("Encrypted", False)),
        KmsKeyId=raw.get("KmsKeyId", ""),
        Description=raw.get("Description", ""),
        FullSnapshotSizeInBytes=int(raw.get("FullSnapshotSizeInBytes") or 0),
        StorageTier=raw.get("StorageTier", ""),
        TransferType=raw.get("TransferType", ""),
        CompletionDurationMinutes=int(raw.get("CompletionDurationMinutes") or 0),
        tags=_tags(raw),
    )


# Tags of another account's AMI with this prefix travel with a copy, since October 2026; its other tags don't.
SHARED_TAGS = "ec2:SharedTag/"


def carried_tags(tags: Mapping[str, str], *, own: bool) -> dict[str, str]:
    """The tags of a source that CopyImageTags takes along (API_CopyImage.html): never AWS's own, and of an image that
    isn't the account's `own` only what its owner shares."""
    return {
        key: value for key, value in tags.items() if not key.startswith("aws:") and (own or key.startswith(SHARED_TAGS))
    }


def _tags(raw: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in raw.get("Tags") or ()}


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
