"""Who may use an image and its snapshots: launch permissions, volume permissions, and the block on public images.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-intro.html. Which code AWS refuses with is
partly unverified.
"""

import re
from collections.abc import Iterable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses import EC2Response

from amicopy.sandbox.catalogue import key_arn
from amicopy.sandbox.ec2.checks import invalid
from amicopy.sandbox.errors import Refused
from amicopy.sandbox.visibility import Look
from amicopy.sandbox.world import world

Permission = dict[str, str]
FORMS = {
    "UserId": re.compile(r"[0-9]{12}"),
    "Group": re.compile(r"all"),
    "OrganizationArn": re.compile(r"arn:aws:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}"),
    "OrganizationalUnitArn": re.compile(
        r"arn:aws:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}"
    ),
}
# The other form of a call: parameter -> member of a permission.
LISTS = {
    "UserIds": "UserId",
    "UserGroups": "Group",
    "GroupNames": "Group",
    "OrganizationArns": "OrganizationArn",
    "OrganizationalUnitArns": "OrganizationalUnitArn",
}
ENTITIES_AT_MOST, ACCOUNTS_AT_MOST, SNAPSHOT_CHANGES_AT_MOST = 1000, 10_000, 500
EVERYBODY = {"Group": "all"}


class Sharing(EC2Response):
    """The calls."""

    look: Look

    def modify_image_attribute(self) -> ActionResult:
        backend, params = self.ec2_backend, self.params
        image = backend.owned_image(params["ImageId"], self.look, ready=True)
        member = attribute(params, {"launchPermission", "description", "imdsSupport"})
        after: Any
        with world.lock:
            if member == "launchPermission":
                name, after = "LaunchPermissions", shared(image, *changed(params, "LaunchPermission"), backend=backend)
            elif member == "imdsSupport":
                name, after = "ImdsSupport", value(params, "ImdsSupport")
                if after != "v2.0":
                    raise invalid(f"Value ({after}) for parameter imdsSupport is invalid.")
            else:
                name, after = "Description", value(params, "Description")
            self.error_on_dryrun()
            before = image.member(name)
            image.put(name, after)
            world.record(self.look.call, image.id, name, before, after)
        return EmptyResult()

    def reset_image_attribute(self) -> ActionResult:
        image = self.ec2_backend.owned_image(self.params["ImageId"], self.look, ready=True)
        self.error_on_dryrun()
        with world.lock:
            world.record(self.look.call, image.id, "LaunchPermissions", image.member("LaunchPermissions"), [])
            image.put("LaunchPermissions", [])
        return EmptyResult()

    def describe_image_attribute(self) -> ActionResult:
        name = self.params["Attribute"]
        image = self.ec2_backend.owned_image(self.params["ImageId"], self.look)
        self.error_on_dryrun()
        if name == "blockDeviceMapping":
            raise Refused("AuthFailure", "Unauthorized attempt to access restricted resource", status=401)
        view = image.view()
        if name == "launchPermission":
            shown: Any = {"LaunchPermissions": image.member("LaunchPermissions")}
        elif name == "productCodes":
            shown = {"ProductCodes": view.get("ProductCodes", [])}
        else:
            member = {"kernel": "KernelId", "ramdisk": "RamdiskId"}.get(name, name[0].upper() + name[1:])
            shown = {member: {"Value": view[member]}} if member in view else {}
        return ActionResult({"ImageId": image.id, **shown})

    def modify_snapshot_attribute(self) -> ActionResult:
        backend, params = self.ec2_backend, self.params
        snapshot = backend.owned_snapshot(params["SnapshotId"], self.look)
        attribute(params, {"createVolumePermission"})
        add, remove = changed(params, "CreateVolumePermission")
        if add and remove:
            raise Refused("InvalidParameterCombination", "Permissions are added or removed, not both in one call.")
        if len(add) + len(remove) > SNAPSHOT_CHANGES_AT_MOST:
            raise invalid(f"At most {SNAPSHOT_CHANGES_AT_MOST} permissions can be changed in one call.")
        if odd := {name for row in (*add, *remove) for name in row} - {"UserId", "Group"}:
            raise invalid(f"Snapshots aren't shared by {', '.join(sorted(odd))}.")
        if snapshot.status != "completed":
            raise Refused("IncorrectState", f"Snapshot is in invalid state - {snapshot.status}")
        if add:
            check_keys([snapshot], add, backend)
        if EVERYBODY in add and snapshot.encrypted:
            raise Refused("InvalidParameter", "Encrypted snapshots can't be shared with everybody.")
        self.error_on_dryrun()
        with world.lock:
            before = snapshot.permissions()
            after = merged(before, add, remove)
            snapshot.put("CreateVolumePermissions", after)
            world.record(self.look.call, snapshot.id, "CreateVolumePermissions", before, snapshot.permissions())
        return EmptyResult()

    def describe_snapshot_attribute(self) -> ActionResult:
        snapshot = self.ec2_backend.owned_snapshot(self.params["SnapshotId"], self.look)
        self.error_on_dryrun()
        members = {"createVolumePermission": ("CreateVolumePermissions", snapshot.permissions())}
        name, members_of = members.get(self.params["Attribute"], ("ProductCodes", []))
        return ActionResult({"SnapshotId": snapshot.id, name: members_of})

    def get_image_block_public_access_state(self) -> ActionResult:
        self.error_on_dryrun()
        state = self.ec2_backend.image_block_public_access
        return ActionResult({"ImageBlockPublicAccessState": state, "ManagedBy": "account"})

    def enable_image_block_public_access(self) -> ActionResult:
        return self.block("block-new-sharing")

    def disable_image_block_public_access(self) -> ActionResult:
        return self.block("unblocked")

    def block(self, state: str) -> ActionResult:
        """Sets whether images of the account may be made public."""
        self.error_on_dryrun()
        before, self.ec2_backend.image_block_public_access = self.ec2_backend.image_block_public_access, state
        world.record(self.look.call, "account", "ImageBlockPublicAccessState", before, state)
        return ActionResult({"ImageBlockPublicAccessState": state})


