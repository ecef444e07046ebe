"""Looking at the image of a finished copy when somebody asks: whether it is still there, and still as it was approved.
A worker looks and stores what it found; pages only read."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from amicopy import leases
from amicopy.aws import ec2, errors
from amicopy.copies.core.models import CopyLook, ImageCopy
from amicopy.copies.engine import image_outcomes, image_verification
from amicopy.copies.engine.recovery import GONE
from amicopy.copies.lifecycle.wakeup import nudge


def want(copy: ImageCopy) -> bool:
    """Asks for a look at a copy's image; False where there is none to look at. Asked twice, it is one look."""
    if not copy.ImageId or copy.unfinished:
        return False
    with transaction.atomic():
        CopyLook.objects.update_or_create(copy=copy, defaults={"requested_at": timezone.now()})
        nudge("look_at_copies")
    return True


def wanted(now: datetime) -> QuerySet[CopyLook]:
    """The looks that somebody asked for and nobody takes."""
    return CopyLook.objects.filter(leases.free(now), requested_at__isnull=False)


def claim_next() -> CopyLook | None:
    """Leases the look that was asked for first; None when there is none."""
    now, lease = timezone.now(), uuid.uuid4()
    leases.take(lease, wanted(now).order_by("requested_at"), now=now)
    return CopyLook.objects.select_related("copy__request", "copy__account").filter(lease_id=lease).first()


def hand_back(asked: CopyLook) -> None:
    """Ends the lease of a look that came to nothing; it is wanted as before."""
    CopyLook.objects.filter(lease_id=asked.lease_id).update(lease_id=None, lease_until=None)


def look(asked: CopyLook) -> None:
    """Looks at a leased copy's image and stores what it found. What AWS refuses is a finding, not an error."""
    found: dict[str, Any] = {"State": "", "verification": [], "error": ""}
    try:
        found |= _seen(asked.copy)
    except errors.AwsError as error:
        found["error"] = str(error)
    mine = CopyLook.objects.filter(pk=asked.pk, lease_id=asked.lease_id)
    mine.update(**found, looked_at=timezone.now(), requested_at=None, lease_id=None, lease_until=None)


def _seen(copy: ImageCopy) -> dict[str, Any]:
    """State and comparison of an image; without either where AWS doesn't know it any more."""
    account, region = copy.account.aws(), copy.DestinationRegion
    image = ec2.describe_images(account, region=region, image_ids=[copy.ImageId]).get(copy.ImageId)
    if image is None or image.State in GONE:
        return {}
    ids = [volume.SnapshotId for volume in image.volumes if volume.SnapshotId]
    try:
        snapshots = list(ec2.describe_snapshots(account, region=region, snapshot_ids=ids).values()) if ids else []
    except errors.Denied:
        snapshots = None
    verification = image_verification.compare(
        # Nothing was asked of an AMI that existed before, but that it is the one that was seen.
        {} if copy.existing else copy.parameters,
        image,
        snapshots,
        source=copy.request.source_seen,
        key_arn=image_outcomes.key_arn(copy, account),
    )
    return {"State": image.State, "verification": verification}


def last_of(copy: ImageCopy) -> CopyLook | None:
    """The copy's look, the last one or the one that is asked for; None if nobody ever asked."""
    return CopyLook.objects.filter(copy=copy).first()


def as_dict(look: CopyLook | None) -> Mapping[str, Any] | None:
    """The last look as the record has it; None before the first."""
    if look is None or look.looked_at is None:
        return None
    return {
        "looked_at": look.looked_at.isoformat(),
        "there": bool(look.State),
        "State": look.State,
        "verification": look.verification,
        "error": look.error,
    }
