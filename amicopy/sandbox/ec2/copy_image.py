"""CopyImage: look at the source, decide everything about the copy at once, and write it down as a plan.

Order of the checks (unverified for AWS): syntax, token, source, limit, dry run, acceptance.
"""

import hashlib
import json
import secrets
from typing import Any

from amicopy.sandbox import faults, keys
from amicopy.sandbox.catalogue import ACCOUNTS, enabled
from amicopy.sandbox.ec2.checks import check_destination, check_fields, check_number, tags_by_type
from amicopy.sandbox.ec2.images import Image, Plan
from amicopy.sandbox.errors import Refused
from amicopy.sandbox.visibility import Look, unknown_images
from amicopy.sandbox.world import world

# What identifies a call: everything but these.
NOT_COMPARED = {"ClientToken", "DryRun"}
# Members of the source that are about the source alone.
NOT_COPIED = ("DeprecationTime", "DeregistrationProtection", "CooldownUntil", "LastLaunchedTime", "ScanResults")
KEY_FAILURE = (
    "AMI snapshot copy failed with error: Given key ID is not accessible. "
    "You must have DescribeKey permissions on the default CMK"
)


def new_id(prefix: str) -> str:
    return f"{prefix}0{secrets.token_hex(8)}"


def copy(backend: Any, params: dict[str, Any], *, look: Look, backend_of: Any) -> str:
    """Accepts a copy into `backend` (destination account and Region) and returns the id of the new image.

    `look` says what the call sees, `backend_of(account, region)` gives the place a source is looked up in. Raises
    Refused.
    """
    check_fields(params)
    check_destination(params, account=backend.account_id, region=backend.region_name)
    tags = tags_by_type(params)
    compared = {name: value for name, value in params.items() if name not in NOT_COMPARED}
    fingerprint = hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()
    token = params.get("ClientToken")
    # One step for all of it: two calls at once must not both find the token unused or the last slot free.
    with world.lock:
        if token and token in backend.client_tokens:
            known, image_id = backend.client_tokens[token]
            if known != fingerprint:
                raise Refused(
                    "IdempotentParameterMismatch",
                    "The client token has already been used with different parameters.",
                )
            return str(image_id)
        source = find_source(params, account=backend.account_id, look=look, backend_of=backend_of)
        plan = decide(backend, params, source, tags=tags)
        pending = sum(1 for image in backend.copied() if image.state == "pending")
        if pending >= world.settings.limit:
            raise Refused(
                "ResourceLimitExceeded",
                f"You have reached the limit of {world.settings.limit} concurrent AMI copies to {backend.region_name}.",
            )
        if params.get("DryRun"):
            raise Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
        plan |= {"token": token, "fingerprint": fingerprint, **struck(look.call)}
        world.write(do="copy", account=backend.account_id, region=backend.region_name, plan=plan)
        backend.bring_to_life(plan)
    backend.announce(plan)
    return str(plan["image_id"])


def struck(call: dict[str, Any]) -> Plan:
    """What fault rules change about the copy that is being accepted."""
    changes: Plan = {}
    for rule in faults.striking(call, "fail"):
        changes = {
            "failure": rule.reason,
            "percent": rule.percent,
            "code": "Server.InternalError",
            "recovers": rule.seconds,
        }
    return changes


def find_source(params: dict[str, Any], *, account: str, look: Look, backend_of: Any) -> Image:
    """The source image, if `account` may copy it and sees it. Raises Refused."""
    image_id, region = params["SourceImageId"], params["SourceRegion"]
    if not enabled(region):
        raise Refused("InvalidRegion", f"The region '{region}' is not valid or not enabled for this account.")
    for owner in [account, *(number for number in ACCOUNTS if number != account)]:
        backend = backend_of(owner, region)
        image: Image | None = backend.amis.get(image_id)
        if image is not None and image.open_to(account) and not look.hides(image):
            break
        image = backend.gone_images.get(image_id)
        if image is not None and look.lingers(image):
            break
        if owner == account and image is not None:
            raise Refused("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available")
    else:
        raise unknown_images(image_id)
    if image.state == "pending":
        raise Refused(
            "InvalidAMIID.Unavailable",
            f"The AMI ID '{image_id}' is currently pending and may not be used for this operation",
        )
    if image.state != "available":
        raise Refused("InvalidAMIID.Unavailable", f"The AMI ID '{image_id}' is {image.state} and may not be copied")
    storage = [image.backend.snapshot_of(row["id"]) for row in image.plan["snapshots"]]
    for snapshot in storage:
        if snapshot.storage_tier == "archive":
            # Unverified: AWS says no more than that it must be restored first.
            raise Refused("IncorrectState", f"The snapshot '{snapshot.id}' is archived and must be restored first.")
    if image.owner_id != account:
        if image.attributes.get("ProductCodes"):
            raise Refused("InvalidRequest", "Images from AWS Marketplace cannot be copied to another AWS account")
        if not all(snapshot.open_to(account) for snapshot in storage):
            raise Refused("InvalidRequest", "You do not have permission to access the storage of this ami")
    return image


