"""Time's part in approval: undecided requests expire, and those who can decide are reminded once before."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.states import RequestState
from amicopy.copies.lifecycle import notifications
from amicopy.copies.lifecycle.transitions import InvalidTransition, lock_request, move_request
from amicopy.copies.requests.decide import cancel_held

UNDECIDED = (RequestState.PENDING, RequestState.CHANGES_REQUESTED)


def overdue() -> QuerySet[CopyRequest]:
    """The undecided requests whose time is over."""
    return CopyRequest.objects.filter(state__in=UNDECIDED, expires_at__lte=timezone.now())


def to_remind() -> QuerySet[CopyRequest]:
    """The requests that expire soon, wait for approvers and have not been reminded of."""
    soon = timezone.now() + timedelta(days=settings.REQUEST_REMIND_DAYS)
    return CopyRequest.objects.filter(state=RequestState.PENDING, expires_at__lte=soon, reminded_at__isnull=True)


def expire_due(*, actor: Actor) -> int:
    """Expires what is overdue and cancels its copies; returns how many. A decision at the same instant wins or is
    refused, whichever has the request first."""
    expired = 0
    for number in list(overdue().order_by("expires_at").values_list("pk", flat=True)):
        with transaction.atomic():
            request = lock_request(number)
            if request.expires_at is None or request.expires_at > timezone.now():
                continue  # renewed or submitted again meanwhile
            try:
                move_request(request, RequestState.EXPIRED, actor=actor, action="request.expired")
            except InvalidTransition:
                continue
            cancel_held(request, actor=actor)
            expired += 1
    return expired


def remind_due(*, actor: Actor) -> list[int]:
    """Marks what expires soon as reminded of, once for each submission; returns the numbers."""
    reminded: list[int] = []
    for number in list(to_remind().order_by("expires_at").values_list("pk", flat=True)):
        with transaction.atomic():
            request = lock_request(number)
            changed = to_remind().filter(pk=number).update(reminded_at=timezone.now())
            if changed:
                event = record(
                    "request.reminded",
                    actor=actor,
                    request=number,
                    requester=request.requester_id,
                    account=request.account.account_id,
                    data={"expires_at": request.expires_at.isoformat() if request.expires_at else ""},
                )
                notifications.remind(event, request)
                reminded.append(number)
    return reminded
