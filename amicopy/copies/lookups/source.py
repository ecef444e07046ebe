"""The source image as AWS shows it now, and what its copy will lose or may fail at.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/CopyingAMIs.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from amicopy.aws import ec2, errors
from amicopy.aws.account import AwsAccount
from amicopy.aws.partitions import titles
from amicopy.aws.shapes import Image, LaunchPermission, Snapshot, Volume, carried_tags
from amicopy.copies.core import source_volumes
from amicopy.copies.core.parameters import AMI_ID
from amicopy.copies.lookups import async_queries, places
from amicopy.copies.lookups.async_queries import UNASKED, Begin, Missing, Question
from amicopy.copies.voting import fact_words

# What an image is may change. One that isn't there, which is asked for in every Region, is remembered no longer: AWS's
# lists leave out what was made a moment ago.
KEPT_SECONDS = 15


@dataclass(frozen=True)
class Source:
    """`snapshots`: those of its volumes that the account may read, by id. `permissions`: who else may launch it, None
    where AWS doesn't say it, as of an image of somebody else's."""

    image: Image
    snapshots: Mapping[str, Snapshot]
    permissions: Sequence[LaunchPermission] | None = None

    @property
    def shared(self) -> tuple[int, int] | None:
        """With how many accounts, and with how many organizations and their units; None: not known."""
        if self.permissions is None:
            return None
        accounts = sum(bool(each.UserId) for each in self.permissions)
        return accounts, sum(bool(each.OrganizationArn or each.OrganizationalUnitArn) for each in self.permissions)

    @property
    def copied(self) -> list[Volume]:
        return [volume for volume in self.image.volumes if source_volumes.is_copied(vars(volume))]

    @property
    def size(self) -> int:
        """GiB of one copy."""
        return source_volumes.gib(map(vars, self.image.volumes))

    @property
    def unreadable(self) -> list[Volume]:
        return [volume for volume in self.copied if volume.SnapshotId not in self.snapshots]


@dataclass(frozen=True)
class NotThere:
    """AWS shows the account no such image in this Region."""

    ImageId: str
    Region: str


@dataclass(frozen=True)
class Warning:
    """What may surprise about a source; `stops`: AWS will refuse the copy as things are."""

    code: str
    message: str
    stops: bool = False


def askable(account: AwsAccount, *, region: str, image_id: str) -> bool:
    """Whether Region and id have the shape of something AWS can be asked for in this account."""
    return bool(re.fullmatch(AMI_ID, image_id)) and places.is_region(account, region)


def question(account: AwsAccount, *, region: str, image_id: str) -> Question[Source | NotThere]:
    """The image and its readable snapshots; NotThere is an answer too. Ask only what is `askable`."""

    def ask() -> Source | NotThere:
        try:
            image = ec2.describe_source(account, region=region, image_id=image_id)
        except errors.NotFound:
            return NotThere(image_id, region)
        wanted = [volume.SnapshotId for volume in image.volumes if volume.SnapshotId]
        snapshots = ec2.source_snapshots(account, region=region, snapshot_ids=wanted)
        return Source(image, snapshots, _permissions(account, region, image))

    return Question("source", account, (region, image_id), ask, KEPT_SECONDS)


def _permissions(account: AwsAccount, region: str, image: Image) -> list[LaunchPermission] | None:
    """Who may launch an image of the account's own. That it isn't said keeps nothing else of a source back."""
    if image.OwnerId != account.account_id:
        return None
    try:
        return ec2.launch_permissions(account, region=region, image_id=image.ImageId)
    except errors.AwsError:
        return None


def elsewhere(
    account: AwsAccount, *, image_id: str, besides: str, until: float, ask: Begin = async_queries.begin
) -> list[str]:
    """The account's Regions, besides one, in which this image is; as many of them as answer in time."""
    listed = ask(places.regions_question(account))(until)
    if listed is UNASKED:
        # Which Regions there are to ask in is on its way.
        return []
    if isinstance(listed, Missing):
        names = list(titles(account.partition))
    else:
        names = [region.name for region in listed if region.usable]
    waits = {name: ask(question(account, region=name, image_id=image_id)) for name in names if name != besides}
    return [name for name, wait in waits.items() if isinstance(wait(until), Source)]


def warnings(source: Source, *, account_id: str, now: datetime) -> list[Warning]:
    """What the requester and the approver should know about this source; `account_id` is the copying account."""
    image = source.image
    own = image.OwnerId == account_id
    found = []
    if image.State == "disabled":
        found.append(Warning("disabled", "This AMI is disabled. Enable it first; a disabled AMI isn't copied.", True))
    elif image.State != "available":
        found.append(Warning("state", f"This AMI is {image.State}. It must be available when the copy starts.", True))
    if not own:
        found.append(Warning("not-yours", f"This AMI belongs to account {image.OwnerId}. The copy will be yours."))
    if source.unreadable:
        ids = ", ".join(volume.SnapshotId for volume in source.unreadable)
        found.append(
            Warning(
                "unreadable",
                f"The account may not read {ids}. Ask the owner, {image.OwnerId}, to share it with {account_id}.",
                True,
            )
        )
    if not own and (image.ProductCodes or image.UsageOperation not in {"", "RunInstances"}):
        found.append(
            Warning(
                "billing",
                "This AMI has a Marketplace or billing code. Another account's can't be copied: launch an instance and "
                "create an AMI from it.",
                True,
            )
        )
    elif image.ProductCodes:
        found.append(Warning("billing", f"This AMI has the product code {', '.join(image.ProductCodes)}."))
    if image.RootDeviceType == "instance-store":
        found.append(
            Warning(
                "instance-store",
                "This AMI is in S3, not on EBS: its encryption can't change and it needs S3 permissions.",
            )
        )
    if any(snapshot.StorageTier == "archive" for snapshot in source.snapshots.values()):
        found.append(Warning("archived", "A snapshot of this AMI is archived. Restore it first.", True))
    if image.DeprecationTime and image.DeprecationTime <= now:
        found.append(
            Warning(
                "deprecated", f"This AMI is deprecated since {image.DeprecationTime:%-d %b %Y}. Is there a newer one?"
            )
        )
    return found


def not_copied(source: Source) -> list[str]:
    """What AWS leaves behind, in words that end no sentence."""
    image = source.image
    shared = fact_words.shared(*source.shared) if source.shared else ""
    lost = [f"launch permissions of {shared}" if shared else "launch permissions", "tags of the snapshots"]
    if image.DeprecationTime:
        lost.append(f"the deprecation date, {image.DeprecationTime:%-d %b %Y}")
    return lost


def tags_carried(image: Image, *, account_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """The tags that CopyImageTags takes along, and those it leaves: AWS's own, and what another owner didn't share."""
    taken = carried_tags(image.tags, own=image.OwnerId == account_id)
    return taken, {key: value for key, value in image.tags.items() if key not in taken}


def total_bytes(snapshots: Sequence[Snapshot]) -> int | None:
    """How much data the snapshots hold, None where AWS doesn't say it for each."""
    sizes = [snapshot.FullSnapshotSizeInBytes for snapshot in snapshots]
    return sum(sizes) if sizes and all(sizes) else None
