"""Images and snapshots that amicopy made and no request wants: of failed, replaced and cancelled attempts, and what no
row knows since a backup was restored.

Every image amicopy makes has its id stored with its attempt and carries the installation's mark, so leftovers are found
from our own rows and by the mark. They are reported, and removed only when a person says so: see `leftover_jobs`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import F, Q, QuerySet

from amicopy.aws import ec2, errors
from amicopy.aws import marks as aws_marks
from amicopy.aws.shapes import Image
from amicopy.copies.core import marks
from amicopy.copies.core.engine_models import RegionCheck, SeenLeftover
from amicopy.copies.core.installation import mark_prefix
from amicopy.copies.core.marks import Mark
from amicopy.copies.core.models import Account, Attempt, ImageCopy
from amicopy.copies.core.states import COPY_UNFINISHED, CopyState
from amicopy.copies.core.steps.table import PROTECTION
from amicopy.copies.engine import aws_removal
from amicopy.copies.engine.aws_removal import Left, Removal
from amicopy.copies.engine.recovery import GONE

# AWS's code for an image that is protected from deregistration.
PROTECTED = "OperationNotPermitted"


@dataclass(frozen=True)
class Leftover:
    """An unwanted image that still exists, or one that is gone (`State` empty) but left snapshots behind. `request` and
    `copy` are None where no row knows it."""

    account: Account
    DestinationRegion: str
    request: int | None
    copy: int | None
    ImageId: str
    State: str
    snapshots: tuple[str, ...]
    gib: int


@dataclass(frozen=True)
class Unreachable:
    """A place that could not be looked at, and why."""

    account: Account
    DestinationRegion: str
    error: str


def find(accounts: Iterable[Account]) -> tuple[list[Leftover], list[Unreachable]]:
    """Looks at AWS for what is left over in these accounts. Never raises for a place that doesn't answer."""
    found: list[Leftover] = []
    unreachable: list[Unreachable] = []
    for account in accounts:
        by_region: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in _unwanted(account):
            by_region[attempt.DestinationRegion].append(attempt)
        for region in sorted(_places(account) | set(by_region)):
            try:
                found += _look(account, region, by_region[region])
            except errors.AwsError as error:
                unreachable.append(Unreachable(account, region, str(error)))
    return found, unreachable


def _places(account: Account) -> set[str]:
    """Where this installation may have made something in the account, as far as marks can tell."""
    if not settings.MARK_TAG_KEY:
        return set()
    copied_to = ImageCopy.objects.filter(account=account).order_by().values_list("DestinationRegion", flat=True)
    open_ones = RegionCheck.objects.filter(account=account, enabled=True, reachable=True)
    return {*copied_to.distinct(), *open_ones.values_list("Region", flat=True)}


def _unwanted(account: Account) -> QuerySet[Attempt]:
    """The attempts with an image that is not, or no longer, the copy's result."""
    replaced = ~Q(copy__ImageId=F("ImageId"))
    given_up = Q(copy__state__in=(CopyState.FAILED, CopyState.CANCELLED))
    attempts = Attempt.objects.filter(account=account).exclude(ImageId="").select_related("copy")
    busy = Q(copy__state__in=COPY_UNFINISHED) & Q(copy__ImageId=F("ImageId"))
    return attempts.filter(replaced | given_up).exclude(busy)


def _look(account: Account, region: str, attempts: list[Attempt]) -> list[Leftover]:
    aws = account.aws()
    copies: dict[str, ImageCopy | None] = {attempt.ImageId: attempt.copy for attempt in attempts}
    images = ec2.describe_images(aws, region=region, image_ids=list(copies)) if copies else {}
    for image in _marked(account, region):
        if image.ImageId not in copies:
            wanted, copy = _wanted(account, region, image)
            if not wanted:
                copies[image.ImageId], images[image.ImageId] = copy, image
    made_for = ec2.snapshots_of_copies(aws, region=region, image_ids=list(copies)) if copies else {}
    found: list[Leftover] = []
    for image_id, copy in copies.items():
        listed = images.get(image_id)
        mark = copy.frozen_mark if copy else _mark_on(listed)
        own = [each for each in made_for[image_id] if mark is None or mark.fits("snapshot", each.tags)]
        snapshots = {snapshot.SnapshotId: snapshot.VolumeSize for snapshot in own}
        there = listed is not None and listed.State not in GONE
        if there or snapshots:
            found.append(
                Leftover(
                    account=account,
                    DestinationRegion=region,
                    request=copy.request_id if copy else None,
                    copy=copy.pk if copy else None,
                    ImageId=image_id,
                    State=listed.State if listed is not None and there else "",
                    snapshots=tuple(sorted(snapshots)),
                    gib=sum(snapshots.values()),
                )
            )
    return found


