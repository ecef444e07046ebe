"""Why an approved copy waits: the moment in which the approval can be taken back, the requester's start time, a freeze
window, an account that is switched off.

Told when copies are queued, and asked again right before the call, so that a window laid down later holds too.
"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings

from amicopy.audit.actor import Actor
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.policy_models import FreezeWindow
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.lifecycle.transitions import LEASE_ENDED, InvalidTransition, note_copy
from amicopy.copies.voting import lone_changes
from amicopy.copies.voting.rulebook import region_fits

# A window can be ended early and an account switched on again, so what they hold is looked at this often.
LOOK_AGAIN = timedelta(minutes=5)
FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Hold:
    """Why a copy waits, until when as far as that is known, and when to look again."""

    reason: Reason
    until: datetime | None
    look_at: datetime

    def as_dict(self) -> dict[str, str]:
        """For audit rows."""
        return {**self.reason.as_dict(), "until": self.until.isoformat() if self.until else ""}


def windows_at(request: CopyRequest, *, now: datetime) -> list[FreezeWindow]:
    """The freeze windows that a request's account is in, for any of its Regions, and those that its requester lifted
    alone."""
    return windows_of([request], now=now)[request.pk]


def windows_of(requests: Collection[CopyRequest], *, now: datetime) -> dict[int, list[FreezeWindow]]:
    """The same for many requests, by their numbers; as a rule in two statements for all of them."""
    if not requests:
        return {}
    windows = list(FreezeWindow.objects.filter(starts_at__lte=now, ends_at__gt=now))
    lifted = lone_changes.windows_before({_whose(request) for request in requests}, now=now)
    return {
        request.pk: [
            *(window for window in windows if window.account_id in (None, request.account_id)),
            *lifted[_whose(request)],
        ]
        for request in requests
    }


def _whose(request: CopyRequest) -> tuple[int, int]:
    return request.requester_id, request.account_id


def undo_until(request: CopyRequest) -> datetime | None:
    """Until when the last approval of a request can be taken back, and nothing of it starts; None where nobody can.

    An approval in an emergency starts at once, and so does what nobody had to approve.
    """
    return None if request.decided_at is None or request.break_glass else undo_time(request.decided_at)


def undo_time(decided_at: datetime) -> datetime | None:
    """Until when an approval of this moment can be taken back; None where the setting says never."""
    seconds = settings.APPROVAL_UNDO_SECONDS
    return decided_at + timedelta(seconds=seconds) if seconds else None


def hold_for(copy: ImageCopy, windows: Iterable[FreezeWindow], *, now: datetime) -> Hold | None:
    """What keeps a copy from starting now, the longest first; None when nothing does. `windows` are those of its
    request. Dry runs make nothing, so windows don't hold them."""
    holds: list[Hold] = []
    undo = undo_until(copy.request)
    if undo is not None and undo > now:
        holds.append(Hold(Reason(Code.UNDO, {"until": undo.isoformat()}), undo, undo))
    wish = copy.request.start_not_before
    if wish is not None and wish > now:
        holds.append(Hold(Reason(Code.START_TIME, {"until": wish.isoformat()}), wish, wish))
    if not copy.dry_run:
        holds += [
            Hold(
                Reason(Code.FROZEN, {"until": window.ends_at.isoformat(), "window": window.name}),
                window.ends_at,
                min(window.ends_at, now + LOOK_AGAIN),
            )
            for window in windows
            if region_fits(window.DestinationRegion, copy.DestinationRegion)
        ]
    if not copy.account.enabled:
        holds.append(Hold(Reason(Code.ACCOUNT_OFF, {"account": copy.account.name}), None, now + LOOK_AGAIN))
    return max(holds, key=lambda hold: hold.until or FOR_EVER, default=None)


def hold(copy: ImageCopy, windows: Iterable[FreezeWindow], *, now: datetime, lease: uuid.UUID, actor: Actor) -> bool:
    """Hands a leased copy back when it has to wait, with an event when the reason is new; `windows` are those of its
    request. True: it waits. Raises InvalidTransition when it was moved meanwhile, or the lease lost."""
    found = hold_for(copy, windows, now=now)
    if found is None:
        return False
    if found.reason == copy.wait:
        same = ImageCopy.objects.filter(pk=copy.pk, lease_id=lease, state=copy.state)
        noted = bool(same.update(next_step_at=found.look_at, **LEASE_ENDED))
    else:
        noted = note_copy(
            copy,
            found.reason,
            actor=actor,
            action="copy.held",
            lease=lease,
            fields={"next_step_at": found.look_at, **LEASE_ENDED},
            data=found.as_dict(),
        )
    if not noted:
        raise InvalidTransition(f"The copy to {copy.destination} was moved, or the lease lost.")
    return True
