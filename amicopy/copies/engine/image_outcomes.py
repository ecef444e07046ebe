"""What a look at a copy's image means for the copy: it is over, or goes on and shows how far it is."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import errors, kms
from amicopy.aws.account import AwsAccount
from amicopy.aws.shapes import Image, Snapshot
from amicopy.copies.core import absence, actual_cost
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.core.reasons import NO_WAIT, Code, Reason
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import image_verification, pace
from amicopy.copies.engine.recovery import AVAILABLE, GONE, OVER_BADLY
from amicopy.copies.engine.waits import wait
from amicopy.copies.lifecycle.transitions import LEASE_ENDED, move_copy

logger = logging.getLogger(__name__)

_DEREGISTERED = "The image was deregistered while it was being copied."
_GONE = "AWS showed the image, and for a long time it has not shown it any more."


def seen(
    copy: ImageCopy,
    image: Image,
    snapshots: Sequence[Snapshot] | None,
    account: AwsAccount,
    *,
    lease: uuid.UUID,
    actor: Actor,
) -> bool:
    """Stores what AWS shows of an image; True when the copy is over. `snapshots` is None where AWS doesn't let them be
    looked at: the image's state doesn't depend on them."""
    if snapshots is None:
        return _seen_alone(copy, image, account, lease=lease, actor=actor)
    devices = {volume.SnapshotId: volume.DeviceName for volume in image.volumes}
    known = {row["SnapshotId"]: row["DeviceName"] for row in copy.snapshots}
    rows = [
        snapshot_row(snapshot, devices.get(snapshot.SnapshotId) or known.get(snapshot.SnapshotId, ""))
        for snapshot in snapshots
    ]
    if image.State in AVAILABLE and len(snapshots) < len(snapshot_ids(copy, image)) and not counts_as_gone(copy):
        return _not_all_shown(copy, image, rows)
    if image.State in AVAILABLE:
        _available(copy, image, snapshots, rows, account, lease=lease, actor=actor)
        return True
    if image.State in OVER_BADLY or image.State in GONE:
        messages = [snapshot.StateMessage for snapshot in snapshots if snapshot.StateMessage]
        gone = image.State in GONE
        message = image.StateReason or " ".join(dict.fromkeys(messages))
        _fail(
            copy,
            "ImageDeregistered" if gone else image.state_reason_code or "ImageFailed",
            message or (_DEREGISTERED if gone else "AWS gave no reason."),
            lease=lease,
            actor=actor,
            snapshots=rows + _left_out(copy, image, rows),
        )
        return True
    if image.State not in {"pending", "transient"}:
        logger.warning("Image %s is in a state amicopy does not know: %s", image.ImageId, image.State)
    copy.snapshots = rows + _left_out(copy, image, rows)
    copy.progress = max(copy.progress, progress_of(rows))
    copy.seen_at = copy.seen_at or timezone.now()
    copy.wait = None
    copy.missing_since, copy.missing_looks = None, 0
    return False


def _seen_alone(copy: ImageCopy, image: Image, account: AwsAccount, *, lease: uuid.UUID, actor: Actor) -> bool:
    """As `seen`, of an image whose snapshots can't be looked at; why the copy waits stays as it is."""
    if image.State in AVAILABLE:
        _available(copy, image, None, copy.snapshots, account, lease=lease, actor=actor)
        return True
    if image.State in OVER_BADLY or image.State in GONE:
        return seen(copy, image, (), account, lease=lease, actor=actor)
    copy.seen_at = copy.seen_at or timezone.now()
    copy.missing_since, copy.missing_looks = None, 0
    return False


def _available(
    copy: ImageCopy,
    image: Image,
    snapshots: Sequence[Snapshot] | None,
    rows: list[dict[str, Any]],
    account: AwsAccount,
    *,
    lease: uuid.UUID,
    actor: Actor,
) -> None:
    verification = image_verification.compare(
        copy.parameters, image, snapshots, source=copy.request.source_seen, key_arn=key_arn(copy, account)
    )
    sizes = None if snapshots is None else [snapshot.FullSnapshotSizeInBytes for snapshot in snapshots]
    cost = actual_cost.of(copy, sizes)
    over = _over(progress=100, snapshots=rows, verification=verification)
    with transaction.atomic():
        move_copy(
            copy,
            CopyState.AVAILABLE,
            actor=actor,
            action="copy.available",
            lease=lease,
            data={"verification": verification, "snapshots": rows, "cost": cost.as_dict()},
            **over,
        )
        actual_cost.keep(copy, cost, at=over["finished_at"])


