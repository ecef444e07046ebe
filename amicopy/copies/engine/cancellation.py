"""From CANCELLING to CANCELLED: what the copy's calls made deregistered, its snapshots removed, and both looked for
until nothing can turn up any more. Of an AMI that existed before only the steps are undone.

AWS's word that something is gone counts at once. That it doesn't know something, or lists nothing, counts once that has
been so for a while: an image can be unknown to every action right after it was made, and become available.
"""

import logging
import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import errors, sessions
from amicopy.copies.core import absence, actual_cost, source_volumes
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.core.reasons import NO_WAIT, Code, Reason
from amicopy.copies.core.states import CopyState, StepState
from amicopy.copies.core.steps.table import PROTECTION
from amicopy.copies.engine import aws_removal, backoff, leases, recovery, slots
from amicopy.copies.engine.aws_removal import Left, Removal
from amicopy.copies.engine.steps import undo
from amicopy.copies.engine.waits import wait
from amicopy.copies.lifecycle.transitions import LEASE_ENDED, move_copy

logger = logging.getLogger(__name__)

# Between two looks for what may turn up, and for snapshots that AWS still shows.
LOOK_AGAIN = timedelta(seconds=30)
SHOWN_AGAIN = timedelta(seconds=15)
# For an image that AWS protects for 24 hours more.
COOLING_AGAIN = timedelta(hours=1)


def claim_next() -> tuple[uuid.UUID, ImageCopy] | None:
    """Leases the next copy that waits for its image to be removed."""
    rows = ImageCopy.objects.filter(state=CopyState.CANCELLING).order_by("next_step_at", "pk")
    lease, copies = leases.claim(rows, now=timezone.now(), most=1)
    return (lease, copies[0]) if copies else None


