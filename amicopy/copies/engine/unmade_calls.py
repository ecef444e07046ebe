"""What becomes of a copy when AWS made nothing of its call, or didn't answer."""

import uuid
from datetime import datetime

from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import errors
from amicopy.copies.core import absence
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.core.reasons import Code
from amicopy.copies.engine import adoption, backoff, call_outcomes, recovery
from amicopy.copies.lifecycle import source_binding

# While the image of an earlier call may still turn up.
LOOKING = backoff.Wait(30, 60, Code.LOOKING_FOR_IMAGE)


def passing(copy: ImageCopy, error: errors.AwsError) -> errors.AwsError:
    """AWS answers alike for a source that is gone, one still being made, and one that it doesn't show at the moment;
    the latter two are waited for."""
    if isinstance(error, errors.NotFound):
        return source_binding.not_found(copy, error)
    if error.code != "InvalidAMIID.Unavailable":
        return error
    try:
        pending = source_binding.source_pending(copy)
    except errors.AwsError:
        return error
    return errors.NotReady(error.code, error.message, error.request_id) if pending else error


def not_started(
    copy: ImageCopy,
    attempt: Attempt,
    error: errors.AwsError,
    doubt_since: datetime | None,
    *,
    lease: uuid.UUID,
    actor: Actor,
) -> None:
    """AWS made nothing of this call, or didn't answer: waits where that can help, else fails the copy.

    An attempt that was in doubt before stays so: this answer says nothing of the earlier call, which may have made the
    image. It is looked for, and only when a look found nothing and AWS's lists had time to show it does the copy fail.
    """
    wait = backoff.wait_for(error)
    if wait is None and doubt_since is not None and not isinstance(error, recovery.Unclear):
        try:
            if adoption.follow(copy, lease=lease, actor=actor) is None:
                return
        except recovery.Unclear as unclear:
            error = unclear
        except errors.AwsError as unseen:
            error, wait = unseen, backoff.wait_for(unseen) or LOOKING
        else:
            wait = LOOKING if absence.young(doubt_since, timezone.now()) else None
    if wait is None:
        call_outcomes.fail(copy, error, lease=lease, actor=actor, attempt=attempt, doubt_since=doubt_since)
    else:
        call_outcomes.wait_for_another(copy, attempt, error, wait, doubt_since=doubt_since, lease=lease, actor=actor)
