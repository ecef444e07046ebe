"""Which of the actions amicopy needs are allowed in a Region: each is tried, and nothing changes by it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from amicopy.aws import ec2, kms
from amicopy.aws.account import AwsAccount
from amicopy.aws.errors import Denied, NotFound, Rejected

NO_IMAGE, NO_SNAPSHOT = "ami-00000000000000000", "snap-00000000000000000"
TAGS = [{"ResourceType": kind, "Tags": [{"Key": "amicopy", "Value": "doctor"}]} for kind in ("image", "snapshot")]


@dataclass(frozen=True)
class Probe:
    """`allowed` is None where AWS's answer says neither yes nor no; `said` are AWS's words; `looks`: it changes
    nothing."""

    action: str
    allowed: bool | None
    said: str = ""
    looks: bool = False


def probes(
    account: AwsAccount, *, region: str, call: Mapping[str, Any] | None, image_id: str, snapshot_id: str
) -> Iterator[Probe]:
    """Tries the actions one after the other; raises AwsError where AWS doesn't answer.

    `call` are the parameters of a CopyImage into the Region, `image_id` and `snapshot_id` what one made; without them
    AWS often doesn't get as far as the permission, and its no means nothing where only what amicopy marked may be
    removed.
    """
    yield _looked("ec2:DescribeImages", partial(ec2.describe_images, account, image_ids=[NO_IMAGE], region=region))
    yield _looked(
        "ec2:DescribeSnapshots", partial(ec2.describe_snapshots, account, snapshot_ids=[NO_SNAPSHOT], region=region)
    )
    yield _looked("ec2:DescribeAvailabilityZones", partial(ec2.zones, account, region=region))
    yield _looked("ec2:GetEbsEncryptionByDefault", partial(ec2.encrypts_by_default, account, region=region))
    yield _looked("ec2:GetEbsDefaultKmsKeyId", partial(ec2.default_key, account, region=region))
    yield _looked("kms:ListAliases", partial(kms.aliases, account, region=region))
    parameters = dict(call or {"Name": "doctor", "SourceImageId": NO_IMAGE, "SourceRegion": region})
    yield _dry("ec2:CopyImage", account, region, "copy_image", parameters | {"TagSpecifications": []})
    yield _dry("ec2:CreateTags", account, region, "copy_image", parameters | {"TagSpecifications": TAGS})
    image = {"ImageId": image_id or NO_IMAGE}
    yield _dry("ec2:DeregisterImage", account, region, "deregister_image", image, no_counts=bool(image_id))
    snapshot = {"SnapshotId": snapshot_id or NO_SNAPSHOT}
    yield _dry("ec2:DeleteSnapshot", account, region, "delete_snapshot", snapshot, no_counts=bool(snapshot_id))


def _looked(action: str, look: Callable[[], object]) -> Probe:
    try:
        look()
    except Denied as error:
        return Probe(action, False, error.message, looks=True)
    except (NotFound, Rejected) as error:
        return Probe(action, None, str(error), looks=True)
    return Probe(action, True, looks=True)


def _dry(
    action: str,
    account: AwsAccount,
    region: str,
    operation: Any,
    parameters: Mapping[str, Any],
    *,
    no_counts: bool = True,
) -> Probe:
    given = {name: value for name, value in parameters.items() if name not in {"DryRun", "ClientToken"} and value != []}
    try:
        answer = ec2.dry_run(account, region=region, operation=operation, **given)
    except (NotFound, Rejected) as error:
        return Probe(action, None, str(error))
    return Probe(action, answer.allowed if answer.allowed or no_counts else None, answer.message)
