"""Why an approved copy waits: the requester's start time, a freeze window, an account that is switched off.

Told when copies are queued, and asked again right before the call, so that a window laid down later holds too.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies import leases
from amicopy.copies.approval.rulebook import region_fits
from amicopy.copies.models import CopyRequest, ImageCopy
from amicopy.copies.policy import FreezeWindow
from amicopy.copies.states import CopyState
from amicopy.copies.transitions import lock_request

# How often a copy whose account is switched off is looked at again.
OFF_FOR = timedelta(minutes=5)
# Every hold's words begin with it; nothing else that a copy waits for does.
HELD = "Held: "


@dataclass(frozen=True)
class Hold:
    """Until when, or when to ask again, and why."""

    until: datetime
    words: str


def hold_for(copy: ImageCopy, *, now: datetime) -> Hold | None:
    """What keeps a copy from starting now, the longest first; None when nothing does. Dry runs make nothing, so
    windows don't hold them."""
    holds: list[Hold] = []
    wish = copy.request.start_not_before
    if wish is not None and wish > now:
        holds.append(Hold(wish, f"{HELD}starts at {_time(wish)}, as the requester asked."))
    if not copy.dry_run:
        windows = FreezeWindow.objects.filter(
            Q(account__isnull=True) | Q(account_id=copy.account_id), starts_at__lte=now, ends_at__gt=now
        )
        holds += [
            Hold(window.ends_at, f"{HELD}frozen until {_time(window.ends_at)} ({window.name}).")
            for window in windows
            if region_fits(window.DestinationRegion, copy.DestinationRegion)
        ]
    if not copy.account.enabled:
        holds.append(Hold(now + OFF_FOR, f"{HELD}account {copy.account.name} is switched off."))
    return max(holds, key=lambda hold: hold.until, default=None)


def hold(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> bool:
    """Hands a leased copy back when it has to wait, with an event when the reason is new. True: it waits."""
    found = hold_for(copy, now=timezone.now())
    if found is None:
        return False
    with transaction.atomic():
        request = lock_request(copy.request_id)
        changed = ImageCopy.objects.filter(pk=copy.pk, lease_id=lease, state=copy.state).update(
            waiting_for=found.words, next_step_at=found.until, **leases.ENDED
        )
        if changed and found.words != copy.waiting_for:
            CopyRequest.objects.filter(pk=request.pk).update(version=F("version") + 1)
            record(
                "copy.held",
                actor=actor,
                request=request.pk,
                copy=copy.pk,
                requester=request.requester_id,
                account=request.account.account_id,
                region=copy.DestinationRegion,
                old=copy.state,
                new=copy.state,
                data={"waits": found.words, "until": found.until.isoformat()},
            )
    return True


def wake() -> int:
    """Makes all held copies due now, after a window was changed or an account switched on; those that still have to
    wait are held again. Returns how many."""
    held = ImageCopy.objects.filter(state__in=(CopyState.QUEUED, CopyState.STARTING), waiting_for__startswith=HELD)
    return held.update(next_step_at=timezone.now())


def _time(moment: datetime) -> str:
    return f"{moment:%d %b %Y, %H:%M} UTC"
