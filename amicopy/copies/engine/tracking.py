"""From COPYING to AVAILABLE or FAILED: one DescribeImages and one DescribeSnapshots for all copies of an account and
Region, up to 200 at a time, so that calls to AWS grow with Regions and not with copies.

amicopy never fails a copy because of its own clock: however long AWS takes, the copy stays COPYING.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import ec2, errors, kms, sessions
from amicopy.aws.account import AwsAccount
from amicopy.aws.shapes import Image, Snapshot
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.reasons import NO_WAIT, Code, Reason
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import ami_events, backoff, image_verification, leases, slots
from amicopy.copies.engine.waits import wait
from amicopy.copies.lifecycle.transitions import LEASE_ENDED, InvalidTransition, move_copy

logger = logging.getLogger(__name__)

# AWS's own limit on values of a filter.
MOST = 200
OVER_BADLY = frozenset({"failed", "invalid", "error"})
GONE = frozenset({"deregistered"})
# AWS refuses to show the images at all.
UNSEEN = backoff.Wait(30, 300, Code.PERMISSION)
# How much rarer looks are while events arrive.
PUSHED_TIMES = 4
# Slow copies are asked for less often, but never less often than this.
SLOWEST = timedelta(minutes=5)


def claim_round() -> tuple[uuid.UUID, list[ImageCopy]] | None:
    """Leases what is due of one account and Region, the longest waiting place first."""
    now = timezone.now()
    copying = ImageCopy.objects.filter(state=CopyState.COPYING)
    first = (
        copying.filter(leases.due(now)).order_by("next_step_at").values_list("account_id", "DestinationRegion").first()
    )
    if first is None:
        return None
    place = copying.filter(account_id=first[0], DestinationRegion=first[1])
    lease, copies = leases.claim(place.order_by("next_step_at", "pk"), now=now, most=MOST)
    return (lease, copies) if copies else None


def track(copies: Sequence[ImageCopy], *, lease: uuid.UUID, actor: Actor) -> None:
    """Looks at leased copies of one account and Region, stores what AWS shows, and hands the lease back."""
    account, region = copies[0].account.aws(), copies[0].DestinationRegion
    source = ami_events.source_of(copies[0].account_id, region)
    try:
        images = ec2.describe_images(account, region=region, image_ids=[copy.ImageId for copy in copies])
        snapshots = _snapshots(account, region, copies, images)
    except errors.AwsError as error:
        _round_failed(copies, error, lease=lease, actor=actor)
        return
    still: list[ImageCopy] = []
    for copy in copies:
        image = images.get(copy.ImageId)
        try:
            if image is None:
                finished = _missing(copy, account, lease=lease, actor=actor)
            else:
                own = [snapshots[sid] for sid in _snapshot_ids(copy, image) if sid in snapshots]
                finished = _seen(copy, image, own, account, lease=lease, actor=actor)
        except InvalidTransition as moved:
            logger.info("%s", moved)
            continue
        if not finished:
            still.append(copy)
    _store_progress(still)
    _hand_back(still, lease=lease, pushed=source is not None)
    if len(still) < len(copies):
        slots.freed(copies[0].account_id, region)
        if source is not None:
            ami_events.ended_unheard(source)
    # Rows that were moved meanwhile, by a cancel, still carry the lease.
    leases.hand_back(lease, next_step_at=timezone.now())


def _snapshot_ids(copy: ImageCopy, image: Image) -> list[str]:
    """The copy's snapshots: those its image names, or, while AWS leaves them out, those seen earlier."""
    named = [volume.SnapshotId for volume in image.volumes if volume.SnapshotId]
    return named or [row["SnapshotId"] for row in copy.snapshots]


