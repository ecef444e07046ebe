"""Steps that give others something: who may launch the image, and make volumes of its snapshots. They only ever add
what was approved. Undone, which they are for an image that existed before, they take that away again, and nothing that
was there before them."""

from collections.abc import Mapping
from typing import Any

from amicopy.aws import ec2, image_changes
from amicopy.aws.account import AwsAccount
from amicopy.copies.core.steps.members import Members
from amicopy.copies.engine.steps.actions import Action, Changed, Target

# A member's list, and what one of it is called in a permission.
MEMBERS: Mapping[str, str] = {
    "UserIds": "UserId",
    "UserGroups": "Group",
    "OrganizationArns": "OrganizationArn",
    "OrganizationalUnitArns": "OrganizationalUnitArn",
}
Permission = tuple[str, str]


def wanted(members: Members) -> frozenset[Permission]:
    """The launch permissions that were approved, each as AWS's member and its value."""
    return frozenset((one, value) for name, one in MEMBERS.items() for value in members.get(name, ()))


def launch_permissions(target: Target) -> frozenset[Permission]:
    """Those that AWS shows."""
    return launch_permissions_of(**target.place, image_id=target.image_id)


def launch_permissions_of(account: AwsAccount, *, region: str, image_id: str) -> frozenset[Permission]:
    """The same of any image."""
    shown = ec2.launch_permissions(account, region=region, image_id=image_id, quick=False)
    return frozenset((one, value) for each in shown for one in MEMBERS.values() if (value := getattr(each, one)))


def _shared(seen: frozenset[Permission], target: Target) -> bool:
    return wanted(target.members) <= seen


def _share(target: Target, seen: frozenset[Permission] | None) -> Changed:
    missing = sorted(wanted(target.members) - (seen or frozenset()))
    add = [{one: value} for one, value in missing]
    return Changed(
        image_changes.allow_launch(**target.place, image_id=target.image_id, add=add, for_request=target.request)
    )


def _shared_before(target: Target) -> Mapping[str, Any]:
    """What of it was given already, which stays when the rest is taken away again."""
    there = sorted(wanted(target.members) & launch_permissions(target))
    return {"LaunchPermissions": [{one: value} for one, value in there]}


def _unshare(target: Target) -> str:
    """Takes away what the step added. Asked without a look before: AWS's answer to one may lag behind the adding."""
    kept = {next(iter(each.items())) for each in target.before.get("LaunchPermissions", ())}
    remove = [{one: value} for one, value in sorted(wanted(target.members) - kept)]
    if not remove:
        return ""
    return image_changes.disallow_launch(
        **target.place, image_id=target.image_id, remove=remove, for_request=target.request
    )


def volume_permissions(target: Target) -> dict[str, frozenset[str]]:
    """Who may make volumes of each of the image's snapshots."""
    return {each: image_changes.volume_permissions(**target.place, snapshot_id=each) for each in target.snapshots}


def _volumes_shared(seen: Mapping[str, frozenset[str]], target: Target) -> bool:
    return all(set(target.members["UserIds"]) <= given for given in seen.values())


def _share_volumes(target: Target, seen: Any) -> Changed:
    request_id = ""
    for snapshot_id in target.snapshots:
        missing = sorted(set(target.members["UserIds"]) - (seen or {}).get(snapshot_id, frozenset()))
        if missing:
            request_id = image_changes.allow_volumes(
                **target.place, snapshot_id=snapshot_id, user_ids=missing, for_request=target.request
            )
    return Changed(request_id)


def _volumes_before(target: Target) -> Mapping[str, Any]:
    """Who of them could make volumes already, by snapshot."""
    asked = set(target.members["UserIds"])
    return {
        "CreateVolumePermissions": {each: sorted(given & asked) for each, given in volume_permissions(target).items()}
    }


def _unshare_volumes(target: Target) -> str:
    request_id, kept = "", target.before.get("CreateVolumePermissions", {})
    for snapshot_id in target.snapshots:
        remove = sorted(set(target.members["UserIds"]) - set(kept.get(snapshot_id, ())))
        if remove:
            request_id = image_changes.disallow_volumes(
                **target.place, snapshot_id=snapshot_id, user_ids=remove, for_request=target.request
            )
    return request_id


LAUNCH = Action(launch_permissions, _shared, _share, before_existing=_shared_before, undo_existing=_unshare)
SNAPSHOTS = Action(
    volume_permissions,
    _volumes_shared,
    _share_volumes,
    before_existing=_volumes_before,
    undo_existing=_unshare_volumes,
)
