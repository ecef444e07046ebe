"""What changes an AMI, or its snapshots, after it was made. Raises the errors of `amicopy.aws.errors` and no other.

Each is sent once: that AWS was asked again is the caller's decision. What changes something returns AWS's request id.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import client, typed_errors


@typed_errors()
def attach_watermark(account: AwsAccount, *, region: str, image_id: str, name: str, for_request: int) -> str:
    """Gives an image a watermark; its key is the account and this name (API_AttachImageWatermark.html)."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    return _request_id(ec2.attach_image_watermark(ImageId=image_id, WatermarkName=name))


@typed_errors()
def detach_watermark(account: AwsAccount, *, region: str, image_id: str, key: str, for_request: int) -> str:
    """Takes a watermark away by its key, `account:name` (API_DetachImageWatermark.html)."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    return _request_id(ec2.detach_image_watermark(ImageId=image_id, WatermarkKey=key))


@typed_errors()
def allow_launch(
    account: AwsAccount, *, region: str, image_id: str, add: Sequence[Mapping[str, str]], for_request: int
) -> str:
    """Adds launch permissions, each with one member of API_LaunchPermission.html; takes none away."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    answer = ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Add": [dict(each) for each in add]})
    return _request_id(answer)


@typed_errors()
def disallow_launch(
    account: AwsAccount, *, region: str, image_id: str, remove: Sequence[Mapping[str, str]], for_request: int
) -> str:
    """Takes launch permissions away; what isn't there is no error."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    answer = ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Remove": [dict(each) for each in remove]})
    return _request_id(answer)


@typed_errors()
def require_imdsv2(account: AwsAccount, *, region: str, image_id: str, value: str, for_request: int) -> str:
    """Has what is launched from an image ask for IMDSv2 (API_ModifyImageAttribute.html)."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    return _request_id(ec2.modify_image_attribute(ImageId=image_id, ImdsSupport={"Value": value}))


@typed_errors()
def deprecate(account: AwsAccount, *, region: str, image_id: str, at: str, for_request: int) -> str:
    """Sets when an image is deprecated, to the minute (API_EnableImageDeprecation.html)."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    return _request_id(ec2.enable_image_deprecation(ImageId=image_id, DeprecateAt=at))


@typed_errors()
def undeprecate(account: AwsAccount, *, region: str, image_id: str, for_request: int) -> str:
    """Takes the date away (API_DisableImageDeprecation.html)."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    return _request_id(ec2.disable_image_deprecation(ImageId=image_id))


@typed_errors()
def protect(account: AwsAccount, *, region: str, image_id: str, cooldown: bool, for_request: int) -> str:
    """Keeps an image from being deregistered (API_EnableImageDeregistrationProtection.html)."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    return _request_id(ec2.enable_image_deregistration_protection(ImageId=image_id, WithCooldown=cooldown))


@typed_errors()
def unprotect(account: AwsAccount, *, region: str, image_id: str, for_request: int | None) -> str:
    """Ends that; with a cooldown AWS goes on protecting for 24 hours."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    return _request_id(ec2.disable_image_deregistration_protection(ImageId=image_id))


@typed_errors()
def allow_volumes(
    account: AwsAccount, *, region: str, snapshot_id: str, user_ids: Sequence[str], for_request: int
) -> str:
    """Lets accounts make volumes of a snapshot, 500 at most in a call (API_ModifySnapshotAttribute.html)."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    answer = ec2.modify_snapshot_attribute(
        SnapshotId=snapshot_id, CreateVolumePermission={"Add": [{"UserId": each} for each in user_ids]}
    )
    return _request_id(answer)


@typed_errors()
def disallow_volumes(
    account: AwsAccount, *, region: str, snapshot_id: str, user_ids: Sequence[str], for_request: int
) -> str:
    """Takes that from accounts again; what isn't there is no error."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    answer = ec2.modify_snapshot_attribute(
        SnapshotId=snapshot_id, CreateVolumePermission={"Remove": [{"UserId": each} for each in user_ids]}
    )
    return _request_id(answer)


@typed_errors()
def volume_permissions(account: AwsAccount, *, region: str, snapshot_id: str) -> frozenset[str]:
    """The accounts that may make volumes of a snapshot, and `all` where everybody may."""
    answer = client("ec2", account, region).describe_snapshot_attribute(
        SnapshotId=snapshot_id, Attribute="createVolumePermission"
    )
    return frozenset(
        each.get("UserId") or each.get("Group", "") for each in answer.get("CreateVolumePermissions") or ()
    )


@typed_errors()
def public_sharing(account: AwsAccount, *, region: str, quick: bool = True) -> str:
    """Whether a Region of the account lets AMIs be made public: `unblocked` or `block-new-sharing`."""
    answer = client("ec2", account, region, quick=quick).get_image_block_public_access_state()
    return str(answer["ImageBlockPublicAccessState"])


def _request_id(answer: Mapping[str, Any]) -> str:
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