def _snapshots(
    account: AwsAccount, region: str, copies: Sequence[ImageCopy], images: Mapping[str, Image]
) -> dict[str, Snapshot]:
    """The snapshots of all these copies in as few calls as there are hundreds of them."""
    wanted: list[str] = []
    found: dict[str, Snapshot] = {}
    nameless: list[ImageCopy] = []
    for copy in copies:
        image = images.get(copy.ImageId)
        if image is None:
            continue
        ids = _snapshot_ids(copy, image)
        if not ids and image.RootDeviceType != "instance-store":
            nameless.append(copy)
        wanted += ids
    if nameless:
        made_for = ec2.snapshots_of_copies(account, region=region, image_ids=[copy.ImageId for copy in nameless])
        for copy in nameless:
            own = made_for[copy.ImageId]
            copy.snapshots = [_snapshot_row(snapshot, "") for snapshot in own]
            found.update({snapshot.SnapshotId: snapshot for snapshot in own})
    if wanted:
        found.update(ec2.describe_snapshots(account, region=region, snapshot_ids=wanted))
    return found


def _snapshot_row(snapshot: Snapshot, device: str) -> dict[str, Any]:
    return {
        "SnapshotId": snapshot.SnapshotId,
        "DeviceName": device,
        "VolumeSize": snapshot.VolumeSize,
        "Progress": 100 if snapshot.State == "completed" else min(snapshot.Progress, 99),
        "State": snapshot.State,
        "Encrypted": snapshot.Encrypted,
        "KmsKeyId": snapshot.KmsKeyId,
    }


def _seen(
    copy: ImageCopy,
    image: Image,
    snapshots: Sequence[Snapshot],
    account: AwsAccount,
    *,
    lease: uuid.UUID,
    actor: Actor,
) -> bool:
    """Stores what AWS shows of an image; True when the copy is over."""
    devices = {volume.SnapshotId: volume.DeviceName for volume in image.volumes}
    known = {row["SnapshotId"]: row["DeviceName"] for row in copy.snapshots}
    rows = [
        _snapshot_row(snapshot, devices.get(snapshot.SnapshotId) or known.get(snapshot.SnapshotId, ""))
        for snapshot in snapshots
    ]
    if image.State == "available" or image.State == "disabled":
        verification = image_verification.compare(
            copy.parameters, image, snapshots, source=copy.request.source_seen, key_arn=_key_arn(copy, account)
        )
        move_copy(
            copy,
            CopyState.AVAILABLE,
            actor=actor,
            action="copy.available",
            lease=lease,
            data={"verification": verification, "snapshots": rows},
            **_over(progress=100, snapshots=rows, verification=verification),
        )
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
            snapshots=rows,
        )
        return True
    if image.State not in {"pending", "transient"}:
        logger.warning("Image %s is in a state amicopy does not know: %s", image.ImageId, image.State)
    copy.snapshots = rows
    copy.progress = max(copy.progress, progress_of(rows))
    copy.seen_at = copy.seen_at or timezone.now()
    copy.wait = None
    return False


_DEREGISTERED = "The image was deregistered while it was being copied."


def progress_of(rows: Sequence[Mapping[str, Any]]) -> int:
    """Whole percent over all snapshots, weighted by GiB; 99 at most, since only AWS's `available` is the end."""
    total = sum(row["VolumeSize"] for row in rows)
    if not total:
        return 0
    return min(99, int(sum(row["VolumeSize"] * row["Progress"] for row in rows) / total))


def _key_arn(copy: ImageCopy, account: AwsAccount) -> str:
    """The ARN behind the requested key, or empty when none was asked for or KMS doesn't say."""
    key = copy.parameters.get("KmsKeyId")
    if not key:
        return ""
    try:
        return kms.describe_key(account, region=copy.DestinationRegion, key_id=key).Arn
    except errors.AwsError as error:
        logger.info("The key of copy %s can't be compared: %s", copy.pk, error.code)
        return ""


def _missing(copy: ImageCopy, account: AwsAccount, *, lease: uuid.UUID, actor: Actor) -> bool:
    """An image AWS doesn't list: not visible yet, or, when it was seen before and AWS says so by id, gone."""
    if copy.seen_at is None:
        copy.wait = Reason(Code.NOT_SHOWN_YET)
        return False
    try:
        ec2.describe_source(account, region=copy.DestinationRegion, image_id=copy.ImageId, quick=False)
    except errors.NotFound as error:
        _fail(copy, "ImageDeregistered", _DEREGISTERED, lease=lease, actor=actor, request_id=error.request_id)
        return True
    except errors.AwsError as error:
        logger.info("Image %s is missing from the list and can't be looked up: %s", copy.ImageId, error.code)
    return False


