"""EC2, as far as amicopy needs it. Every function raises the errors of `amicopy.aws.errors` and no other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from amicopy.aws.account import AwsAccount
from amicopy.aws.errors import NO_IMAGE_ID, Denied, NotFound, Rejected, Unavailable
from amicopy.aws.list_pages import chunks, listed, literal
from amicopy.aws.sessions import client, home_region, typed_errors
from amicopy.aws.shapes import Image, LaunchPermission, Snapshot, image_of, launch_permission_of, snapshot_of

MADE_FOR = "Copied for DestinationAmi "


@dataclass(frozen=True)
class CopyAnswer:
    image_id: str
    request_id: str


@dataclass(frozen=True)
class DryRunAnswer:
    allowed: bool
    code: str
    message: str
    request_id: str


# What AWS answered a removal. `gone`: it was removed before, which counts at once. `unknown`: AWS doesn't know it now,
# which says nothing of something so young that it hasn't reached all of AWS's lists: the caller decides by its age.
Outcome = Literal["done", "gone", "unknown"]


@dataclass(frozen=True)
class Deregistered:
    """`snapshots`: what became of each, by id (success, skipped, missing-permissions, internal-error, client-error).
    `code` and `message` are AWS's where the outcome isn't `done`."""

    request_id: str
    snapshots: Mapping[str, str]
    outcome: Outcome = "done"
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class SnapshotDeleted:
    """As `Deregistered`; there is no `gone`, since AWS has one word for a snapshot deleted and one never seen."""

    request_id: str
    outcome: Outcome = "done"
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class Region:
    name: str
    opt_in_status: str


@dataclass(frozen=True)
class Zone:
    name: str
    id: str
    kind: str
    opt_in_status: str
    group: str


@dataclass(frozen=True)
class EbsEncryption:
    """Encryption by default of an account's Region, and the key it uses."""

    by_default: bool
    KmsKeyId: str


def copy_image(
    account: AwsAccount,
    *,
    region: str,
    parameters: Mapping[str, Any],
    client_token: str,
    for_request: int | None = None,
) -> CopyAnswer:
    """CopyImage in the destination Region with exactly these parameters and this ClientToken (API_CopyImage.html).

    Sent once: an error speaks of this very call, so only Unavailable leaves open whether AWS made the image. Where a
    role is assumed, `for_request` puts the request's number into the session's name.
    """
    with typed_errors():
        ec2 = client("ec2", account, region, once=True, for_request=for_request)
        answer = ec2.copy_image(**parameters, ClientToken=client_token)
        image_id = str(answer.get("ImageId") or "")
    if not image_id:
        raise Unavailable(NO_IMAGE_ID, "AWS accepted CopyImage and named no image.", _request_id(answer))
    return CopyAnswer(image_id=image_id, request_id=_request_id(answer))


def dry_run_copy_image(
    account: AwsAccount,
    *,
    region: str,
    parameters: Mapping[str, Any],
    quick: bool = False,
    for_request: int | None = None,
) -> DryRunAnswer:
    """Whether AWS would allow the call; makes nothing. Any answer but yes and no is raised."""
    wanted = {name: value for name, value in parameters.items() if name not in {"DryRun", "ClientToken"}}
    return dry_run(account, region=region, operation="copy_image", quick=quick, for_request=for_request, **wanted)


def dry_run(
    account: AwsAccount,
    *,
    region: str,
    operation: Literal["copy_image", "deregister_image", "delete_snapshot"],
    quick: bool = False,
    for_request: int | None = None,
    **parameters: Any,
) -> DryRunAnswer:
    """Whether AWS would allow an operation; changes nothing. Any answer but yes and no is raised."""
    try:
        with typed_errors():
            ec2 = client("ec2", account, region, quick=quick, for_request=for_request)
            getattr(ec2, operation)(**parameters, DryRun=True)
    except Denied as error:
        return DryRunAnswer(False, error.code, error.message, error.request_id)
    except Rejected as error:
        if error.code == "DryRunOperation":
            return DryRunAnswer(True, error.code, error.message, error.request_id)
        raise
    raise Rejected("NotADryRun", "AWS answered a dry run as if it were a real call.")


