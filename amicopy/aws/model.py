"""The operations amicopy calls, and a loader that keeps no others of a service's model.

EC2's model has more than 800 operations, and a client a method for each: 1.4 MB a client, 0.1 MB with these alone.
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal

from botocore.loaders import JSONFileLoader, Loader

Service = Literal["ec2", "kms", "sts", "outposts", "s3", "sqs", "ssm", "pricing", "cloudtrail"]

OPERATIONS: Mapping[Service, frozenset[str]] = {
    "ec2": frozenset(
        {
            "AttachImageWatermark",
            "CopyImage",
            "CreateLaunchTemplateVersion",
            "DeleteSnapshot",
            "DeregisterImage",
            "DescribeAvailabilityZones",
            "DescribeImageAttribute",
            "DescribeImages",
            "DescribeLaunchTemplateVersions",
            "DescribeLaunchTemplates",
            "DescribeInstanceTypeOfferings",
            "DescribeRegions",
            "DescribeSnapshotAttribute",
            "DescribeSnapshots",
            "DetachImageWatermark",
            "DisableImageDeprecation",
            "DisableImageDeregistrationProtection",
            "EnableImageDeprecation",
            "EnableImageDeregistrationProtection",
            "GetEbsDefaultKmsKeyId",
            "GetEbsEncryptionByDefault",
            "GetImageBlockPublicAccessState",
            "ModifyImageAttribute",
            "ModifyLaunchTemplate",
            "ModifySnapshotAttribute",
            "DescribeImageReferences",
            "GetImageAncestry",
            "GetImageFindings",
        }
    ),
    "kms": frozenset({"DescribeKey", "GetKeyPolicy", "ListAliases"}),
    "ssm": frozenset({"DeleteParameter", "GetParameter", "GetParameters", "PutParameter"}),
    "sts": frozenset({"AssumeRole", "DecodeAuthorizationMessage", "GetCallerIdentity"}),
    "outposts": frozenset({"ListOutposts"}),
    "pricing": frozenset({"GetProducts"}),
    "cloudtrail": frozenset({"LookupEvents"}),
    "s3": frozenset({"ListObjectsV2", "PutObject"}),
    "sqs": frozenset(
        {"ChangeMessageVisibilityBatch", "DeleteMessageBatch", "GetQueueAttributes", "ReceiveMessage"},
    ),
}


def loader() -> Loader:
    """A loader of botocore's data whose models have the operations above and no others."""
    return Loader(file_loader=_TrimmingFiles())


class _TrimmingFiles(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:
        """A data file, by its path without an ending; None where there is none."""
        data = super().load_file(file_path)
        path = PurePath(file_path)
        kept = OPERATIONS.get(path.parts[-3]) if path.name == "service-2" else None  # type: ignore[call-overload]
        return trimmed(data, kept) if data is not None and kept is not None else data


def trimmed(model: Mapping[str, Any], kept: frozenset[str]) -> dict[str, Any]:
    """A service's model with these operations and the shapes that they lead to."""
    operations = {name: operation for name, operation in model["operations"].items() if name in kept}
    shapes: dict[str, Any] = {}
    left = list(_names(operations.values()))
    while left:
        name = left.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            left += _names(shapes[name])
    return {**model, "operations": operations, "shapes": shapes}


def _names(part: Any) -> list[str]:
    """The shapes that a part of a model refers to."""
    if isinstance(part, Mapping):
        here = [part["shape"]] if isinstance(part.get("shape"), str) else []
        return here + [name for value in part.values() for name in _names(value)]
    if isinstance(part, str):
        return []
    return [name for value in part for name in _names(value)] if hasattr(part, "__iter__") else []
