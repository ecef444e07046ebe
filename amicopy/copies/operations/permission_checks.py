"""Checking permissions before a request is submitted: somebody asks, and a worker makes the dry runs and stores what
AWS says. The web server may not copy, so that AWS's answer to it would say nothing; and its pages only read.
"""

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from amicopy import leases
from amicopy.aws import errors
from amicopy.aws.account import AwsAccount
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, PermissionCheck
from amicopy.copies.lifecycle.wakeup import nudge
from amicopy.copies.lookups import dry_run
from amicopy.copies.lookups.async_queries import OF_PERSON_A_MINUTE, TOO_MANY, UNASKED, Missing, words_of
from amicopy.copies.lookups.dry_run import Permission

# Dry runs at the same time, and in one lease: each is given up after a few seconds.
AT_ONCE, MOST = 8, 16
MINUTE = timedelta(minutes=1)
NOBODY = Missing("No worker has answered yet. Check again in a minute.")


def ask(
    person: User, asked: uuid.UUID | None, account: Account, calls: Sequence[Call], *, last: bool
) -> tuple[uuid.UUID | None, list[Permission | Missing]]:
    """What a page shows: the answers to the question it `asked` before, if that was about these calls, or a new one's;
    UNASKED while one isn't known. `last`: the page doesn't come back."""
    found = _answers(person, asked, account, calls)
    if found is None:
        asked = want(person, account, calls)
        found = [UNASKED if asked else TOO_MANY] * len(calls)
    return asked, [NOBODY if last and each is UNASKED else each for each in found]


def want(person: User, account: Account, calls: Sequence[Call]) -> uuid.UUID | None:
    """Has a worker ask about these calls; returns what the question is called, None when it is one too many."""
    now, asked = timezone.now(), uuid.uuid4()
    lately = PermissionCheck.objects.filter(person=person, requested_at__gt=now - MINUTE).count()
    if lately + len(calls) > OF_PERSON_A_MINUTE:
        return None
    with transaction.atomic():
        PermissionCheck.objects.bulk_create(
            PermissionCheck(
                asked=asked,
                person=person,
                account=account,
                DestinationRegion=call.DestinationRegion,
                parameters=dict(call.parameters),
                fingerprint=dry_run.fingerprint_of(call),
                requested_at=now,
            )
            for call in calls
        )
        nudge("check_permissions")
    return asked


def wanted(now: datetime) -> QuerySet[PermissionCheck]:
    """What somebody asked a moment ago and nobody answers."""
    unanswered = PermissionCheck.objects.filter(leases.free(now), answered_at__isnull=True)
    return unanswered.filter(requested_at__gt=now - dry_run.KEPT)


def claim_next() -> list[PermissionCheck] | None:
    """Leases some of the question that was asked first; None when there is none."""
    now, lease = timezone.now(), uuid.uuid4()
    first = wanted(now).order_by("requested_at", "pk").first()
    if first is None:
        return None
    leases.take(lease, wanted(now).filter(asked=first.asked).order_by("pk"), now=now, most=MOST)
    mine = PermissionCheck.objects.filter(asked=first.asked, lease_id=lease)
    return list(mine.select_related("account").order_by("pk")) or None


def hand_back(claimed: Sequence[PermissionCheck]) -> None:
    """Ends the lease of what came to nothing; it is wanted as before."""
    leases = {row.lease_id for row in claimed}
    PermissionCheck.objects.filter(lease_id__in=leases).update(lease_id=None, lease_until=None)


def check(claimed: Sequence[PermissionCheck]) -> None:
    """Makes the dry runs that were claimed, as the account's copies would be made, and stores AWS's answers."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(partial(_answer, claimed[0].account.aws()), claimed))
    for row, answer in zip(claimed, found, strict=True):
        mine = PermissionCheck.objects.filter(pk=row.pk, lease_id=row.lease_id)
        mine.update(answer=asdict(answer), answered_at=timezone.now(), lease_id=None, lease_until=None)


def _answer(account: AwsAccount, row: PermissionCheck) -> Permission | Missing:
    try:
        return dry_run.ask(account, Call(DestinationRegion=row.DestinationRegion, parameters=row.parameters))
    except errors.AwsError as error:
        return Missing(words_of(error), error.code)


def _answers(
    person: User, asked: uuid.UUID | None, account: Account, calls: Sequence[Call]
) -> list[Permission | Missing] | None:
    """What AWS said to each call; None unless this person asked so, and about all of these."""
    rows = PermissionCheck.objects.filter(asked=asked, person=person, account=account) if asked else []
    found = {row.fingerprint: _read(row) for row in rows}
    answers = [found.get(dry_run.fingerprint_of(call)) for call in calls]
    known = [answer for answer in answers if answer is not None]
    return known if len(known) == len(calls) else None


def _read(row: PermissionCheck) -> Permission | Missing:
    if row.answered_at is None:
        return UNASKED
    return Permission(**row.answer) if "asked_at" in row.answer else Missing(**row.answer)