def describe_images(
    account: AwsAccount, *, region: str, image_ids: Sequence[str], disabled: bool = False
) -> dict[str, Image]:
    """The account's own images by id; those AWS doesn't show are absent, they never fail the rest. AWS shows `disabled`
    ones where they are asked for."""
    found: dict[str, Image] = {}
    for some in chunks(image_ids):
        filters = [{"Name": "image-id", "Values": some}]
        more = {"IncludeDisabled": True} if disabled else {}
        images = listed(account, region, "describe_images", image_of, Filters=filters, Owners=["self"], **more)
        found.update({image.ImageId: image for image in images})
    return found


def describe_snapshots(account: AwsAccount, *, region: str, snapshot_ids: Sequence[str]) -> dict[str, Snapshot]:
    """The account's own snapshots by id; those AWS doesn't show are absent."""
    return _snapshots(account, region, snapshot_ids, quick=False, OwnerIds=["self"])


def source_snapshots(
    account: AwsAccount, *, region: str, snapshot_ids: Sequence[str], quick: bool = True
) -> dict[str, Snapshot]:
    """Anybody's snapshots that the account may read, by id; the others are absent."""
    return _snapshots(account, region, snapshot_ids, quick=quick)


def _snapshots(
    account: AwsAccount, region: str, snapshot_ids: Sequence[str], *, quick: bool, **query: Any
) -> dict[str, Snapshot]:
    found: dict[str, Snapshot] = {}
    for some in chunks(snapshot_ids):
        filters = [{"Name": "snapshot-id", "Values": some}]
        snapshots = listed(account, region, "describe_snapshots", snapshot_of, quick=quick, Filters=filters, **query)
        found.update({snapshot.SnapshotId: snapshot for snapshot in snapshots})
    return found


def snapshots_of_copies(account: AwsAccount, *, region: str, image_ids: Sequence[str]) -> dict[str, list[Snapshot]]:
    """By image, the snapshots that AWS's description says were made for it (observed wording, not documented)."""
    found: dict[str, list[Snapshot]] = {image_id: [] for image_id in image_ids}
    for some in chunks([f"{MADE_FOR}{image_id}*" for image_id in image_ids]):
        filters = [{"Name": "description", "Values": some}]
        for snapshot in listed(account, region, "describe_snapshots", snapshot_of, Filters=filters, OwnerIds=["self"]):
            image_id = snapshot.Description.removeprefix(MADE_FOR).split(" ")[0]
            if image_id in found:
                found[image_id].append(snapshot)
    return found


def made_for(snapshot: Snapshot) -> str:
    """The image that AWS's description says a snapshot was made for, or empty (observed wording, not documented)."""
    if not snapshot.Description.startswith(MADE_FOR):
        return ""
    return snapshot.Description.removeprefix(MADE_FOR).split(" ")[0]


def find_copies(
    account: AwsAccount, *, region: str, source_image_id: str, source_region: str, name: str
) -> list[Image]:
    """The account's images in a Region that are copies of this source; of a name, or without one as failed copies
    are."""
    filters = [
        {"Name": "source-image-id", "Values": [source_image_id]},
        {"Name": "source-image-region", "Values": [source_region]},
    ]
    images = listed(account, region, "describe_images", image_of, Filters=filters, Owners=["self"])
    return [image for image in images if image.Name in {"", name}]


def list_images(
    account: AwsAccount,
    *,
    region: str,
    of: Literal["own", "shared"] | None = None,
    owner: str = "",
    most: int,
    quick: bool = True,
) -> list[Image]:
    """The images of a Region that are the account's own, that were shared with it, or that an owner, 12 digits, lets it
    see; deprecated and disabled ones included. No more than `most` are read, in AWS's order, which is none."""
    query: dict[str, Any] = {"IncludeDeprecated": True, "IncludeDisabled": True}
    query |= {"ExecutableUsers": ["self"]} if of == "shared" else {"Owners": ["self" if of == "own" else owner]}
    return list(islice(listed(account, region, "describe_images", image_of, quick=quick, **query), most))


def images_named(account: AwsAccount, *, region: str, names: Sequence[str], quick: bool = True) -> list[Image]:
    """The account's images in a Region with exactly one of these names, of which there are at most 200."""
    filters = [{"Name": "name", "Values": [literal(name) for name in names]}]
    return list(listed(account, region, "describe_images", image_of, quick=quick, Filters=filters, Owners=["self"]))


