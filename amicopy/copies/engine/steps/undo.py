"""Undoing what steps did: the last first, so that an alias stops showing an image before anything else of it goes. What
is the image's own, such as who may launch it, goes with the image; of one that existed before it is undone, too."""

import uuid
from uuid import UUID, uuid5

from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core import absence, source_volumes
from amicopy.copies.core.models import CopyStep, ImageCopy
from amicopy.copies.core.states import StepState
from amicopy.copies.engine.steps.actions import Target
from amicopy.copies.engine.steps.catalogue import CATALOGUE
from amicopy.copies.lifecycle.step_moves import move_step

# A step was never asked for, or is undone.
NOTHING_DONE = frozenset({StepState.WAITING, StepState.UNDONE})


def target_of(step: CopyStep) -> Target:
    """What a step is done to, as its rows say it."""
    copy = step.copy
    image_id, snapshots = copy.ImageId, [row["SnapshotId"] for row in copy.snapshots]
    if copy.existing:
        # Of an AMI that exists both are part of what was approved, and taken from there.
        image_id = copy.parameters["SourceImageId"]
        volumes = source_volumes.copied(copy.request.source_seen.get("volumes") or ())
        snapshots = [each["SnapshotId"] for each in volumes]
    return Target(
        account=copy.account.aws(),
        region=copy.DestinationRegion,
        image_id=image_id,
        snapshots=tuple(snapshots),
        existing=copy.existing,
        request=copy.request_id,
        copy=copy.pk,
        available_at=copy.finished_at or timezone.now(),
        members=step.members,
        before=step.before,
        answer=step.answer,
        token=_token(copy.request.submission, step),
        repeated=step.attempts > 0,
    )


def _token(submission: UUID, step: CopyStep) -> str:
    """The ClientToken of a step: the same whenever it is repeated, and no other step's."""
    return str(uuid5(submission, f"{step.copy_id} {step.code}"))


def undo(copy: ImageCopy, *, actor: Actor) -> bool:
    """Undoes what the steps of a copy did that doesn't go with its image. False: a worker is in the middle of one, or
    what AWS has accepted may still come to light. Raises AwsError."""
    now = timezone.now()
    steps = list(copy.steps.order_by("-position"))
    if any(step.lease_until is not None and step.lease_until > now for step in steps):
        return False
    settled = True
    for step in steps:
        if (
            CATALOGUE[step.code].undoing(existing=copy.existing) is None
            or step.state in NOTHING_DONE
            or not step.attempts
        ):
            continue
        step.copy = copy
        in_doubt = step.state in {StepState.CALLED, StepState.FAILED} and CATALOGUE[step.code].settles is not None
        if in_doubt and absence.young(step.called_at, now) and not _shown(step):
            settled = False
        else:
            undo_step(step, actor=actor)
    return settled


def undo_step(step: CopyStep, *, actor: Actor, lease: uuid.UUID | None = None) -> None:
    """Undoes one step. Raises AwsError; the step then stays as being undone."""
    action = CATALOGUE[step.code]
    if step.state != StepState.UNDOING:
        move_step(step, StepState.UNDOING, actor=actor, lease=lease, data={"before": step.before})
    how = action.undoing(existing=step.copy.existing)
    request_id = how(target_of(step)) if how else ""
    move_step(step, StepState.UNDONE, actor=actor, lease=lease, aws_request_id=request_id, data={"before": step.before})


def _shown(step: CopyStep) -> bool:
    target = target_of(step)
    return CATALOGUE[step.code].fits(CATALOGUE[step.code].read(target), target)
