"""From QUEUED to AVAILABLE without a call: an AMI that exists is looked at once more, and its steps begin.

It stays QUEUED while it has to wait, so that it takes no copy's slot. amicopy didn't make it: nothing here, and nothing
that follows, removes it.
"""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import errors, sessions
from amicopy.aws.shapes import Image
from amicopy.copies.core import absence
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.reasons import NO_WAIT
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import backoff, call_checks, call_outcomes, gate, leases
from amicopy.copies.engine.waits import wait
from amicopy.copies.lifecycle import holds, source_binding
from amicopy.copies.lifecycle.transitions import move_copy


def to_begin(now: datetime) -> QuerySet[ImageCopy]:
    """What is approved, due, and not begun."""
    return ImageCopy.objects.filter(leases.due(now), state=CopyState.QUEUED, existing=True)


def claim_next() -> tuple[uuid.UUID, ImageCopy] | None:
    """Leases the AMI that has been due for longest."""
    now = timezone.now()
    lease, rows = leases.claim(to_begin(now).order_by("next_step_at", "pk"), now=now, most=1)
    return (lease, rows[0]) if rows else None


def begin(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> None:
    """Looks whether a leased AMI is what was approved, and has its steps begin; or stores why it waits, or failed.
    Raises InvalidTransition when it was moved meanwhile, or the lease lost."""
    now = timezone.now()
    if holds.hold(copy, holds.windows_at(copy.request, now=now), now=now, lease=lease, actor=actor):
        return
    try:
        call_checks.refuse_broken(copy)
        image = _look(copy)
        gate.check(copy, None)
    except errors.AwsError as error:
        _not_begun(copy, error, lease=lease, actor=actor)
        return
    with transaction.atomic():
        call_outcomes.starting(copy, lease=lease, actor=actor)
        move_copy(
            copy,
            CopyState.AVAILABLE,
            actor=actor,
            action="copy.available",
            lease=lease,
            data={"steps": copy.approved_steps},
            ImageId=image.ImageId,
            snapshots=_snapshots(image),
            progress=100,
            finished_at=timezone.now(),
            next_step_at=None,
            failures=0,
            **NO_WAIT,
            **absence.SHOWN,
            lease_id=None,
            lease_until=None,
        )


def _look(copy: ImageCopy) -> Image:
    """The AMI as AWS shows it now. Raises AwsError where it isn't the one that was approved, or isn't available."""
    shown = source_binding.look(copy)
    source_binding.check_source(copy, shown)
    if isinstance(shown, errors.AwsError):
        raise shown
    if not copy.request.source_seen or shown.OwnerId != copy.account.account_id:
        raise errors.Rejected("NotOwned", f"{shown.ImageId} isn't the account's own: its owner alone changes an AMI.")
    if shown.State != "available":
        raise errors.Rejected("SourceUnavailable", f"{shown.ImageId} is {shown.State} now.")
    return shown


def _snapshots(image: Image) -> list[dict[str, object]]:
    return [
        {
            "SnapshotId": volume.SnapshotId,
            "DeviceName": volume.DeviceName,
            "VolumeSize": volume.VolumeSize,
            "Progress": 100,
            "State": "completed",
        }
        for volume in image.volumes
        if volume.SnapshotId
    ]


def _not_begun(copy: ImageCopy, error: errors.AwsError, *, lease: uuid.UUID, actor: Actor) -> None:
    """Waits where that can help, else it has failed."""
    known = backoff.wait_for(error)
    if known is None:
        with transaction.atomic():
            call_outcomes.starting(copy, lease=lease, actor=actor)
            call_outcomes.fail(copy, error, lease=lease, actor=actor)
        return
    if isinstance(error, errors.CredentialsExpired):
        sessions.forget(copy.account.aws())
    if isinstance(error, absence.NotShown):
        ImageCopy.objects.filter(pk=copy.pk, lease_id=lease).update(**absence.missed(copy, timezone.now()))
    pause = backoff.delay(known, copy.failures + 1)
    wait(copy, backoff.because(known.code, error, action="DescribeImages"), lease=lease, actor=actor, pause=pause)