def _fail(
    copy: ImageCopy,
    code: str,
    message: str,
    *,
    lease: uuid.UUID,
    actor: Actor,
    request_id: str = "",
    **fields: Any,
) -> None:
    move_copy(
        copy,
        CopyState.FAILED,
        actor=actor,
        action="copy.failed",
        lease=lease,
        aws_request_id=request_id,
        data={"message": message},
        error_code=code,
        error_message=message,
        error_request_id=request_id,
        **_over(**fields),
    )


def _over(**fields: Any) -> dict[str, Any]:
    return {
        "finished_at": timezone.now(),
        "next_step_at": None,
        **NO_WAIT,
        **LEASE_ENDED,
        **fields,
    }


def _store_progress(copies: Sequence[ImageCopy]) -> None:
    """Writes what changed of copies still under way, in a few statements however many they are."""
    stored = ImageCopy.objects.in_bulk([copy.pk for copy in copies])
    changed = [copy for copy in copies if copy.pk in stored and _shown(copy) != _shown(stored[copy.pk])]
    if not changed:
        return
    # A value of its own for each row is what costs; the other columns are the same in many rows.
    ImageCopy.objects.bulk_update(changed, ["snapshots", "progress"])
    by_wait: dict[str, list[ImageCopy]] = {}
    for copy in changed:
        copy.failures = 0
        by_wait.setdefault(copy.wait_code, []).append(copy)
    for alike in by_wait.values():
        columns = alike[0].wait.fields if alike[0].wait else NO_WAIT
        ImageCopy.objects.filter(pk__in=[copy.pk for copy in alike]).update(**columns, failures=0)
    seen = [copy.pk for copy in changed if copy.seen_at is not None]
    ImageCopy.objects.filter(pk__in=seen, seen_at=None).update(seen_at=timezone.now())
    CopyRequest.objects.filter(pk__in={copy.request_id for copy in changed}).update(version=F("version") + 1)


def _shown(copy: ImageCopy) -> tuple[Any, ...]:
    return (copy.snapshots, copy.progress, copy.seen_at, copy.wait)


def _hand_back(copies: Sequence[ImageCopy], *, lease: uuid.UUID, pushed: bool) -> None:
    """Ends the lease; copies of about the same age are due again together."""
    now = timezone.now()
    by_pause: dict[timedelta, list[ImageCopy]] = {}
    for copy in copies:
        by_pause.setdefault(_pause(copy, now, pushed=pushed), []).append(copy)
    for pause, group in by_pause.items():
        leases.hand_back(lease, next_step_at=now + pause, copies=group)


def _pause(copy: ImageCopy, now: datetime, *, pushed: bool) -> timedelta:
    """Until the next look: TRACK_SECONDS for the first while, then doubling with the copy's age. Where AWS tells of the
    end by itself (`pushed`), looks only keep the progress on the page."""
    pause = timedelta(seconds=settings.TRACK_SECONDS) * (PUSHED_TIMES if pushed else 1)
    age = now - (copy.called_at or now)
    while age > 30 * pause and pause < SLOWEST:
        pause *= 2
    return min(pause, max(SLOWEST, timedelta(seconds=settings.TRACK_SECONDS)))


def _round_failed(copies: Sequence[ImageCopy], error: errors.AwsError, *, lease: uuid.UUID, actor: Actor) -> None:
    """AWS didn't answer the look. The copies go on at AWS; the page says that their progress is not known now."""
    if isinstance(error, errors.CredentialsExpired):
        sessions.forget(copies[0].account.aws())
    failures = max(copy.failures for copy in copies) + 1
    known = backoff.wait_for(error) or UNSEEN
    pause = backoff.delay(known, failures)
    reason = backoff.because(known.code, error, action="DescribeImages")
    if reason.who:
        for copy in copies:
            wait(copy, reason, lease=lease, actor=actor, pause=pause)
        return
    ImageCopy.objects.filter(lease_id=lease).update(failures=failures, **reason.fields)
    CopyRequest.objects.filter(pk__in={copy.request_id for copy in copies}).update(version=F("version") + 1)
    leases.hand_back(lease, next_step_at=timezone.now() + pause)
