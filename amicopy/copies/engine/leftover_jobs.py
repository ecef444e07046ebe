"""Leftovers as a page shows them: looked for by a worker, stored, and removed by a worker once a person has said so.

Looks and removals are claimed by the time until which nobody else begins one, with no lease beside it: a worker knows
its own claim by that very time.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from amicopy import outages
from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.aws import errors
from amicopy.copies.core import absence, actual_cost, permissions
from amicopy.copies.core.engine_models import LeftoverLook, SeenLeftover
from amicopy.copies.core.models import Account, Attempt
from amicopy.copies.engine import backoff, leftover_scan
from amicopy.copies.engine.aws_removal import Removal
from amicopy.copies.lifecycle.wakeup import nudge
from amicopy.leases import LEASE

# Without being asked, a worker looks this often.
EVERY = timedelta(days=1)
# Until AWS is asked again about what it still shows, or says it doesn't know.
LOOK_AGAIN = timedelta(seconds=30)


def ask(actor: Actor) -> None:
    """Has a worker look at every account now. Raises NotAllowed."""
    permissions.check_remove_leftovers(permissions.person(actor))
    with transaction.atomic():
        now = timezone.now()
        for account in Account.objects.filter(enabled=True):
            LeftoverLook.objects.update_or_create(account=account, defaults={"asked_at": now})
        nudge("look_for_leftovers")


def to_look(now: datetime | None = None) -> QuerySet[Account]:
    """The accounts in which a look is due and nobody is looking."""
    now = now or timezone.now()
    asked = Q(leftover_look__asked_at__gt=F("leftover_look__looked_at"))
    old = Q(leftover_look__looked_at__isnull=True) | Q(leftover_look__looked_at__lt=now - EVERY)
    free = Q(leftover_look__claimed_until__isnull=True) | Q(leftover_look__claimed_until__lt=now)
    return Account.objects.filter(asked | old, free, enabled=True)


def look() -> bool:
    """Looks for leftovers in one account that is due, and stores what was found. False: none is due."""
    now = timezone.now()
    account = to_look(now).first()
    if account is None:
        return False
    row, _ = LeftoverLook.objects.get_or_create(account=account)
    free = LeftoverLook.objects.filter(Q(claimed_until__isnull=True) | Q(claimed_until__lt=now), pk=row.pk)
    if free.update(claimed_until=now + LEASE):
        ours = LeftoverLook.objects.filter(pk=row.pk, claimed_until=now + LEASE)
        with outages.handing_back(partial(ours.update, claimed_until=None)):
            _look_in(account, now)
    return True


def _look_in(account: Account, now: datetime) -> None:
    found, unreachable = leftover_scan.find([account])
    dark = [place.DestinationRegion for place in unreachable]
    with transaction.atomic():
        for item in found:
            SeenLeftover.objects.update_or_create(
                account=account,
                DestinationRegion=item.DestinationRegion,
                ImageId=item.ImageId,
                defaults={
                    "copy_id": item.copy,
                    "State": item.State,
                    "snapshots": list(item.snapshots),
                    "gib": item.gib,
                    "seen_at": now,
                },
            )
        # What wasn't found in a place that answered is gone.
        gone = SeenLeftover.objects.filter(account=account, seen_at__lt=now, removing_since__isnull=True)
        gone.exclude(DestinationRegion__in=dark).delete()
        LeftoverLook.objects.filter(account=account).update(
            looked_at=now,
            claimed_until=None,
            unreachable=[{"region": place.DestinationRegion, "error": place.error} for place in unreachable],
        )


def choose(actor: Actor, chosen: Collection[int]) -> list[SeenLeftover]:
    """Has a worker remove these leftovers, with an event for each; returns those that weren't chosen before. Raises
    NotAllowed."""
    permissions.check_remove_leftovers(permissions.person(actor))
    now = timezone.now()
    taken: list[SeenLeftover] = []
    with transaction.atomic():
        for row in SeenLeftover.objects.filter(pk__in=chosen).select_related("account", "copy"):
            free = SeenLeftover.objects.filter(pk=row.pk, removing_since__isnull=True)
            if free.update(removing_since=now, next_try_at=now, tries=0, error=""):
                taken.append(row)
                _record("leftover.chosen", row, actor=actor)
        nudge("remove_leftovers")
    return taken


def to_remove(now: datetime | None = None) -> QuerySet[SeenLeftover]:
    """The chosen leftovers whose removal is due."""
    return SeenLeftover.objects.filter(removing_since__isnull=False, next_try_at__lte=now or timezone.now())


def remove(*, actor: Actor) -> bool:
    """Removes one chosen leftover, or says on it why it can't be removed. False: none is due."""
    now = timezone.now()
    row = to_remove(now).select_related("account", "copy__request").first()
    if row is None:
        return False
    if to_remove(now).filter(pk=row.pk).update(next_try_at=now + LEASE, tries=F("tries") + 1):
        ours = SeenLeftover.objects.filter(pk=row.pk, next_try_at=now + LEASE)
        with outages.handing_back(partial(ours.update, next_try_at=now)):
            _remove(row, now, actor=actor)
    return True


def _remove(row: SeenLeftover, now: datetime, *, actor: Actor) -> None:
    removal = Removal(
        actor=actor, copy=row.copy, account=row.account, region=row.DestinationRegion, answers=dict(row.removal)
    )
    try:
        if not leftover_scan.unwanted(row):
            row.delete()
            return
        left = leftover_scan.remove(removal, row)
    except errors.AwsError as error:
        SeenLeftover.objects.filter(pk=row.pk).update(removal=removal.answers)
        _put_off(row, error, now)
        return
    gone = absence.is_fact(row, now, promised_at=_called_at(row))
    if left.shown or (left.unknown and not gone):
        looks = absence.SHOWN if left.shown else absence.missed(row, now)
        SeenLeftover.objects.filter(pk=row.pk).update(
            removal=removal.answers, error="", next_try_at=now + LOOK_AGAIN, **looks
        )
        return
    with transaction.atomic():
        if SeenLeftover.objects.filter(pk=row.pk).delete()[0]:
            action = "leftover.gone" if left.unknown else "leftover.removed"
            _record(action, row, actor=actor, request_id=removal.request_id)
            actual_cost.ended([(row.account.account_id, row.DestinationRegion, row.ImageId)], at=now)


def _called_at(row: SeenLeftover) -> datetime | None:
    """When AWS was asked to make the image last, as far as a row knows."""
    return Attempt.objects.filter(copy=row.copy).aggregate(at=Max("last_called_at"))["at"] if row.copy else None


def _put_off(row: SeenLeftover, error: errors.AwsError, now: datetime) -> None:
    """Another try later where that can help; otherwise it is left to whoever chose it, with AWS's words."""
    wait = backoff.wait_for(error)
    SeenLeftover.objects.filter(pk=row.pk).update(
        error=str(error),
        removing_since=row.removing_since if wait else None,
        next_try_at=now + backoff.delay(wait, row.tries + 1) if wait else None,
    )


def _record(action: str, row: SeenLeftover, *, actor: Actor, request_id: str = "") -> None:
    record(
        action,
        actor=actor,
        request=row.copy.request_id if row.copy else None,
        copy=row.copy_id,
        account=row.account.account_id,
        region=row.DestinationRegion,
        image_id=row.ImageId,
        aws_request_id=request_id,
        data={"snapshots": row.snapshots, "gib": row.gib},
    )
