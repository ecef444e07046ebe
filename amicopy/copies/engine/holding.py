"""Why an approved copy waits: the requester's start time, a freeze window, an account that is switched off.

Told when copies are queued, and asked again right before the call, so that a window laid down later holds too.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.approval.rulebook import region_fits
from amicopy.copies.engine import leases
from amicopy.copies.models import Account, CopyRequest, ImageCopy
from amicopy.copies.policy import FreezeWindow
from amicopy.copies.transitions import lock_request

# A window can be ended early and an account switched on again, so what they hold is looked at this often.
LOOK_AGAIN = timedelta(minutes=5)
FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Hold:
    """Why a copy waits, until when as far as that is known, and when to look again."""

    words: str
    until: datetime | None
    look_at: datetime

    def as_dict(self) -> dict[str, str]:
        """For audit rows."""
        return {"waits": self.words, "until": self.until.isoformat() if self.until else ""}


def windows_at(account: Account, *, now: datetime) -> list[FreezeWindow]:
    """The freeze windows that an account is in, for any of its Regions."""
    every_or_own = Q(account__isnull=True) | Q(account=account)
    return list(FreezeWindow.objects.filter(every_or_own, starts_at__lte=now, ends_at__gt=now))


def hold_for(copy: ImageCopy, windows: Iterable[FreezeWindow], *, now: datetime) -> Hold | None:
    """What keeps a copy from starting now, the longest first; None when nothing does. `windows` are those of its
    account. Dry runs make nothing, so windows don't hold them."""
    holds: list[Hold] = []
    wish = copy.request.start_not_before
    if wish is not None and wish > now:
        holds.append(Hold(f"Held: starts at {_time(wish)}, as the requester asked.", wish, wish))
    if not copy.dry_run:
        holds += [
            Hold(
                f"Held: frozen until {_time(window.ends_at)} ({window.name}).",
                window.ends_at,
                min(window.ends_at, now + LOOK_AGAIN),
            )
            for window in windows
            if region_fits(window.DestinationRegion, copy.DestinationRegion)
        ]
    if not copy.account.enabled:
        holds.append(Hold(f"Held: account {copy.account.name} is switched off.", None, now + LOOK_AGAIN))
    return max(holds, key=lambda hold: hold.until or FOR_EVER, default=None)


def hold(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> bool:
    """Hands a leased copy back when it has to wait, with an event when the reason is new. True: it waits."""
    now = timezone.now()
    found = hold_for(copy, windows_at(copy.account, now=now), now=now)
    if found is None:
        return False
    with transaction.atomic():
        request = lock_request(copy.request_id)
        changed = ImageCopy.objects.filter(pk=copy.pk, lease_id=lease, state=copy.state).update(
            waiting_for=found.words, next_step_at=found.look_at, **leases.ENDED
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
                data=found.as_dict(),
            )
    return True


def _time(moment: datetime) -> str:
    return f"{moment:%d %b %Y, %H:%M} UTC"