def cancel(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> None:
    """Removes what a leased copy left at AWS and ends it, or hands it back with the reason it has to wait."""
    attempts = list(copy.attempts.order_by("number"))
    removal = Removal(
        actor=actor, copy=copy, account=copy.account, region=copy.DestinationRegion, answers=dict(copy.removal)
    )
    try:
        if not undo.undo(copy, actor=actor):
            wait(copy, Reason(Code.STEP_WORKING), lease=lease, actor=actor, pause=SHOWN_AGAIN)
            return
        if copy.existing or not attempts:
            # Its steps are undone, and the AMI isn't ours: no call of amicopy's made it.
            _end_steps(copy, lease=lease, actor=actor)
            return
        images, alike = _images(copy, attempts)
        known = [row["SnapshotId"] for row in copy.snapshots]
        left = aws_removal.clear(removal, images=images, snapshots=known, mark=copy.frozen_mark, all_marked=True)
    except errors.AwsError as error:
        _keep(copy, lease, removal=removal.answers)
        _error(copy, error, lease=lease, actor=actor)
        return
    if left.shown:
        _keep(copy, lease, removal=removal.answers, **absence.SHOWN)
        removing = Reason(Code.REMOVING, {"snapshots": list(left.shown)})
        wait(copy, removing, lease=lease, actor=actor, pause=SHOWN_AGAIN)
    elif _may_turn_up(copy, attempts, images, left):
        _keep(copy, lease, removal=removal.answers, **absence.missed(copy, timezone.now()))
        reason = Reason(Code.UNCLEAR_IMAGE, {"images": alike}) if alike else Reason(Code.LOOKING_FOR_IMAGE)
        wait(copy, reason, lease=lease, actor=actor, pause=LOOK_AGAIN)
    else:
        _end(copy, images, removal, alike, lease=lease, actor=actor)


def _images(copy: ImageCopy, attempts: list[Attempt]) -> tuple[list[str], list[str]]:
    """The images that the copy's calls made: those our own calls returned, and those found by the mark. And those that
    only resemble them, which are never removed. Raises AwsError."""
    found = recovery.look(copy, attempts)
    shown = {image.ImageId for image in (*found.good, *found.bad)}
    alike = {name for name in shown if found.how[name] == recovery.BY_SOURCE_AND_NAME}
    returned = {copy.ImageId, *(attempt.ImageId for attempt in attempts)} - {""}
    asked = {name for name in copy.removal if name.startswith("ami-")}
    return sorted(returned | asked | (shown - alike)), sorted(alike)


def _may_turn_up(copy: ImageCopy, attempts: list[Attempt], images: list[str], left: Left) -> bool:
    """Whether something of the copy can still come to light: an image of a call without an answer, what AWS says it
    doesn't know, or snapshots that it hasn't listed yet."""
    now = timezone.now()
    if not images:
        return any(attempt.may_appear(now) for attempt in attempts)
    # Those of an earlier image don't stand for those of a later one.
    if not left.unknown and len(left.snapshots) >= _expected(copy) * len(images):
        return False
    called = [attempt.last_called_at for attempt in attempts if attempt.last_called_at is not None]
    return not absence.is_fact(copy, now, promised_at=max(called, default=copy.called_at))


def _expected(copy: ImageCopy) -> int:
    """How many snapshots the copy has: as many as its source, where that was seen; one at least, where it wasn't."""
    source = copy.request.source_seen
    if not source:
        return 1
    return len(source_volumes.copied(source.get("volumes") or ()))


def _end(
    copy: ImageCopy, images: list[str], removal: Removal, alike: list[str], *, lease: uuid.UUID, actor: Actor
) -> None:
    removed = removal.removed
    with transaction.atomic():
        move_copy(
            copy,
            CopyState.CANCELLED,
            actor=actor,
            action="copy.cancelled",
            lease=lease,
            aws_request_id=removal.request_id,
            data={
                "removed_images": [name for name in removed if name in images],
                "removed_snapshots": [name for name in removed if name not in images],
                **({"left_as_not_ours": alike} if alike else {}),
            },
            ImageId=copy.ImageId or (images[0] if len(images) == 1 else ""),
            removal=removal.answers,
            finished_at=timezone.now(),
            next_step_at=None,
            **NO_WAIT,
            **absence.SHOWN,
            **LEASE_ENDED,
        )
        # Of a copy that was there, with steps still to come.
        actual_cost.ended([(copy.account.account_id, copy.DestinationRegion, copy.ImageId)], at=timezone.now())
    slots.freed(copy.account_id, copy.DestinationRegion)


def _end_steps(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> None:
    """Ends what was asked for an AMI that exists, and says which of its steps stay done."""
    done = copy.steps.filter(state=StepState.DONE).order_by("position").values_list("code", flat=True)
    move_copy(
        copy,
        CopyState.CANCELLED,
        actor=actor,
        action="copy.cancelled",
        lease=lease,
        data={"steps_that_stay": list(done)},
        finished_at=timezone.now(),
        next_step_at=None,
        **NO_WAIT,
        **absence.SHOWN,
        lease_id=None,
        lease_until=None,
    )


def _keep(copy: ImageCopy, lease: uuid.UUID, **fields: Any) -> None:
    """Writes what AWS answered and since when something is missing; nothing when the lease was lost."""
    ImageCopy.objects.filter(pk=copy.pk, lease_id=lease).update(**fields)


def _cools_down(copy: ImageCopy) -> bool:
    """Whether AWS goes on protecting the image for a while after amicopy has ended the protection."""
    ended = copy.steps.filter(code=PROTECTION, state=StepState.UNDONE)
    return bool(copy.approved_steps.get(PROTECTION, {}).get("WithCooldown")) and ended.exists()


def _error(copy: ImageCopy, error: errors.AwsError, *, lease: uuid.UUID, actor: Actor) -> None:
    """AWS can't or won't: the copy stays CANCELLING, says why, and is tried again."""
    if isinstance(error, errors.CredentialsExpired):
        sessions.forget(copy.account.aws())
    known = backoff.wait_for(error)
    if known is None and copy.existing:
        lacking = backoff.because(Code.PERMISSION, error, existing=True)
        wait(copy, lacking, lease=lease, actor=actor, pause=timedelta(minutes=5))
    elif known is None and _cools_down(copy):
        cooling = backoff.because(Code.PROTECTED, error)
        wait(copy, cooling, lease=lease, actor=actor, pause=COOLING_AGAIN)
    elif known is None:
        refused = backoff.because(Code.REMOVAL_REFUSED, error)
        wait(copy, refused, lease=lease, actor=actor, pause=timedelta(minutes=5))
    else:
        pause = backoff.delay(known, copy.failures + 1)
        wait(copy, backoff.because(known.code, error), lease=lease, actor=actor, pause=pause)
