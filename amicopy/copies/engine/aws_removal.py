"""Calls that take something away at AWS, each with an event that says what was asked and how it ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from django.db import transaction

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.aws import ec2, errors
from amicopy.aws.ec2 import Deregistered
from amicopy.copies.core.models import Account, ImageCopy

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Removal:
    """An image that amicopy made for a copy, and who has it removed."""

    actor: Actor
    copy: ImageCopy
    account: Account
    region: str
    image_id: str


def deregister(removal: Removal) -> Deregistered:
    """Deregisters the image; its snapshots go with it where AWS can. Raises AwsError."""
    return _told(
        removal,
        "aws.image_deregistered",
        lambda: ec2.deregister_image(removal.account.aws(), region=removal.region, image_id=removal.image_id),
        lambda answer: answer.request_id,
        {"operation": "DeregisterImage"},
    )


def delete_snapshot(removal: Removal, snapshot_id: str) -> str:
    """Deletes one of the image's snapshots and returns AWS's request id. Raises AwsError."""
    return _told(
        removal,
        "aws.snapshot_deleted",
        lambda: ec2.delete_snapshot(removal.account.aws(), region=removal.region, snapshot_id=snapshot_id).request_id,
        lambda request_id: request_id,
        {"operation": "DeleteSnapshot", "SnapshotId": snapshot_id},
    )


def _told(
    removal: Removal,
    action: str,
    call: Callable[[], Answer],
    request_id_of: Callable[[Answer], str],
    data: Mapping[str, str],
) -> Answer:
    try:
        answer = call()
    except errors.AwsError as error:
        said = {**data, "message": error.message}
        _record(removal, "aws.refused", said, request_id=error.request_id, code=error.code)
        raise
    _record(removal, action, data, request_id=request_id_of(answer))
    return answer


def _record(removal: Removal, action: str, data: Mapping[str, str], *, request_id: str, code: str = "") -> None:
    with transaction.atomic():
        record(
            action,
            actor=removal.actor,
            request=removal.copy.request_id,
            copy=removal.copy.pk,
            requester=removal.copy.request.requester_id,
            account=removal.account.account_id,
            region=removal.region,
            image_id=removal.image_id,
            aws_request_id=request_id,
            error_code=code,
            data=data,
        )
