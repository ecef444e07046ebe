"""Taking away at AWS what amicopy made, each step with an event that says what AWS answered and nothing more.

Only what is named here by id is ever removed: images that our own calls returned or that carry the copy's mark, their
own snapshots, and snapshots with that mark.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.aws import ec2, errors, image_changes
from amicopy.aws import marks as aws_marks
from amicopy.aws.shapes import Snapshot
from amicopy.copies.core.marks import Mark
from amicopy.copies.core.models import Account, ImageCopy

logger = logging.getLogger(__name__)

# What is kept of an answer by which AWS removed the thing; otherwise it is AWS's code.
DONE = "done"
# AWS's word that something is gone, which counts at once; "not found" isn't one.
SETTLED = frozenset({DONE, "InvalidAMIID.Unavailable"})


@dataclass
class Removal:
    """Who removes what, and AWS's last answers by id, which the caller keeps for the next time. `copy` is None for what
    no row knows; `request_id` is that of the last call AWS carried out."""

    actor: Actor
    copy: ImageCopy | None
    account: Account
    region: str
    answers: dict[str, str] = field(default_factory=dict)
    request_id: str = ""

    @property
    def number(self) -> int | None:
        """The number of the request that it is about, for the session's name."""
        return self.copy.request_id if self.copy else None

    def settled(self, resource_id: str) -> bool:
        """Whether AWS has said that this image or snapshot is gone."""
        return self.answers.get(resource_id) in SETTLED

    @property
    def removed(self) -> list[str]:
        """What AWS has said is gone."""
        return sorted(name for name in self.answers if self.settled(name))


@dataclass(frozen=True)
class Left:
    """What isn't known to be gone after AWS was asked: snapshots that it still shows, and what it says it doesn't know,
    which only time can tell from something that is gone. `snapshots` are all that were found."""

    shown: tuple[str, ...]
    unknown: tuple[str, ...]
    snapshots: frozenset[str]


def clear(
    removal: Removal,
    *,
    images: Collection[str],
    snapshots: Collection[str],
    mark: Mark | None,
    all_marked: bool = False,
) -> Left:
    """Deregisters these images and deletes their snapshots: those given, and those that AWS's description says were
    made for one of the images and that carry the `mark`, if there is one; with `all_marked` whatever carries it, which
    are the snapshots of all attempts. Raises AwsError; `removal.answers` then has what was answered before."""
    search = partial(_snapshots_of, removal, images, mark, all_marked=all_marked)
    for image_id in images:
        if not removal.settled(image_id):
            deregister(removal, image_id)
    answered = (name for name in removal.answers if name.startswith("snap-"))
    found = {*snapshots, *answered, *search()}
    refused = {snapshot_id for snapshot_id in sorted(found) if not _deleted(removal, snapshot_id)}
    # Looked for again: what AWS left when it removed the image may only be listed now.
    again = search()
    account, known = removal.account.aws(), sorted(found.union(again))
    shown = set(ec2.describe_snapshots(account, region=removal.region, snapshot_ids=known)) if known else set()
    shown |= set(again) | refused
    open_ones = {name for name in (*images, *found) if not removal.settled(name)}
    return Left(tuple(sorted(shown)), tuple(sorted(open_ones - shown)), frozenset(found.union(again)))


def deregister(removal: Removal, image_id: str) -> None:
    """Deregisters an image; its snapshots go with it where AWS can. Raises AwsError when AWS refuses or doesn't
    answer."""
    data = {"operation": "DeregisterImage"}
    try:
        answer = ec2.deregister_image(
            removal.account.aws(), region=removal.region, image_id=image_id, for_request=removal.number
        )
    except errors.AwsError as error:
        _refused(removal, image_id, image_id, error, data)
        raise
    if answer.outcome == "done" and answer.snapshots:
        data["DeleteSnapshotResults"] = dict(answer.snapshots)  # type: ignore[assignment]  # JSON takes both
    _answered(removal, image_id, image_id, answer, "aws.image_deregistered", data)
    removal.answers |= {name: DONE for name, code in answer.snapshots.items() if code == "success"}