def decide(backend: Any, params: dict[str, Any], source: Image, *, tags: dict[str, dict[str, str]]) -> Plan:
    """Everything about the copy: ids, keys, tags, how long it takes and whether it fails. Raises Refused."""
    image_id = new_id("ami-")
    now = world.now()
    failure = None
    sizes = [row["size"] for row in source.plan["snapshots"]]
    # A small image takes the seconds of the setting, every further 400 GiB as long again.
    seconds = world.settings.copy_seconds * (1 + sum(sizes) / 400)
    snapshots, renamed = [], {}
    for row in source.plan["snapshots"]:
        key = encryption(backend, params, source, row)
        if key is not None:
            key, problem = keys.resolve(key, account=backend.account_id, region=backend.region_name)
            failure = failure or (problem and KEY_FAILURE)
        renamed[row["id"]] = new_id("snap-"), key
        snapshots.append(
            {
                "id": renamed[row["id"]][0],
                "size": row["size"],
                "key": key,
                "description": f"Copied for DestinationAmi {image_id} from SourceAmi {source.id} for "
                f"SourceSnapshot {row['id']}. Task created on {int(now * 1000):,}.",
                # Volumes are copied side by side; the largest is done with the image.
                "seconds": seconds * (0.5 + 0.5 * row["size"] / max(sizes)),
                "minutes": params.get("SnapshotCopyCompletionDurationMinutes"),
            }
        )
    attributes = {
        **source.attributes,
        "Name": params["Name"],
        "Description": params.get("Description", source.description),
        "BlockDeviceMappings": [redirected(row, renamed) for row in source.attributes["BlockDeviceMappings"]],
        "SourceImageId": source.id,
        "SourceImageRegion": params["SourceRegion"],
    }
    for name in NOT_COPIED:
        attributes.pop(name, None)
    image_tags = {
        **(source_tags(source, backend.account_id) if params.get("CopyImageTags") else {}),
        **tags["image"],
    }
    check_number(image_tags)
    return {
        "image_id": image_id,
        "attributes": attributes,
        "tags": image_tags,
        "snapshots": snapshots,
        "snapshot_tags": tags["snapshot"],
        "started": now,
        "seconds": seconds,
        # KMS is asked after the call was accepted, so a bad key only shows later.
        "failure": failure,
        "percent": 10,
        "code": "Client.InternalError",
    }


def encryption(backend: Any, params: dict[str, Any], source: Image, snapshot: dict[str, Any]) -> str | None:
    """The key one snapshot of the copy gets, in any form; None leaves it unencrypted. Raises Refused."""
    wanted = params.get("Encrypted")
    if snapshot["key"] and wanted is False:
        raise Refused(
            "InvalidRequest",
            f"Snapshot {snapshot['id']} is encrypted. Creating unencrypted copy from an encrypted snapshot "
            "is not supported.",
        )
    if params.get("KmsKeyId"):
        return str(params["KmsKeyId"])
    same_place = source.owner_id == backend.account_id and params["SourceRegion"] == backend.region_name
    if snapshot["key"] and wanted is None and same_place:
        return str(snapshot["key"])
    if wanted or snapshot["key"] or backend.ebs_encryption_by_default or params.get("DestinationOutpostArn"):
        return str(backend.default_kms_key_id)
    return None


def redirected(mapping: dict[str, Any], renamed: dict[str, tuple[str, str | None]]) -> dict[str, Any]:
    """A mapping of the source with the new snapshot; one without a snapshot stays as it is."""
    if "Ebs" not in mapping:
        return mapping
    snapshot_id, key = renamed[mapping["Ebs"]["SnapshotId"]]
    return {**mapping, "Ebs": {**mapping["Ebs"], "SnapshotId": snapshot_id, "Encrypted": key is not None}}


def source_tags(source: Image, account: str) -> dict[str, str]:
    """The tags CopyImageTags takes along: from another account only those it marks as shared."""
    tags = source.backend.tags.get(source.id, {})
    shared = "" if source.owner_id == account else "ec2:SharedTag/"
    return {key: value for key, value in tags.items() if key.startswith(shared) and not key.startswith("aws:")}
