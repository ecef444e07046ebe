"""The IAM policies amicopy needs, as documents to paste: for the web server, for workers, and for who enters a role.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/copy-ami-permissions.html,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from amicopy.aws.partitions import dns_suffix

Document = dict[str, Any]

# Hardly any of these can be limited to a resource.
LOOK = (
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeImageAttribute",
    "ec2:DescribeImages",
    "ec2:DescribeRegions",
    "ec2:DescribeSnapshots",
    "ec2:GetEbsDefaultKmsKeyId",
    "ec2:GetEbsEncryptionByDefault",
    "kms:ListAliases",
    "outposts:ListOutposts",
)
# What the steps after a copy read, and is asked before somebody submits them.
LOOK_FOR_STEPS = (
    "ec2:DescribeImageAttribute",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeSnapshotAttribute",
    "ec2:GetImageBlockPublicAccessState",
    "kms:GetKeyPolicy",
    "ssm:GetParameter",
    "ssm:GetParameters",
)
CHANGE_OWN = (
    "ec2:AttachImageWatermark",
    "ec2:DetachImageWatermark",
    "ec2:DisableImageDeprecation",
    "ec2:DisableImageDeregistrationProtection",
    "ec2:EnableImageDeprecation",
    "ec2:EnableImageDeregistrationProtection",
    "ec2:ModifyImageAttribute",
    "ec2:ModifySnapshotAttribute",
)
# What a closer look at a source asks; amicopy works without any of them.
INSPECT = (
    "ec2:DescribeImageReferences",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:GetImageAncestry",
    "ec2:GetImageFindings",
)
USE_KEYS = ("kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*")
# Who changed what isn't any more as it was approved; amicopy works without it.
TRACE = ("cloudtrail:LookupEvents",)


def web(partition: str = "aws", *, keys: Sequence[str] = ()) -> Document:
    """What the web server needs: it looks, and changes nothing. `keys` are ARNs of KMS keys; without any, all.

    Explain is for administrators who read what is behind a refusal, Inspect for a closer look at sources; amicopy works
    without either.
    """
    return _document(
        *_look(partition, keys),
        _allow("Explain", ["sts:DecodeAuthorizationMessage"], ["*"]),
    )


def worker(partition: str = "aws", *, mark_key: str, mark_values: str, keys: Sequence[str] = ()) -> Document:
    """What workers need: they look, copy, and remove what carries the mark, and nothing else.

    `mark_values` is a pattern of the mark's value, such as `prod/*`. Tags can be set only while something is being
    copied, so that nothing can get the mark later. Without a `mark_key` there is no mark, and nothing that IAM could
    tell amicopy's own images by. Inspect and Trace are help that amicopy works without. Keys serve EC2 alone:
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    made = [f"arn:{partition}:ec2:*::image/*", f"arn:{partition}:ec2:*::snapshot/*"]
    through_ec2 = {"kms:ViaService": _ec2_in(partition)}
    return _document(
        *_look(partition, keys),
        _allow("Trace", TRACE, ["*"]),
        _allow("Copy", ["ec2:CopyImage"], made),
        _allow("TagOnCopy", ["ec2:CreateTags"], made, {"StringEquals": {"ec2:CreateAction": "CopyImage"}}),
        _allow(
            "RemoveOwn",
            ["ec2:DeregisterImage", "ec2:DeleteSnapshot"],
            made,
            {"StringLike": {f"aws:ResourceTag/{mark_key}": mark_values}} if mark_key else None,
        ),
        _allow("UseKeys", USE_KEYS, _keys(partition, keys), {"StringLike": through_ec2}),
        _allow(
            "GrantKeys",
            ["kms:CreateGrant"],
            _keys(partition, keys),
            {"StringLike": through_ec2, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    )


def steps(partition: str = "aws", *, mark_key: str, mark_values: str) -> Document:
    """What workers need besides for the steps after a copy; without it such steps fail, and nothing else.

    Images and snapshots are changed where they carry the mark. Aliases and launch templates are others' as well, so
    that they can't be told by it: narrow their ARNs to those that amicopy is to write.
    """
    made = [f"arn:{partition}:ec2:*::image/*", f"arn:{partition}:ec2:*::snapshot/*"]
    return _document(
        _allow("LookForSteps", LOOK_FOR_STEPS, ["*"]),
        _allow(
            "ChangeOwn",
            CHANGE_OWN,
            made,
            {"StringLike": {f"aws:ResourceTag/{mark_key}": mark_values}} if mark_key else None,
        ),
        _allow("Publish", ["ssm:PutParameter", "ssm:DeleteParameter"], [f"arn:{partition}:ssm:*:*:parameter/*"]),
        _allow(
            "RenewTemplates",
            ["ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"],
            [f"arn:{partition}:ec2:*:*:launch-template/*"],
        ),
    )


def existing(partition: str = "aws") -> Document:
    """What workers need besides for steps that are done to AMIs that exist, which don't carry the mark; with `steps`.
    Without it such requests fail, and nothing else. Nothing in it removes anything. Narrow the ARNs, or add a condition
    on a tag of yours, to keep amicopy from other AMIs.
    """
    images = [f"arn:{partition}:ec2:*::image/*", f"arn:{partition}:ec2:*::snapshot/*"]
    return _document(_allow("ChangeExisting", CHANGE_OWN, images))


def steps_web(partition: str = "aws") -> Document:
    """What the web server needs besides to look at what steps would change before somebody submits them."""
    return _document(_allow("LookForSteps", LOOK_FOR_STEPS, ["*"]))


def trust(*, principal: str, external_id: str) -> Document:
    """Who may assume a role: amicopy's own principal, with the account's ExternalId.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html
    """
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": principal},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
        }
    )


def enter(roles: Sequence[str]) -> Document:
    """What amicopy's own credentials need to enter these roles, by ARN, of other accounts or its own."""
    return _document(_allow("Enter", ["sts:AssumeRole"], sorted(set(roles))))


def _look(partition: str, keys: Sequence[str]) -> list[Document]:
    # amicopy itself looks at keys, so that ViaService can't bound it.
    return [
        _allow("Look", LOOK, ["*"]),
        _allow("Inspect", INSPECT, ["*"]),
        _allow("LookAtKeys", ["kms:DescribeKey"], _keys(partition, keys)),
    ]


def _keys(partition: str, keys: Sequence[str]) -> list[str]:
    return list(keys) or [f"arn:{partition}:kms:*:*:key/*"]


def _ec2_in(partition: str) -> list[str]:
    """What KMS calls EC2 in any Region; outside AWS's first partition it isn't documented which suffix it uses."""
    return list(dict.fromkeys(f"ec2.*.{suffix}" for suffix in ("amazonaws.com", dns_suffix(partition))))


def _allow(
    sid: str, actions: Sequence[str], resources: Sequence[str], condition: Mapping[str, Any] | None = None
) -> Document:
    allowed: Document = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return {**allowed, "Condition": dict(condition)} if condition else allowed


def _document(*statements: Mapping[str, Any]) -> Document:
    return {"Version": "2012-10-17", "Statement": [dict(statement) for statement in statements]}
