"""What amicopy made, found by the tag that it got at creation. Raises the errors of `amicopy.aws.errors`.

AWS's lists lag for minutes: what isn't in them yet may still come.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from amicopy.aws.account import AwsAccount
from amicopy.aws.list_pages import chunks, listed, literal
from amicopy.aws.shapes import Image, Snapshot, image_of, snapshot_of


def images_marked(
    account: AwsAccount, *, region: str, key: str, value: str | Sequence[str], beginning: bool = False
) -> list[Image]:
    """The account's images in a Region with a tag of this value, or of one of several; disabled images too.

    With `beginning`, those whose value begins so.
    """
    return [
        image
        for filters in _filters(key, value, beginning=beginning)
        for image in listed(
            account, region, "describe_images", image_of, Filters=filters, Owners=["self"], IncludeDisabled=True
        )
    ]


def snapshots_marked(
    account: AwsAccount, *, region: str, key: str, value: str | Sequence[str], beginning: bool = False
) -> list[Snapshot]:
    """The account's snapshots in a Region with a tag, as `images_marked`."""
    return [
        snapshot
        for filters in _filters(key, value, beginning=beginning)
        for snapshot in listed(account, region, "describe_snapshots", snapshot_of, Filters=filters, OwnerIds=["self"])
    ]


def _filters(key: str, value: str | Sequence[str], *, beginning: bool) -> Iterator[list[dict[str, Any]]]:
    """The filters of each call that it takes."""
    values = [value] if isinstance(value, str) else value
    for some in chunks([literal(each) + "*" * beginning for each in values]):
        yield [{"Name": f"tag:{key}", "Values": some}]
