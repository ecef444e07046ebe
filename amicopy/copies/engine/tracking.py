"""From COPYING to AVAILABLE or FAILED: one DescribeImages and one DescribeSnapshots for all copies of an account and
Region, up to 200 at a time, so that calls to AWS grow with Regions and not with copies.

amicopy never fails a copy because of its own clock: however long AWS takes, the copy stays COPYING.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import ec2, errors, sessions
from amicopy.aws.account import AwsAccount
from amicopy.aws.shapes import Image, Snapshot
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.reasons import NO_WAIT, Code
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import ami_events, backoff, image_outcomes, leases, pace, slots
from amicopy.copies.engine.waits import wait
from amicopy.copies.lifecycle.transitions import InvalidTransition

logger = logging.getLogger(__name__)

# AWS's own limit on values of a filter.
MOST = 200
# AWS refuses to show the images at all.
UNSEEN = backoff.Wait(30, 300, Code.PERMISSION)


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
        images |= _looked_up(copies, images, account)
        snapshots, refused = _snapshots_or_refusal(account, region, copies, images)
    except errors.AwsError as error:
        _round_failed(copies, error, lease=lease, actor=actor)
        return
    still: list[ImageCopy] = []
    for copy in copies:
        image = images.get(copy.ImageId)
        try:
            if image is None:
                finished = image_outcomes.missing(copy, lease=lease, actor=actor)
            else:
                own = [snapshots[sid] for sid in image_outcomes.snapshot_ids(copy, image) if sid in snapshots]
                known = None if refused else own
                finished = image_outcomes.seen(copy, image, known, account, lease=lease, actor=actor)
        except InvalidTransition as moved:
            logger.info("%s", moved)
            continue
        if not finished:
            still.append(copy)
    _store_progress(still, lease=lease)
    if refused:
        reason = backoff.because(Code.PERMISSION, refused, action="DescribeSnapshots")
        for copy in still:
            pause = pace.pause_of(copy, timezone.now(), pushed=source is not None)
            wait(copy, reason, lease=lease, actor=actor, pause=pause)
    else:
        _hand_back(still, lease=lease, pushed=source is not None)
    if len(still) < len(copies):
        slots.freed(copies[0].account_id, region)
        if source is not None:
            ami_events.ended_unheard(source)
    # Rows that were moved meanwhile, by a cancel, still carry the lease.
    leases.hand_back(lease, next_step_at=timezone.now())


def _looked_up(copies: Sequence[ImageCopy], images: Mapping[str, Image], account: AwsAccount) -> dict[str, Image]:
    """Those that AWS's list has left out for so long that they would count as gone, and that AWS shows by their id, as
    it does a disabled image. Raises AwsError but NotFound."""
    found: dict[str, Image] = {}
    for copy in copies:
        if copy.ImageId not in images and copy.seen_at is not None and image_outcomes.counts_as_gone(copy):
            try:
                found[copy.ImageId] = ec2.describe_source(
                    account, region=copy.DestinationRegion, image_id=copy.ImageId, quick=False
                )
            except errors.NotFound as error:
                logger.info("Image %s has stayed away: %s", copy.ImageId, error.code)
    return found


def _snapshots_or_refusal(
    account: AwsAccount, region: str, copies: Sequence[ImageCopy], images: Mapping[str, Image]
) -> tuple[dict[str, Snapshot], errors.Denied | None]:
    """The snapshots of all these copies, or AWS's refusal to show any. Raises every other AwsError."""
    try:
        return _snapshots(account, region, copies, images), None
    except errors.Denied as refusal:
        return {}, refusal


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
        ids = image_outcomes.snapshot_ids(copy, image)
        if not ids and image.RootDeviceType != "instance-store":
            nameless.append(copy)
        wanted += ids
    if nameless:
        made_for = ec2.snapshots_of_copies(account, region=region, image_ids=[copy.ImageId for copy in nameless])
        for copy in nameless:
            own = made_for[copy.ImageId]
            # AWS's description is no proof where there are marks: anybody can write one.
            mark = copy.frozen_mark
            own = [snapshot for snapshot in own if mark is None or mark.fits("snapshot", snapshot.tags)]
            copy.snapshots = [image_outcomes.snapshot_row(snapshot, "") for snapshot in own]
            found.update({snapshot.SnapshotId: snapshot for snapshot in own})
    if wanted:
        found.update(ec2.describe_snapshots(account, region=region, snapshot_ids=wanted))
    return found


def _store_progress(copies: Sequence[ImageCopy], *, lease: uuid.UUID) -> None:
    """Writes what changed of copies still under way and under this lease, in a few statements however many they are."""
    ours = ImageCopy.objects.filter(lease_id=lease)
    stored = ours.in_bulk([copy.pk for copy in copies])
    missed = [copy for copy in copies if copy.pk in stored and copy.missing_looks != stored[copy.pk].missing_looks]
    if missed:
        ours.bulk_update(missed, ["missing_since", "missing_looks"])
    changed = [copy for copy in copies if copy.pk in stored and _shown(copy) != _shown(stored[copy.pk])]
    if not changed:
        return
    # A value of its own for each row is what costs; the other columns are the same in many rows.
    ours.bulk_update(changed, ["snapshots", "progress"])
    by_wait: dict[str, list[ImageCopy]] = {}
    for copy in changed:
        copy.failures = 0
        by_wait.setdefault(copy.wait_code, []).append(copy)
    for alike in by_wait.values():
        columns = alike[0].wait.fields if alike[0].wait else NO_WAIT
        ours.filter(pk__in=[copy.pk for copy in alike]).update(**columns, failures=0)
    seen = [copy.pk for copy in changed if copy.seen_at is not None]
    ours.filter(pk__in=seen, seen_at=None).update(seen_at=timezone.now())
    CopyRequest.objects.filter(pk__in={copy.request_id for copy in changed}).update(version=F("version") + 1)


def _shown(copy: ImageCopy) -> tuple[Any, ...]:
    return (copy.snapshots, copy.progress, copy.seen_at, copy.wait)


def _hand_back(copies: Sequence[ImageCopy], *, lease: uuid.UUID, pushed: bool) -> None:
    """Ends the lease; copies of about the same age are due again together."""
    now = timezone.now()
    by_pause: dict[timedelta, list[ImageCopy]] = {}
    for copy in copies:
        by_pause.setdefault(pace.pause_of(copy, now, pushed=pushed), []).append(copy)
    for pause, group in by_pause.items():
        leases.hand_back(lease, next_step_at=now + pause, copies=group)


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
        # What was cancelled during the look didn't wait with the others.
        leases.hand_back(lease, next_step_at=timezone.now())
        return
    ImageCopy.objects.filter(lease_id=lease).update(failures=failures, **reason.fields)
    CopyRequest.objects.filter(pk__in={copy.request_id for copy in copies}).update(version=F("version") + 1)
    leases.hand_back(lease, next_step_at=timezone.now() + pause)
