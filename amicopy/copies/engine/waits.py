"""Handing back a leased copy that has to wait. What needs a person is in the history once, and told."""

import uuid
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.reasons import Reason
from amicopy.copies.lifecycle.transitions import LEASE_ENDED, note_copy


def wait(copy: ImageCopy, reason: Reason, *, lease: uuid.UUID, actor: Actor, pause: timedelta) -> None:
    """Ends the lease of one copy and stores why it waits and when it is looked at again; nothing when the lease was
    lost."""
    due = {"next_step_at": timezone.now() + pause, "failures": copy.failures + 1, **LEASE_ENDED}
    if reason.who and reason.code != copy.wait_code:
        note_copy(copy, reason, actor=actor, action="copy.waiting", lease=lease, fields=due)
        return
    if reason != copy.wait:
        CopyRequest.objects.filter(pk=copy.request_id).update(version=F("version") + 1)
    ImageCopy.objects.filter(pk=copy.pk, lease_id=lease).update(**reason.fields, **due)
