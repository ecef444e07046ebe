"""A finished image against what was approved."""

from collections.abc import Mapping, Sequence
from typing import Any

from amicopy.aws.shapes import Image, Snapshot, carried_tags


def compare(
    parameters: Mapping[str, Any],
    image: Image,
    snapshots: Sequence[Snapshot] | None,
    *,
    source: Mapping[str, Any] | None = None,
    key_arn: str = "",
) -> list[dict[str, Any]]:
    """One row a property: {"property", "expected", "found", "ok"}. Only what is known to be expected is compared.

    `snapshots` is None where AWS doesn't let them be looked at; then nothing is said of them.
    `source` is the source image as it was approved (`CopyRequest.source_seen`), empty when AWS didn't show it.
    `key_arn` is the ARN behind the requested KmsKeyId, where it could be looked up; an alias alone can't be compared.
    """
    source = source or {}
    rows = []
    if parameters.get("Name"):
        rows.append(_row("Name", parameters["Name"], image.Name))
    if wanted_source := parameters.get("SourceImageId"):
        rows.append(_row("SourceImageId", wanted_source, image.SourceImageId or wanted_source))
    if parameters.get("Description"):
        rows.append(_row("Description", parameters["Description"], image.Description))
    volumes = source.get("volumes") or []
    if volumes:
        expected = {volume["DeviceName"]: f"{volume['VolumeSize']} GiB" for volume in volumes}
        found = {volume.DeviceName: f"{volume.VolumeSize} GiB" for volume in image.volumes}
        rows.append(_row("Volumes", expected, found))
    stays_encrypted = bool(volumes) and all(volume["Encrypted"] for volume in volumes)
    encrypts = bool(parameters.get("Encrypted") or parameters.get("DestinationOutpostArn") or stays_encrypted)
    if snapshots is not None and encrypts:
        rows.append(_row("Encrypted", True, bool(snapshots) and all(snapshot.Encrypted for snapshot in snapshots)))
    if key_arn and snapshots:
        keys = sorted({snapshot.KmsKeyId for snapshot in snapshots})
        rows.append(_row("KmsKeyId", key_arn, ", ".join(keys)))
    wanted = {"image": _copied_tags(parameters, source, image), "snapshot": {}}
    for specification in parameters.get("TagSpecifications", []):
        wanted[specification["ResourceType"]] |= {tag["Key"]: tag["Value"] for tag in specification["Tags"]}
    if wanted["image"]:
        rows.append(_row("Tags of the image", wanted["image"], _chosen(image.tags, wanted["image"])))
    if snapshots is not None and wanted["snapshot"]:
        tags = [_chosen(snapshot.tags, wanted["snapshot"]) for snapshot in snapshots]
        other = next((each for each in tags if each != wanted["snapshot"]), wanted["snapshot"])
        rows.append(_row("Tags of the snapshots", wanted["snapshot"], other))
    return rows


def _copied_tags(parameters: Mapping[str, Any], source: Mapping[str, Any], image: Image) -> dict[str, str]:
    """The source's tags that CopyImageTags takes along."""
    if not parameters.get("CopyImageTags"):
        return {}
    return carried_tags(source.get("tags") or {}, own=source.get("OwnerId") == image.OwnerId)


def _row(name: str, expected: Any, found: Any) -> dict[str, Any]:
    return {"property": name, "expected": expected, "found": found, "ok": expected == found}


def _chosen(tags: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key in wanted}