def unprotect(removal: Removal, image_id: str) -> None:
    """Ends what keeps an image from being deregistered. Raises AwsError when AWS refuses or doesn't answer."""
    request_id = image_changes.unprotect(
        removal.account.aws(), region=removal.region, image_id=image_id, for_request=removal.number
    )
    data = {"operation": "DisableImageDeregistrationProtection"}
    _record(removal, "aws.image_unprotected", data, image_id=image_id, request_id=request_id)


def delete_snapshot(removal: Removal, snapshot_id: str) -> None:
    """Deletes a snapshot. Raises AwsError when AWS refuses or doesn't answer."""
    data = {"operation": "DeleteSnapshot", "SnapshotId": snapshot_id}
    try:
        answer = ec2.delete_snapshot(
            removal.account.aws(), region=removal.region, snapshot_id=snapshot_id, for_request=removal.number
        )
    except errors.AwsError as error:
        _refused(removal, snapshot_id, "", error, data)
        raise
    _answered(removal, snapshot_id, "", answer, "aws.snapshot_deleted", data)


def _deleted(removal: Removal, snapshot_id: str) -> bool:
    """Deletes a snapshot that AWS hasn't said is gone; False when AWS refuses it now, as while its image is there.
    Raises AwsError when amicopy may not."""
    try:
        if not removal.settled(snapshot_id):
            delete_snapshot(removal, snapshot_id)
    except errors.Denied:
        raise
    except errors.Rejected as error:
        logger.warning("Snapshot %s can't be removed yet: %s", snapshot_id, error)
        return False
    return True


def _snapshots_of(
    removal: Removal, images: Collection[str], mark: Mark | None, *, all_marked: bool
) -> dict[str, Snapshot]:
    """The snapshots that AWS lists for these images or with the mark. A description is no proof where there are marks:
    anybody can write one."""
    account, region = removal.account.aws(), removal.region
    made = ec2.snapshots_of_copies(account, region=region, image_ids=sorted(images)).values() if images else ()
    found = {snapshot.SnapshotId: snapshot for each in made for snapshot in each}
    if mark is not None:
        found = {name: snapshot for name, snapshot in found.items() if mark.fits("snapshot", snapshot.tags)}
        if all_marked and "snapshot" in mark.on:
            listed = aws_marks.snapshots_marked(account, region=region, key=mark.key, value=mark.value)
            found |= {snapshot.SnapshotId: snapshot for snapshot in listed}
    return found


def _answered(
    removal: Removal,
    resource_id: str,
    image_id: str,
    answer: ec2.Deregistered | ec2.SnapshotDeleted,
    action: str,
    data: Mapping[str, Any],
) -> None:
    """Keeps an answer that was no refusal, and records it unless AWS says again what it said before."""
    if answer.outcome == "done":
        removal.answers[resource_id], removal.request_id = DONE, answer.request_id
        _record(removal, action, data, image_id=image_id, request_id=answer.request_id)
    elif not removal.settled(resource_id) and removal.answers.get(resource_id) != answer.code:
        removal.answers[resource_id] = answer.code
        said = {**data, "message": answer.message}
        _record(removal, "aws.answered", said, image_id=image_id, request_id=answer.request_id, code=answer.code)


def _refused(
    removal: Removal, resource_id: str, image_id: str, error: errors.AwsError, data: Mapping[str, Any]
) -> None:
    """Keeps and records a refusal, once; an outage or a limit of calls is none."""
    if isinstance(error, errors.Rejected) and removal.answers.get(resource_id) != error.code:
        removal.answers[resource_id] = error.code
        said = {**data, "message": error.message}
        _record(removal, "aws.refused", said, image_id=image_id, request_id=error.request_id, code=error.code)


def _record(
    removal: Removal, action: str, data: Mapping[str, Any], *, image_id: str, request_id: str, code: str = ""
) -> None:
    copy = removal.copy
    with transaction.atomic():
        record(
            action,
            actor=removal.actor,
            request=copy.request_id if copy else None,
            copy=copy.pk if copy else None,
            requester=copy.request.requester_id if copy else None,
            account=removal.account.account_id,
            region=removal.region,
            image_id=image_id,
            aws_request_id=request_id,
            error_code=code,
            data=data,
        )
