"""A finished image against what was approved."""

from collections.abc import Mapping, Sequence
from typing import Any

from amicopy.aws.shapes import Image, Snapshot


def compare(
    parameters: Mapping[str, Any], image: Image, snapshots: Sequence[Snapshot], *, key_arn: str = ""
) -> list[dict[str, Any]]:
    """One row a property: {"property", "expected", "found", "ok"}. Only what the parameters asked for is compared.

    `key_arn` is the ARN behind the requested KmsKeyId, where it could be looked up; an alias alone can't be compared.
    """
    rows = [_row("Name", parameters["Name"], image.Name)]
    rows.append(_row("SourceImageId", parameters["SourceImageId"], image.SourceImageId or parameters["SourceImageId"]))
    if parameters.get("Description"):
        rows.append(_row("Description", parameters["Description"], image.Description))
    if parameters.get("Encrypted") or parameters.get("DestinationOutpostArn"):
        encrypted = all(snapshot.Encrypted for snapshot in snapshots)
        rows.append(_row("Encrypted", True, encrypted))
    if key_arn and snapshots:
        keys = sorted({snapshot.KmsKeyId for snapshot in snapshots})
        rows.append(_row("KmsKeyId", key_arn, ", ".join(keys)))
    for specification in parameters.get("TagSpecifications", []):
        wanted = {tag["Key"]: tag["Value"] for tag in specification["Tags"]}
        if specification["ResourceType"] == "image":
            rows.append(_row("Tags of the image", wanted, _chosen(image.tags, wanted)))
        else:
            found = [_chosen(snapshot.tags, wanted) for snapshot in snapshots]
            other = next((tags for tags in found if tags != wanted), wanted)
            rows.append(_row("Tags of the snapshots", wanted, other))
    return rows


def _row(name: str, expected: Any, found: Any) -> dict[str, Any]:
    return {"property": name, "expected": expected, "found": found, "ok": expected == found}


def _chosen(tags: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key in wanted}
