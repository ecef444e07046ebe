"""An approval holds for the source image and for the key behind an alias as they were seen: both are looked at again
right before the call.

An image's id stays the same while its owner changes tags or IMDS support, and an id can be gone by the time of the
call. Compared is what goes into the copy; state, permissions and deprecation don't. An alias stays the same while
somebody points it at another key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from amicopy.aws import ec2, errors, kms
from amicopy.aws.shapes import Image
from amicopy.copies.core import absence
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.reasons import Code
from amicopy.copies.voting.fact_evidence import source_in

MEMBERS = (
    "ImageId",
    "OwnerId",
    "Name",
    "Architecture",
    "PlatformDetails",
    "UsageOperation",
    "RootDeviceType",
    "VirtualizationType",
    "BootMode",
    "ImdsSupport",
    "TpmSupport",
    "ProductCodes",
)
VOLUME_MEMBERS = ("DeviceName", "SnapshotId", "VolumeSize", "VolumeType", "Encrypted", "KmsKeyId")
# An image in one of these states will never be copied.
GONE = frozenset({"deregistered", "invalid", "failed", "error"})


def seen(lookups: Mapping[str, Any], calls: Sequence[Call]) -> dict[str, Any]:
    """The fingerprint of the source in the look-ups, empty when AWS didn't show it; its tags only if they are
    copied."""
    source = source_in(lookups)
    return _fingerprint(source, tags=any(call.parameters.get("CopyImageTags") for call in calls)) if source else {}


def keys_seen(lookups: Mapping[str, Any], calls: Sequence[Call]) -> list[str]:
    """For each call the ARN of the key behind its alias in the look-ups, empty where there is none or it wasn't
    seen."""
    return [str(_key_of(lookups, call).get("Arn", "")) if _names_an_alias(call) else "" for call in calls]


def seen_before(
    before: Mapping[str, Any], now: Mapping[str, Any], calls: Sequence[Call], *, same_source: bool
) -> Mapping[str, Any]:
    """The look-ups of now, with what AWS didn't show this time as it was seen before: the source, if it is the same
    one, and the keys that are asked for again."""
    merged = dict(now)
    if same_source and source_in(before) and not source_in(now):
        merged["source"] = source_in(before)
    if merged.get("destinations"):
        merged["destinations"] = [
            {**row, "key": _key_of(before, call)} if _key_of(before, call) and not row.get("key") else row
            for row, call in zip(merged["destinations"], calls, strict=False)
        ]
    return merged


def look(copy: ImageCopy) -> Image | errors.AwsError:
    """What AWS shows of a copy's source now, or why it doesn't; asks nothing of the database."""
    source_id, region = copy.parameters["SourceImageId"], copy.parameters["SourceRegion"]
    try:
        return ec2.describe_source(copy.account.aws(), region=region, image_id=source_id, quick=False)
    except errors.AwsError as error:
        return error


def check_source(copy: ImageCopy, shown: Image | errors.AwsError) -> None:
    """Compares what AWS shows of a copy's source with what was approved; without a fingerprint there is nothing to
    compare: AWS's own check of the id has to do.

    Raises Rejected with the code SourceGone or SourceChanged, NotReady while it is being made or, for a while, not
    shown, and whatever AWS answered when it couldn't be looked at.
    """
    approved = copy.request.source_seen
    if not approved:
        return
    source_id, region = copy.parameters["SourceImageId"], copy.parameters["SourceRegion"]
    if isinstance(shown, errors.NotFound):
        passing = not_found(copy, shown)
        if passing is not shown:
            raise passing from shown
        words = f"AWS doesn't show the source {source_id} in {region} any more."
        raise errors.Rejected("SourceGone", words, shown.request_id) from shown
    if isinstance(shown, errors.AwsError):
        raise shown
    if shown.State == "pending":
        raise errors.NotReady("SourcePending", f"The source {source_id} is still being made.")
    if shown.State in GONE:
        raise errors.Rejected("SourceGone", f"The source {source_id} is {shown.State} now.")
    found = _fingerprint(asdict(shown), tags="tags" in approved)
    differing = [member for member in approved if found.get(member) != approved[member]]
    if differing:
        raise errors.Rejected(
            "SourceChanged",
            f"The source {source_id} isn't what was approved any more. Changed: {', '.join(differing)}.",
        )


def not_found(copy: ImageCopy, error: errors.NotFound) -> errors.AwsError:
    """What it means that AWS doesn't know a source now: nothing yet, as NotShown, while the look-ups had seen it and it
    hasn't stayed away for long enough; otherwise the error itself."""
    if not copy.request.source_seen or _stays_away(copy, besides=Code.KEY_UNSEEN):
        return error
    return absence.NotShown(error.code, error.message, error.request_id)


def check_key(copy: ImageCopy) -> None:
    """Looks at the key behind a copy's alias and compares it with the approved one; without either there is nothing to
    compare.

    Raises Rejected with the code KeyChanged, NotReady while the alias isn't shown for a while, and whatever KMS answers
    when it can't be looked at.
    """
    if not copy.key_seen:
        return
    alias, region = copy.parameters["KmsKeyId"], copy.DestinationRegion
    try:
        found = kms.describe_key(copy.account.aws(), region=region, key_id=alias, quick=False).Arn
    except errors.NotFound as error:
        if not _stays_away(copy, besides=Code.SOURCE_UNSEEN):
            raise absence.KeyNotShown(error.code, error.message, error.request_id) from error
        words = f"{alias} isn't in {region} any more. Approved was {copy.key_seen}."
        raise errors.Rejected("KeyChanged", words, error.request_id) from error
    if found != copy.key_seen:
        raise errors.Rejected("KeyChanged", f"{alias} points at {found} now. Approved was {copy.key_seen}.")


def _stays_away(copy: ImageCopy, *, besides: Code) -> bool:
    """Whether what this look missed was missing long enough; what waited for the other thing begins anew."""
    return copy.wait_code != besides and absence.is_fact(copy, timezone.now())


def source_pending(copy: ImageCopy) -> bool:
    """Whether the source is still being made. Raises AwsError when it can't be looked at."""
    source_id, region = copy.parameters["SourceImageId"], copy.parameters["SourceRegion"]
    return ec2.describe_source(copy.account.aws(), region=region, image_id=source_id, quick=False).State == "pending"


def lookup_of(image: Image) -> dict[str, Any]:
    """A source image as the look-ups of a request keep it, under the key "source"."""
    members = asdict(image)
    for member in ("CreationDate", "DeprecationTime"):
        members[member] = members[member].isoformat() if members[member] else ""
    return members


def _fingerprint(source: Mapping[str, Any], *, tags: bool) -> dict[str, Any]:
    members: dict[str, Any] = {member: source.get(member, "") for member in MEMBERS}
    members["ProductCodes"] = sorted(source.get("ProductCodes") or ())
    members["volumes"] = sorted(
        ({member: volume.get(member) for member in VOLUME_MEMBERS} for volume in source.get("volumes") or ()),
        key=lambda volume: str(volume["DeviceName"]),
    )
    if tags:
        members["tags"] = dict(source.get("tags") or {})
    return members


def _names_an_alias(call: Call) -> bool:
    return "alias/" in str(call.parameters.get("KmsKeyId", ""))


def _key_of(lookups: Mapping[str, Any], call: Call) -> Mapping[str, Any]:
    """What the look-ups know of a call's key; empty when they know nothing, or it was another key or place."""
    for row in lookups.get("destinations") or ():
        key = row.get("key") or {}
        if row.get("destination") == call.destination and key.get("asked") == call.parameters.get("KmsKeyId"):
            return dict(key)
    return {}
