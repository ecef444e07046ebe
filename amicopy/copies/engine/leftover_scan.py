"""Images and snapshots that amicopy made and no request wants: of failed, replaced and cancelled attempts.

Every image amicopy makes has its id stored with its attempt, so leftovers are found from our own rows and then looked
for at AWS. They are reported, and removed only when a person says so: see `clearing`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet

from amicopy.aws import ec2, errors
from amicopy.copies.core.models import Account, Attempt
from amicopy.copies.core.states import COPY_UNFINISHED, CopyState
from amicopy.copies.engine import aws_removal
from amicopy.copies.engine.aws_removal import Removal


@dataclass(frozen=True)
class Leftover:
    """An unwanted image that still exists, or one that is gone (`State` empty) but left snapshots behind."""

    account: Account
    DestinationRegion: str
    request: int
    copy: int
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
        unwanted: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in _unwanted(account):
            unwanted[attempt.DestinationRegion].append(attempt)
        for region, attempts in sorted(unwanted.items()):
            try:
                found += _look(account, region, attempts)
            except errors.AwsError as error:
                unreachable.append(Unreachable(account, region, str(error)))
    return found, unreachable


def _unwanted(account: Account) -> QuerySet[Attempt]:
    """The attempts with an image that is not, or no longer, the copy's result."""
    replaced = ~Q(copy__ImageId=F("ImageId"))
    given_up = Q(copy__state__in=(CopyState.FAILED, CopyState.CANCELLED))
    attempts = Attempt.objects.filter(account=account).exclude(ImageId="").select_related("copy")
    busy = Q(copy__state__in=COPY_UNFINISHED) & Q(copy__ImageId=F("ImageId"))
    return attempts.filter(replaced | given_up).exclude(busy)


def _look(account: Account, region: str, attempts: list[Attempt]) -> list[Leftover]:
    aws = account.aws()
    image_ids = [attempt.ImageId for attempt in attempts]
    images = ec2.describe_images(aws, region=region, image_ids=image_ids)
    made_for = ec2.snapshots_of_copies(aws, region=region, image_ids=image_ids)
    found: list[Leftover] = []
    for attempt in attempts:
        image = images.get(attempt.ImageId)
        snapshots = {snapshot.SnapshotId: snapshot.VolumeSize for snapshot in made_for[attempt.ImageId]}
        there = image is not None and image.State != "deregistered"
        if there or snapshots:
            found.append(
                Leftover(
                    account=account,
                    DestinationRegion=region,
                    request=attempt.copy.request_id,
                    copy=attempt.copy_id,
                    ImageId=attempt.ImageId,
                    State=image.State if image is not None and there else "",
                    snapshots=tuple(sorted(snapshots)),
                    gib=sum(snapshots.values()),
                )
            )
    return found


def unwanted(account: Account, region: str, image_id: str) -> bool:
    """Whether no request wants this image, as our own rows have it now."""
    return _unwanted(account).filter(DestinationRegion=region, ImageId=image_id).exists()


def remove(removal: Removal, snapshots: Iterable[str]) -> str:
    """Deregisters an image and deletes these snapshots, as far as they are still there; returns AWS's last request id.
    Raises AwsError."""
    request_id = aws_removal.deregister(removal).request_id
    for snapshot_id in snapshots:
        request_id = aws_removal.delete_snapshot(removal, snapshot_id)
    return request_id