def missing(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> bool:
    """An image AWS doesn't list. True when it was seen before and has stayed away for so long that the copy is over;
    one that never appears stays COPYING, for a person to look at."""
    gone = counts_as_gone(copy)
    if gone and copy.seen_at is not None:
        _fail(copy, "ImageGone", _GONE, lease=lease, actor=actor)
        return True
    _note_missed(copy)
    if gone:
        _never_shown(copy, lease=lease, actor=actor)
    else:
        copy.wait = Reason(Code.NOT_SHOWN_YET if copy.seen_at is None else Code.MISSING)
    return False


def counts_as_gone(copy: ImageCopy) -> bool:
    """Whether one more look that misses the copy's image makes it gone."""
    return absence.is_fact(copy, timezone.now(), promised_at=copy.called_at)


def progress_of(rows: Sequence[Mapping[str, Any]]) -> int:
    """Whole percent over all snapshots, weighted by GiB; 99 at most, since only AWS's `available` is the end."""
    total = sum(row["VolumeSize"] for row in rows)
    if not total:
        return 0
    return min(99, int(sum(row["VolumeSize"] * row["Progress"] for row in rows) / total))


def snapshot_ids(copy: ImageCopy, image: Image) -> list[str]:
    """The copy's snapshots: those its image names, or, while AWS leaves them out, those seen earlier."""
    named = [volume.SnapshotId for volume in image.volumes if volume.SnapshotId]
    return named or [row["SnapshotId"] for row in copy.snapshots]


def snapshot_row(snapshot: Snapshot, device: str) -> dict[str, Any]:
    return {
        "SnapshotId": snapshot.SnapshotId,
        "DeviceName": device,
        "VolumeSize": snapshot.VolumeSize,
        "Progress": 100 if snapshot.State == "completed" else min(snapshot.Progress, 99),
        "State": snapshot.State,
        "Encrypted": snapshot.Encrypted,
        "KmsKeyId": snapshot.KmsKeyId,
    }


def _not_all_shown(copy: ImageCopy, image: Image, rows: list[dict[str, Any]]) -> bool:
    """The image is available, and AWS doesn't list all its snapshots yet, with which it is to be compared."""
    copy.snapshots = rows + _left_out(copy, image, rows)
    copy.progress, copy.seen_at = 99, copy.seen_at or timezone.now()
    copy.wait = Reason(Code.SNAPSHOTS_UNSEEN)
    _note_missed(copy)
    return False


def _left_out(copy: ImageCopy, image: Image, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The snapshots of the image as they were seen earlier, where this look left them out."""
    shown, own = {row["SnapshotId"] for row in rows}, set(snapshot_ids(copy, image))
    return [row for row in copy.snapshots if row["SnapshotId"] in own - shown]


def _never_shown(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> None:
    """Has a person look for an image that AWS promised and doesn't show; amicopy goes on looking, rarely."""
    now = timezone.now()
    waited = int((now - (copy.called_at or now)).total_seconds())
    reason = Reason(Code.NEVER_SHOWN, {"ImageId": copy.ImageId, "seconds": waited})
    looks = {"missing_since": copy.missing_since, "missing_looks": copy.missing_looks}
    ImageCopy.objects.filter(pk=copy.pk, lease_id=lease).update(**looks)
    wait(copy, reason, lease=lease, actor=actor, pause=pace.SLOWEST)


def _note_missed(copy: ImageCopy) -> None:
    """Notes on the row at hand that a look missed something."""
    for name, value in absence.missed(copy, timezone.now()).items():
        setattr(copy, name, value)


def key_arn(copy: ImageCopy, account: AwsAccount) -> str:
    """The ARN behind the requested key, or empty when none was asked for or KMS doesn't say."""
    key = copy.parameters.get("KmsKeyId")
    if not key:
        return ""
    try:
        return kms.describe_key(account, region=copy.DestinationRegion, key_id=key).Arn
    except errors.AwsError as error:
        logger.info("The key of copy %s can't be compared: %s", copy.pk, error.code)
        return ""


def _fail(
    copy: ImageCopy,
    code: str,
    message: str,
    *,
    lease: uuid.UUID,
    actor: Actor,
    **fields: Any,
) -> None:
    with transaction.atomic():
        move_copy(
            copy,
            CopyState.FAILED,
            actor=actor,
            action="copy.failed",
            lease=lease,
            data={"message": message},
            error_code=code,
            error_message=message,
            **_over(**fields),
        )
        Attempt.objects.filter(copy=copy, ImageId=copy.ImageId).update(error_code=code)


def _over(**fields: Any) -> dict[str, Any]:
    return {
        "finished_at": timezone.now(),
        "next_step_at": None,
        **NO_WAIT,
        **absence.SHOWN,
        **LEASE_ENDED,
        **fields,
    }
