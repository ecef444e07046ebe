"""What the attempts at one copy have made at AWS, whatever became of the answers.

Looked for by the mark and by the ids that our own calls returned; by source and name only for copies without a mark and
while an answer is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from amicopy.aws import ec2, errors
from amicopy.aws import marks as aws_marks
from amicopy.aws.shapes import Image
from amicopy.copies.core import absence
from amicopy.copies.core.marks import Mark
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.engine import image_verification

# AWS's clock and ours may differ; an image older than the call by more than this isn't the call's.
CLOCK_SLACK = timedelta(minutes=5)
# AWS does not say how long it remembers a token of CopyImage. Older than this, it is not relied on.
TOKEN_LIFE = timedelta(hours=1)
OVER_BADLY = frozenset({"failed", "invalid", "error"})
AVAILABLE = frozenset({"available", "disabled"})
GONE = frozenset({"deregistered"})
# How an image was found that only resembles the copy's.
BY_SOURCE_AND_NAME = "by source and name"


class Unclear(errors.Rejected):
    """What earlier calls made isn't clear; a person has to look before anything is made."""


@dataclass(frozen=True)
class Found:
    """The images of one copy that AWS shows: `good` are available or on their way, `bad` have failed."""

    good: tuple[Image, ...] = ()
    bad: tuple[Image, ...] = ()
    # How each was found, by id, for the history.
    how: Mapping[str, str] = field(default_factory=dict)


def must_look(copy: ImageCopy, attempt: Attempt, now: datetime) -> bool:
    """Whether something may be there that another call of this attempt would make a second time.

    That is so after an earlier attempt, when AWS may have forgotten the token of a call whose answer was lost, and when
    so much time has passed since the token was made that the row may come from a backup, and the call have been made.
    After `after_restore` that is known, and asked no more.
    """
    if attempt.number > 1 or copy.request.restored_at is not None:
        return True
    if attempt.in_doubt:
        return forgotten(attempt, now)
    return copy.frozen_mark is not None and now - attempt.created_at > TOKEN_LIFE


def forgotten(attempt: Attempt, now: datetime) -> bool:
    """Whether AWS may not know the token of a call any more."""
    return attempt.first_called_at is not None and now - attempt.first_called_at > TOKEN_LIFE


def still_to_come(copy: ImageCopy, attempts: Sequence[Attempt], attempt: Attempt, now: datetime) -> bool:
    """Whether an image of a call whose answer was lost can still turn up, so that a new token may not be used. The call
    of this attempt doesn't count while its token still stands for it. What was called right before a backup was
    restored was lost with its answer."""
    if absence.young(copy.request.restored_at, now):
        return True
    return any(each.may_appear(now) for each in attempts if each.pk != attempt.pk or forgotten(attempt, now))


def look(copy: ImageCopy, attempts: Sequence[Attempt]) -> Found:
    """What these attempts, all that there were at the copy, have made. Raises AwsError."""
    account, region = copy.account.aws(), copy.DestinationRegion
    known = [attempt.ImageId for attempt in attempts if attempt.ImageId]
    how: dict[str, str] = {}
    images = ec2.describe_images(account, region=region, image_ids=known) if known else {}
    how |= dict.fromkeys(images, "by its ID from an earlier attempt")
    mark = copy.frozen_mark
    if mark is not None:
        others = {image.ImageId: image for image in _marked(copy, mark) if image.ImageId not in images}
        how |= dict.fromkeys(others, "by its mark")
    elif copy.request.restored_at is not None or any(attempt.in_doubt for attempt in attempts):
        others = {image.ImageId: image for image in _alike(copy, attempts) if image.ImageId not in images}
        how |= dict.fromkeys(others, BY_SOURCE_AND_NAME)
    else:
        others = {}
    images |= {name: image for name, image in others.items() if name not in _taken(copy, others)}
    there = [image for image in images.values() if image.State not in GONE]
    bad = [image for image in there if image.State in OVER_BADLY]
    return Found(tuple(image for image in there if image not in bad), tuple(bad), how)


def check_result(copy: ImageCopy, image: Image) -> None:
    """Raises Unclear when an image that is finished isn't what was approved, and MayAppear while AWS doesn't show all
    of its snapshots; raises AwsError."""
    ids = [volume.SnapshotId for volume in image.volumes if volume.SnapshotId]
    shown = ec2.describe_snapshots(copy.account.aws(), region=copy.DestinationRegion, snapshot_ids=ids) if ids else {}
    if len(shown) < len(ids):
        raise absence.MayAppear("SnapshotsNotShown", f"AWS doesn't show all snapshots of {image.ImageId} yet.")
    rows = image_verification.compare(copy.parameters, image, list(shown.values()), source=copy.request.source_seen)
    wrong = [row["property"] for row in rows if not row["ok"]]
    if wrong:
        words = f"An earlier attempt made {image.ImageId}, which isn't what was approved: {', '.join(wrong)}."
        raise Unclear("UnclearImage", words)


def unclear(found: Sequence[Image]) -> Unclear:
    """The error for more than one image; a person has to look."""
    ids = ", ".join(sorted(image.ImageId for image in found))
    return Unclear("UnclearImage", f"More than one image could be this copy: {ids}.")


def _marked(copy: ImageCopy, mark: Mark) -> list[Image]:
    """The images with the copy's mark. It can be copied with an image's tags, so the source has to be the copy's."""
    account, region = copy.account.aws(), copy.DestinationRegion
    if "image" in mark.on:
        found = aws_marks.images_marked(account, region=region, key=mark.key, value=mark.value)
    else:
        snapshots = aws_marks.snapshots_marked(account, region=region, key=mark.key, value=mark.value)
        ids = sorted({image_id for snapshot in snapshots if (image_id := ec2.made_for(snapshot))})
        found = list(ec2.describe_images(account, region=region, image_ids=ids).values()) if ids else []
    return [image for image in found if image.SourceImageId in {"", copy.parameters["SourceImageId"]}]


def _alike(copy: ImageCopy, attempts: Sequence[Attempt]) -> list[Image]:
    """The images of the copy's source and name that can have come of a call whose answer was lost, or, in a backup,
    of one since the attempt was stored."""
    parameters = copy.parameters
    found = ec2.find_copies(
        copy.account.aws(),
        region=copy.DestinationRegion,
        source_image_id=parameters["SourceImageId"],
        source_region=parameters["SourceRegion"],
        name=parameters["Name"],
    )
    restored = copy.request.restored_at is not None
    called = [each.first_called_at or each.created_at for each in attempts if each.in_doubt or restored]
    earliest = min(called, default=timezone.now()) - CLOCK_SLACK
    return [image for image in found if image.CreationDate is None or image.CreationDate >= earliest]


def _taken(copy: ImageCopy, found: Mapping[str, Image]) -> set[str]:
    """Those of these images that another copy's call returned."""
    others = Attempt.objects.filter(account=copy.account, DestinationRegion=copy.DestinationRegion, ImageId__in=found)
    return set(others.exclude(copy=copy).values_list("ImageId", flat=True))
