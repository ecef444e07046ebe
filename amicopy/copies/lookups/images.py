"""The images that a copy can be made of, to choose from: an account's own, those shared with it, and an owner's.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from amicopy.aws import ec2
from amicopy.aws.account import AwsAccount
from amicopy.aws.list_pages import FILTER_VALUES
from amicopy.aws.shapes import Image, Snapshot
from amicopy.copies.lookups.async_queries import Question
from amicopy.copies.lookups.source import Source, warnings

KEPT_SECONDS = 60
# So many of a list are read, and so many of it kept, the newest.
MOST, KEPT = 10_000, 2000


@dataclass(frozen=True)
class ListedImage:
    """An image as a list shows it. `size` in GiB; `encrypted` is how many of its `volumes` are; `problem` says why it
    can't be copied as it is, empty when nothing AWS showed stands against it."""

    ImageId: str
    Name: str
    OwnerId: str
    Architecture: str
    PlatformDetails: str
    CreationDate: datetime | None
    size: int
    volumes: int
    encrypted: int
    own: bool
    Public: bool
    problem: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def own_question(account: AwsAccount, *, region: str) -> Question[list[ListedImage]]:
    """The account's own images and those shared with it, the newest first."""

    def ask() -> list[ListedImage]:
        own = ec2.list_images(account, region=region, of="own", most=MOST)
        shared = ec2.list_images(account, region=region, of="shared", most=MOST)
        found = {image.ImageId: image for image in [*own, *shared]}
        return _listed(account, region, list(found.values()))

    return Question("images", account, (region,), ask, KEPT_SECONDS)


def owner_question(account: AwsAccount, *, region: str, owner: str) -> Question[list[ListedImage]]:
    """The images of an owner, 12 digits, that the account may see, the newest first."""

    def ask() -> list[ListedImage]:
        return _listed(account, region, ec2.list_images(account, region=region, owner=owner, most=MOST))

    return Question("images-of", account, (region, owner), ask, KEPT_SECONDS)


def matching(images: Sequence[ListedImage], terms: Sequence[str]) -> list[ListedImage]:
    """Those of which every term is true: part of the name or the ID, or key=value, a tag and the beginning of what it
    says."""
    return [image for image in images if all(_matches(image, term.casefold()) for term in terms)]


def _matches(image: ListedImage, term: str) -> bool:
    key, tag, value = term.partition("=")
    if tag:
        return any(name.casefold() == key and held.casefold().startswith(value) for name, held in image.tags.items())
    return term in image.Name.casefold() or term in image.ImageId


def _listed(account: AwsAccount, region: str, images: Sequence[Image]) -> list[ListedImage]:
    newest = sorted(images, key=lambda image: image.CreationDate.timestamp() if image.CreationDate else 0, reverse=True)
    return [_row(account, image, readable) for image, readable in _with_snapshots(account, region, newest[:KEPT])]


def _with_snapshots(
    account: AwsAccount, region: str, images: Sequence[Image]
) -> list[tuple[Image, Mapping[str, Snapshot] | None]]:
    """Each image with its snapshots that the account may read, as far as one question asks about others' images: None
    for its own, whose snapshots are its own, and for those beyond."""
    asked: dict[str, list[str]] = {}
    for image in images:
        ids = [volume.SnapshotId for volume in image.volumes if volume.SnapshotId]
        if image.OwnerId != account.account_id and sum(map(len, asked.values())) + len(ids) <= FILTER_VALUES:
            asked[image.ImageId] = ids
    wanted = [each for ids in asked.values() for each in ids]
    found = ec2.source_snapshots(account, region=region, snapshot_ids=wanted) if wanted else {}
    return [(image, found if image.ImageId in asked else None) for image in images]


def _row(account: AwsAccount, image: Image, readable: Mapping[str, Snapshot] | None) -> ListedImage:
    source = Source(image, readable or {})
    found = warnings(source, account_id=account.account_id, now=timezone.now())
    # One that is being made is waited for; what isn't known of snapshots isn't held against it.
    let_pass = {"state"} if image.State in {"pending", "transient"} else set[str]()
    let_pass |= {"unreadable"} if readable is None else set()
    stops = [each.message for each in found if each.stops and each.code not in let_pass]
    return ListedImage(
        ImageId=image.ImageId,
        Name=image.Name,
        OwnerId=image.OwnerId,
        Architecture=image.Architecture,
        PlatformDetails=image.PlatformDetails,
        CreationDate=image.CreationDate,
        size=source.size,
        volumes=len(source.copied),
        encrypted=sum(volume.Encrypted for volume in source.copied),
        own=image.OwnerId == account.account_id,
        Public=image.Public,
        problem=stops[0] if stops else "",
        tags=image.tags,
    )