def attribute(params: dict[str, Any], known: set[str]) -> str:
    """The one attribute that a call changes, in either form. Raises Refused for none, several or an unknown one."""
    structures = {"LaunchPermission", "CreateVolumePermission", "Description", "ImdsSupport"} & params.keys()
    named = {name[0].lower() + name[1:] for name in structures} | {params[it] for it in ("Attribute",) if it in params}
    if not named and LISTS.keys() & params.keys():
        named = known & {"launchPermission", "createVolumePermission"}
    if len(named) != 1:
        raise Refused("InvalidParameterCombination", "Exactly one attribute must be given in one call.")
    [name] = named
    if name not in known:
        raise invalid(f"Value ({name}) for parameter attribute is invalid.")
    return name


def value(params: dict[str, Any], name: str) -> str:
    """The value of an attribute that is a text, in either form."""
    return str(params[name].get("Value", "") if name in params else params.get("Value", ""))


def changed(params: dict[str, Any], name: str) -> tuple[list[Permission], list[Permission]]:
    """The permissions to add and to remove, in either form. Raises Refused."""
    given = params.get(name) or {}
    add, remove = list(given.get("Add", [])), list(given.get("Remove", []))
    listed = [{member: each} for lists, member in LISTS.items() for each in params.get(lists, [])]
    kind = params.get("OperationType")
    if listed and kind not in {"add", "remove"}:
        raise Refused("MissingParameter", "The request must contain the parameter operationType")
    (add if kind == "add" else remove).extend(listed)
    for row in (*add, *remove):
        for member, text in row.items():
            if not FORMS[member].fullmatch(text):
                raise Refused(
                    "InvalidAMIAttributeItemValue", f'Invalid attribute item value "{text}" for {member} item type.'
                )
    if not add and not remove:
        raise Refused("MissingParameter", "The request must contain a permission to add or to remove")
    if len(add) + len(remove) > ACCOUNTS_AT_MOST:
        raise invalid(f"At most {ACCOUNTS_AT_MOST} permissions can be changed in one call.")
    return add, remove


def merged(before: list[Permission], add: Iterable[Permission], remove: Iterable[Permission]) -> list[Permission]:
    """What is given after a change; what is there already, or not there, is no error."""
    gone = list(remove)
    after = [row for row in before if row not in gone]
    for row in add:
        if row not in after:
            after.append(row)
    return after


def shared(image: Any, add: list[Permission], remove: list[Permission], *, backend: Any) -> list[Permission]:
    """The launch permissions of `image` after a change. Raises Refused."""
    if add:
        snapshots = [backend.snapshot_of(row["id"]) for row in image.plan["snapshots"]]
        check_keys(snapshots, add, backend)
        if image.disabled:
            raise Refused("OperationNotPermitted", "A disabled image can't be shared.")
    if EVERYBODY in add:
        check_public(image, backend)
    after = merged(image.member("LaunchPermissions"), add, remove)
    if len(after) > ENTITIES_AT_MOST:
        raise Refused("ResourceLimitExceeded", f"An image can be shared with at most {ENTITIES_AT_MOST} entities.")
    return after


def check_keys(snapshots: list[Any], add: list[Permission], backend: Any) -> None:
    """Raises Refused for snapshots under the account's default key: nobody else may use that one."""
    if {"UserId": backend.account_id} in add and len(add) == 1:
        return
    default = key_arn(backend.account_id, backend.region_name, "alias/aws/ebs")
    if any(snapshot.kms_key_id == default for snapshot in snapshots):
        raise Refused("InvalidParameter", "Snapshots encrypted with the AWS Managed CMK can't be shared.")


def check_public(image: Any, backend: Any) -> None:
    """Raises Refused for what can't be public."""
    if backend.image_block_public_access != "unblocked":
        raise Refused(
            "OperationNotPermitted",
            "You can't publicly share this image because block public access for AMIs is enabled.",
        )
    if any(row["key"] for row in image.plan["snapshots"]):
        raise Refused("InvalidParameter", "An image with encrypted snapshots can't be made public.")
    if image.attributes.get("ImageWatermarks"):
        raise Refused("OperationNotPermitted", "An image with a watermark can't be made public.")
