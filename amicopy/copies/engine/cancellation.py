"""From CANCELLING to CANCELLED: the image deregistered, its snapshots removed and looked for until none is left."""

import logging
import uuid
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import ec2, errors, sessions
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import aws_removal, backoff, leases, recovery, slots
from amicopy.copies.engine.aws_removal import Removal
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
            _again(copy, lease, pause=timedelta(seconds=30), words="Looking for an image AWS may have made.")
            return
        request_id, removed, left = _remove(copy, image_id, actor=actor) if image_id else ("", [], [])
    except errors.AwsError as error:
        _error(copy, error, lease)
        return
    if left:
        _again(copy, lease, pause=timedelta(seconds=15), words=f"Removing {len(left)} snapshots of the copy.")
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
        waiting_for="",
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


def _error(copy: ImageCopy, error: errors.AwsError, lease: uuid.UUID) -> None:
    """AWS can't or won't: the copy stays CANCELLING, says why, and is tried again."""
    if isinstance(error, errors.CredentialsExpired):
        sessions.forget(copy.account.aws())
    wait = backoff.wait_for(error)
    if wait is None:
        words = f"AWS refuses to remove the image ({error.code}). An administrator may have to help."
        _again(copy, lease, pause=timedelta(minutes=5), words=words)
    else:
        _again(copy, lease, pause=backoff.delay(wait, copy.failures + 1), words=wait.words)


def _again(copy: ImageCopy, lease: uuid.UUID, *, pause: timedelta, words: str) -> None:
    if words != copy.waiting_for:
        CopyRequest.objects.filter(pk=copy.request_id).update(version=F("version") + 1)
    ImageCopy.objects.filter(lease_id=lease).update(waiting_for=words, failures=F("failures") + 1)
    leases.hand_back(lease, next_step_at=timezone.now() + pause)
