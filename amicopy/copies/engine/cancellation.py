"""From CANCELLING to CANCELLED: the image deregistered, its snapshots removed and looked for until none is left."""

import logging
import uuid
from datetime import timedelta

from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import ec2, errors, sessions
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.reasons import NO_WAIT, Code, Reason
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import aws_removal, backoff, leases, recovery, slots
from amicopy.copies.engine.aws_removal import Removal
from amicopy.copies.engine.waits import wait
from amicopy.copies.lifecycle.transitions import LEASE_ENDED, move_copy

logger = logging.getLogger(__name__)


def claim_next() -> tuple[uuid.UUID, ImageCopy] | None:
    """Leases the next copy that waits for its image to be removed."""
    rows = ImageCopy.objects.filter(state=CopyState.CANCELLING).order_by("next_step_at", "pk")
    lease, copies = leases.claim(rows, now=timezone.now(), most=1)
    return (lease, copies[0]) if copies else None


def cancel(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> None:
    """Removes what a leased copy left at AWS and ends it, or hands it back with the reason it has to wait."""
    try:
        image_id = copy.ImageId or _find(copy)
        if image_id is None:
            looking = Reason(Code.LOOKING_FOR_IMAGE)
            wait(copy, looking, lease=lease, actor=actor, pause=timedelta(seconds=30))
            return
        request_id, removed, left = _remove(copy, image_id, actor=actor) if image_id else ("", [], [])
    except errors.AwsError as error:
        _error(copy, error, lease=lease, actor=actor)
        return
    if left:
        removing = Reason(Code.REMOVING, {"snapshots": left})
        wait(copy, removing, lease=lease, actor=actor, pause=timedelta(seconds=15))
        return
    move_copy(
        copy,
        CopyState.CANCELLED,
        actor=actor,
        action="copy.cancelled",
        lease=lease,
        aws_request_id=request_id,
        data={"removed_snapshots": removed},
        ImageId=image_id,
        finished_at=timezone.now(),
        next_step_at=None,
        **NO_WAIT,
        **LEASE_ENDED,
    )
    slots.freed(copy.account_id, copy.DestinationRegion)


def _find(copy: ImageCopy) -> str | None:
    """The id of the image an unanswered call may have made; empty when there is none, None when it's too early to
    say."""
    attempt = copy.attempts.order_by("-number")[0]
    if attempt.ImageId:
        return str(attempt.ImageId)
    if not attempt.in_doubt:
        return ""
    found = recovery.candidates(copy, attempt)
    if len(found) > 1:
        raise errors.Rejected("UnclearImage", recovery.unclear(found))
    if found:
        return found[0].ImageId
    return None if attempt.may_appear(timezone.now()) else ""


def _remove(copy: ImageCopy, image_id: str, *, actor: Actor) -> tuple[str, list[str], list[str]]:
    """Deregisters and deletes; returns AWS's request id, the snapshots removed and those still there."""
    account, region = copy.account.aws(), copy.DestinationRegion
    ids = {row["SnapshotId"] for row in copy.snapshots}
    ids |= {snapshot.SnapshotId for snapshot in ec2.snapshots_of_copy(account, region=region, image_id=image_id)}
    removal = Removal(actor=actor, copy=copy, account=copy.account, region=region, image_id=image_id)
    answer = aws_removal.deregister(removal)
    ids |= set(answer.snapshots)
    there = ec2.describe_snapshots(account, region=region, snapshot_ids=sorted(ids)) if ids else {}
    left: list[str] = []
    for snapshot_id in sorted(there):
        try:
            aws_removal.delete_snapshot(removal, snapshot_id)
        except errors.Rejected as error:
            logger.warning("Snapshot %s of a cancelled copy can't be removed yet: %s", snapshot_id, error)
            left.append(snapshot_id)
    left += sorted(ec2.describe_snapshots(account, region=region, snapshot_ids=sorted(there))) if there else []
    return answer.request_id, sorted(ids), sorted(set(left))


def _error(copy: ImageCopy, error: errors.AwsError, *, lease: uuid.UUID, actor: Actor) -> None:
    """AWS can't or won't: the copy stays CANCELLING, says why, and is tried again."""
    if isinstance(error, errors.CredentialsExpired):
        sessions.forget(copy.account.aws())
    known = backoff.wait_for(error)
    if known is None:
        refused = backoff.because(Code.REMOVAL_REFUSED, error)
        wait(copy, refused, lease=lease, actor=actor, pause=timedelta(minutes=5))
    else:
        pause = backoff.delay(known, copy.failures + 1)
        wait(copy, backoff.because(known.code, error), lease=lease, actor=actor, pause=pause)
