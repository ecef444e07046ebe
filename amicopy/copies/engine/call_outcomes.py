"""What becomes of a copy and its attempt around the call: each outcome a move or a note, under the worker's lease."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import errors, sessions
from amicopy.copies.core import absence
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.core.reasons import NO_WAIT, Code
from amicopy.copies.core.row_values import ValueOfEach
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import backoff, call_buckets, pace
from amicopy.copies.engine.failed_images import Kept
from amicopy.copies.lifecycle.transitions import (
    LEASE_ENDED,
    InvalidTransition,
    Move,
    move_copies,
    move_copy,
    note_copy,
)


@dataclass(frozen=True)
class Made:
    """An image of an attempt: the one AWS's answer names, or one that was found, `how` says by what."""

    copy: ImageCopy
    attempt: Attempt
    actor: Actor
    image_id: str
    request_id: str = ""
    how: str = ""


def starting(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> None:
    if copy.state == CopyState.QUEUED:
        move_copy(copy, CopyState.STARTING, actor=actor, action="copy.starting", lease=lease, **NO_WAIT)


def calling(calls: Sequence[tuple[ImageCopy, Attempt, Actor]], *, lease: uuid.UUID) -> set[int]:
    """Stores that these calls are about to be made, each with its doubt, in one transaction; returns the primary keys
    of the copies that may be called. The others were moved by others, or are no longer under the lease."""
    now = timezone.now()
    with transaction.atomic():
        queued = [Move(copy, actor) for copy, _, actor in calls if copy.state == CopyState.QUEUED]
        again = [copy.pk for copy, _, _ in calls if copy.state == CopyState.STARTING]
        ours = _still_starting(again, lease=lease)
        moved = move_copies(queued, CopyState.STARTING, action="copy.starting", lease=lease, **NO_WAIT)
        ours |= {move.copy.pk for move in moved}
        attempts = [attempt for copy, attempt, _ in calls if copy.pk in ours]
        Attempt.objects.filter(pk__in=[attempt.pk for attempt in attempts]).update(
            in_doubt=True, last_called_at=now, first_called_at=Coalesce("first_called_at", Value(now))
        )
    for attempt in attempts:
        attempt.in_doubt, attempt.last_called_at = True, now
        attempt.first_called_at = attempt.first_called_at or now
    return ours


def _still_starting(keys: Sequence[int], *, lease: uuid.UUID) -> set[int]:
    """Which of these copies, called before, nobody cancelled since they were leased."""
    if not keys:
        return set()
    rows = ImageCopy.objects.filter(pk__in=keys, lease_id=lease, state=CopyState.STARTING)
    return set(rows.values_list("pk", flat=True))


def copying(made: Sequence[Made], *, lease: uuid.UUID) -> list[Made]:
    """Goes on with these images, in one transaction; returns those whose copy was moved by others meanwhile."""
    now, found = timezone.now(), any(each.how for each in made)
    moves = [
        Move(
            each.copy,
            each.actor,
            fields={"ImageId": each.image_id, "called_at": each.attempt.first_called_at or now},
            data={
                "ClientToken": each.attempt.ClientToken,
                "attempt": each.attempt.number,
                "parameters": each.copy.parameters,
                **({"how": each.how} if each.how else {}),
            },
            aws_request_id=each.request_id,
        )
        for each in made
    ]
    with transaction.atomic():
        moved = move_copies(
            moves,
            CopyState.COPYING,
            action="copy.adopted" if found else "copy.copying",
            lease=lease,
            # What was found may be finished; of a call that was just made there is nothing to see yet.
            next_step_at=now if found else now + pace.shortest(),
            failures=0,
            **NO_WAIT,
            **absence.SHOWN,
            **LEASE_ENDED,
        )
        ours = {move.copy.pk for move in moved}
        _answered([each for each in made if each.copy.pk in ours])
    return [each for each in made if each.copy.pk not in ours]


def _answered(made: Sequence[Made]) -> None:
    """Stores in their attempts what these calls made."""
    if not made:
        return
    request_ids = {each.attempt.pk: each.request_id or each.attempt.aws_request_id for each in made}
    Attempt.objects.filter(pk__in=request_ids).update(
        in_doubt=False,
        error_code="",
        ImageId=ValueOfEach(Attempt, "ImageId", {each.attempt.pk: each.image_id for each in made}),
        aws_request_id=ValueOfEach(Attempt, "aws_request_id", request_ids),
    )


def remember(copy: ImageCopy, attempt: Attempt, image_id: str, request_id: str, *, lease: uuid.UUID) -> None:
    with transaction.atomic():
        if ImageCopy.objects.filter(pk=copy.pk, lease_id=lease, ImageId="").update(ImageId=image_id):
            Attempt.objects.filter(pk=attempt.pk).update(
                in_doubt=False, ImageId=image_id, aws_request_id=request_id, error_code=""
            )


def remember_none(
    copy: ImageCopy, attempt: Attempt, error: errors.AwsError, doubt_since: datetime | None, *, lease: uuid.UUID
) -> None:
    """Settles the doubt of a copy that was cancelled during a call of which AWS made nothing: no image of that call has
    to be looked for. Without AWS's word it stays open."""
    if isinstance(error, errors.Unavailable):
        return
    with transaction.atomic():
        ours = ImageCopy.objects.filter(pk=copy.pk, lease_id=lease, state=CopyState.CANCELLING)
        if ours.select_for_update(of=("self",)).values_list("pk"):
            Attempt.objects.filter(pk=attempt.pk).update(
                error_code=error.code, aws_request_id=error.request_id, **_doubt(doubt_since)
            )


def wait_for_another(
    copy: ImageCopy,
    attempt: Attempt,
    error: errors.AwsError,
    wait: backoff.Wait,
    *,
    doubt_since: datetime | None,
    lease: uuid.UUID,
    actor: Actor,
) -> None:
    """Stores when to try again and why; the state stays STARTING, since AWS may have been asked already. Raises
    InvalidTransition when the copy was moved meanwhile, or the lease lost: whoever holds that hands it back."""
    if isinstance(error, errors.CredentialsExpired):
        sessions.forget(copy.account.aws())
    if isinstance(error, errors.Throttled):
        call_buckets.empty(copy.account_id, copy.DestinationRegion)
    failures = copy.failures + 1
    pause = backoff.delay(wait, failures)
    asked = "DeregisterImage" if isinstance(error, Kept) else "CopyImage"
    reason = backoff.because(wait.code, error, action=asked)
    with transaction.atomic():
        if not note_copy(
            copy,
            reason,
            actor=actor,
            action="copy.waiting",
            lease=lease,
            aws_request_id=error.request_id,
            error_code=error.code,
            fields={
                "failures": failures,
                "next_step_at": timezone.now() + pause,
                **_missing(copy, error, wait.code),
                **LEASE_ENDED,
            },
            data={"message": error.message, "tries": failures, "seconds": round(pause.total_seconds(), 1)},
        ):
            raise InvalidTransition(f"The copy to {copy.destination} was moved, or the lease lost.")
        if not isinstance(error, errors.Unavailable):
            # Only AWS's own word settles a call: after anything else its fate stays open.
            Attempt.objects.filter(pk=attempt.pk).update(**_doubt(doubt_since))


# After these nothing is known that wasn't before.
_SAY_NOTHING = (absence.MayAppear, Kept, errors.Unavailable, errors.Throttled, errors.CredentialsExpired)


# What a copy can wait for that AWS doesn't show.
_UNSEEN = {Code.SOURCE_UNSEEN, Code.KEY_UNSEEN}


def _missing(copy: ImageCopy, error: errors.AwsError, code: Code) -> dict[str, Any]:
    """The columns that say since when AWS doesn't show the source, its key, or an earlier image."""
    if isinstance(error, _SAY_NOTHING):
        return {}
    if not isinstance(error, absence.NotShown):
        return absence.SHOWN
    # What was missing before is there again, and this is another thing.
    another = copy.wait_code in _UNSEEN - {code}
    return absence.missed(ImageCopy() if another else copy, timezone.now())


def fail(
    copy: ImageCopy,
    error: errors.AwsError,
    *,
    lease: uuid.UUID,
    actor: Actor,
    attempt: Attempt | None = None,
    doubt_since: datetime | None = None,
) -> None:
    """Ends the copy with AWS's words, or amicopy's. What an earlier call may have made stays in doubt, for a retry."""
    with transaction.atomic():
        move_copy(
            copy,
            CopyState.FAILED,
            actor=actor,
            action="copy.failed",
            lease=lease,
            aws_request_id=error.request_id,
            data={"message": error.message},
            error_code=error.code,
            error_message=error.message,
            error_request_id=error.request_id,
            finished_at=timezone.now(),
            next_step_at=None,
            **NO_WAIT,
            **absence.SHOWN,
            **LEASE_ENDED,
        )
        if attempt is not None:
            Attempt.objects.filter(pk=attempt.pk).update(
                error_code=error.code, aws_request_id=error.request_id, **_doubt(doubt_since)
            )


def _doubt(since: datetime | None) -> dict[str, Any]:
    """The columns of an attempt after an answer that says what became of this call, but not of one made before."""
    return {"in_doubt": False} if since is None else {"in_doubt": True, "last_called_at": since}