def _marked(account: Account, region: str) -> list[Image]:
    """The images with a mark of this installation."""
    if not settings.MARK_TAG_KEY:
        return []
    return aws_marks.images_marked(
        account.aws(), region=region, key=settings.MARK_TAG_KEY, value=mark_prefix(), beginning=True
    )


def _mark_on(image: Image | None) -> Mark | None:
    value = image.tags.get(settings.MARK_TAG_KEY, "") if image else ""
    return Mark(settings.MARK_TAG_KEY, value, marks.KINDS) if value else None


def _installations_mark() -> Mark | None:
    """What everything carries that amicopy made with a mark, whatever copy it was for."""
    return Mark(settings.MARK_TAG_KEY, mark_prefix(), marks.KINDS, beginning=True) if settings.MARK_TAG_KEY else None


def _wanted(account: Account, region: str, image: Image) -> tuple[bool, ImageCopy | None]:
    """Whether a marked image has to stay, and the copy it was made for, if a row knows it.

    An image has to stay that is a copy's result, that a copy under way may still find, and that isn't amicopy's: a mark
    can be copied with an image's tags, and then the source is another than the copy's.
    """
    if Attempt.objects.filter(account=account, DestinationRegion=region, ImageId=image.ImageId).exists():
        # Whoever made it is known, and `_unwanted` says whether it is wanted.
        return True, None
    mark = image.tags.get(settings.MARK_TAG_KEY, "")
    made = ImageCopy.objects.filter(account=account, DestinationRegion=region, mark=mark).order_by("-round").first()
    if made is None:
        return _copy_of_ours(account, image), None
    foreign = image.SourceImageId not in {"", made.parameters["SourceImageId"]}
    to_come = made.unfinished or made.state == CopyState.HELD
    return foreign or to_come or made.ImageId == image.ImageId, made


def _copy_of_ours(account: Account, image: Image) -> bool:
    """Whether an image was copied, with its tags, from one that amicopy made."""
    return bool(image.SourceImageId) and Attempt.objects.filter(account=account, ImageId=image.SourceImageId).exists()


def unwanted(row: SeenLeftover) -> bool:
    """Whether no request wants this image, as our own rows have it now, and for one that no row knows, as AWS shows its
    mark. Raises AwsError."""
    known = Attempt.objects.filter(account=row.account, DestinationRegion=row.DestinationRegion, ImageId=row.ImageId)
    if known.exists():
        mine = _unwanted(row.account).filter(DestinationRegion=row.DestinationRegion, ImageId=row.ImageId)
        return mine.exists()
    found = {image.ImageId: image for image in _marked(row.account, row.DestinationRegion)}
    image = found.get(row.ImageId)
    if image is None:
        # Not listed now: it is asked for again, by its id, only if amicopy was asked to remove it before.
        return row.ImageId in row.removal
    return not _wanted(row.account, row.DestinationRegion, image)[0]


def remove(removal: Removal, row: SeenLeftover) -> Left:
    """Deregisters a leftover's image and deletes its snapshots; returns what isn't known to be gone. Raises
    AwsError."""
    images = [row.ImageId] if row.State else []
    mark = row.copy.frozen_mark if row.copy else _installations_mark()
    try:
        return aws_removal.clear(removal, images=images, snapshots=row.snapshots, mark=mark)
    except errors.Rejected as error:
        # By a step of amicopy's, which a restored backup may know nothing of; nobody else's protection is ended.
        if error.code != PROTECTED or not row.copy or PROTECTION not in row.copy.approved_steps:
            raise
        aws_removal.unprotect(removal, row.ImageId)
        return aws_removal.clear(removal, images=images, snapshots=row.snapshots, mark=mark)