@typed_errors()
def describe_source(account: AwsAccount, *, region: str, image_id: str, quick: bool = True) -> Image:
    """One image by id, anybody's that the account may see, deprecated and disabled ones included. Raises NotFound."""
    answer = client("ec2", account, region, quick=quick).describe_images(
        ImageIds=[image_id], IncludeDeprecated=True, IncludeDisabled=True
    )
    if not answer["Images"]:
        raise NotFound("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist", _request_id(answer))
    return image_of(answer["Images"][0])


@typed_errors()
def launch_permissions(
    account: AwsAccount, *, region: str, image_id: str, quick: bool = True
) -> list[LaunchPermission]:
    """Who may launch an image of the account's own, besides the account itself; a list with `all` where it is public
    (API_LaunchPermission.html). AWS answers the owner alone."""
    answer = client("ec2", account, region, quick=quick).describe_image_attribute(
        ImageId=image_id, Attribute="launchPermission"
    )
    return [launch_permission_of(each) for each in answer.get("LaunchPermissions") or ()]


def deregister_image(
    account: AwsAccount, *, region: str, image_id: str, for_request: int | None = None
) -> Deregistered:
    """Deregisters an image and asks AWS to delete its snapshots (API_DeregisterImage.html).

    That the image is deregistered already, or that AWS doesn't know it now, is an answer and no error.
    """
    try:
        with typed_errors():
            answer = client("ec2", account, region, for_request=for_request).deregister_image(
                ImageId=image_id, DeleteAssociatedSnapshots=True
            )
            results = answer.get("DeleteSnapshotResults") or ()
            snapshots = {row["SnapshotId"]: row.get("ReturnCode", "") for row in results}
    except Rejected as error:
        if error.code != "InvalidAMIID.Unavailable":
            raise
        return Deregistered(error.request_id, {}, "gone", error.code, error.message)
    except NotFound as error:
        return Deregistered(error.request_id, {}, "unknown", error.code, error.message)
    return Deregistered(_request_id(answer), snapshots)


def delete_snapshot(
    account: AwsAccount, *, region: str, snapshot_id: str, for_request: int | None = None
) -> SnapshotDeleted:
    """Deletes a snapshot (API_DeleteSnapshot.html). That AWS doesn't know it now is an answer and no error."""
    try:
        with typed_errors():
            answer = client("ec2", account, region, for_request=for_request).delete_snapshot(SnapshotId=snapshot_id)
    except NotFound as error:
        return SnapshotDeleted(error.request_id, "unknown", error.code, error.message)
    return SnapshotDeleted(_request_id(answer))


@typed_errors()
def regions(account: AwsAccount, *, quick: bool = True) -> list[Region]:
    """Every Region of the partition, enabled for the account or not."""
    answer = client("ec2", account, home_region(account), quick=quick).describe_regions(AllRegions=True)
    found = [Region(raw["RegionName"], raw.get("OptInStatus", "")) for raw in answer["Regions"]]
    return sorted(found, key=lambda region: region.name)


@typed_errors()
def zones(account: AwsAccount, *, region: str, quick: bool = True) -> list[Zone]:
    """The zones of a Region, Local Zones and those not opted in included."""
    answer = client("ec2", account, region, quick=quick).describe_availability_zones(AllAvailabilityZones=True)
    return [
        Zone(
            name=raw["ZoneName"],
            id=raw.get("ZoneId", ""),
            kind=raw.get("ZoneType", ""),
            opt_in_status=raw.get("OptInStatus", ""),
            group=raw.get("GroupName", ""),
        )
        for raw in answer["AvailabilityZones"]
    ]


def ebs_encryption(account: AwsAccount, *, region: str, quick: bool = True) -> EbsEncryption:
    """Whether the account encrypts new volumes and snapshots of a Region by itself, and with which key."""
    return EbsEncryption(
        by_default=encrypts_by_default(account, region=region, quick=quick),
        KmsKeyId=default_key(account, region=region, quick=quick),
    )


@typed_errors()
def encrypts_by_default(account: AwsAccount, *, region: str, quick: bool = True) -> bool:
    """The first half of `ebs_encryption`, which is a permission of its own."""
    answer = client("ec2", account, region, quick=quick).get_ebs_encryption_by_default()
    return bool(answer["EbsEncryptionByDefault"])


@typed_errors()
def default_key(account: AwsAccount, *, region: str, quick: bool = True) -> str:
    """The second half of `ebs_encryption`, which is a permission of its own."""
    return str(client("ec2", account, region, quick=quick).get_ebs_default_kms_key_id()["KmsKeyId"])


def _request_id(answer: Mapping[str, Any]) -> str:
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
