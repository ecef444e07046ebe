"""What pages find rows by, whatever happened to them: what is unfinished has a next step, nobody has decided on what is
pending, and what is open has no end."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.actor import worker
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import COPY_UNFINISHED, REQUEST_OPEN
from amicopy.copies.requests import cancel_retry, expire, verbs
from amicopy.copies.requests.vote_withdrawal import withdraw_vote
from amicopy.web import approval_queue
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, make_call
from tests.copies.passing_time import look_again

pytestmark = pytest.mark.django_db


def passed_over() -> list[object]:
    decided = Q(state="PENDING") & (Q(decided_by__isnull=False) | Q(decided_at__isnull=False))
    ended = Q(state__in=REQUEST_OPEN, finished_at__isnull=False)
    still = ImageCopy.objects.filter(state__in=COPY_UNFINISHED, next_step_at__isnull=True)
    return [*CopyRequest.objects.filter(decided | ended), *still]


def is_now(row: CopyRequest, state: str, *copies: str) -> None:
    row.refresh_from_db()
    assert (row.state, sorted(copy.state for copy in row.copies_of_round())) == (state, sorted(copies))
    assert passed_over() == []


def test_sent_back_expired_and_undone_requests_wait_again(
    submit: Submit, approver: User, settings: Settings, sandbox: Control
) -> None:
    settings.APPROVAL_UNDO_SECONDS = 10.0
    row = submit()
    who = acting(row.requester)
    verbs.request_changes(acting(approver), row.pk, reason="Another name.")
    is_now(row, "CHANGES_REQUESTED", "HELD")
    verbs.resubmit(who, row.pk, reason=row.reason, calls=[make_call()])
    is_now(row, "PENDING", "HELD")
    CopyRequest.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(days=1))
    expire.expire_due(actor=worker("expire_due"))
    is_now(row, "EXPIRED", "CANCELLED")
    verbs.renew(who, row.pk)
    is_now(row, "PENDING", "HELD")
    approve(approver, row)
    is_now(row, "APPROVED", "QUEUED")
    withdraw_vote(acting(approver), row.pk)
    is_now(row, "PENDING", "HELD")
    assert [each.pk for each in approval_queue.pending(approver)] == [row.pk]
    ImageCopy.objects.update(parked_at=timezone.now())
    approve(approver, row)
    is_now(row, "APPROVED", "QUEUED")
    assert row.copies_of_round()[0].parked_at is None


def test_a_retried_request_is_open_again(submit: Submit, approver: User, sandbox: Control) -> None:
    row = approve(approver, submit(make_call(), make_call("eu-central-1")))
    ImageCopy.objects.filter(request=row).update(state="FAILED", finished_at=timezone.now(), next_step_at=None)
    CopyRequest.objects.filter(pk=row.pk).update(state="FAILED", finished_at=timezone.now())
    one = row.copies.first()
    assert one is not None
    cancel_retry.retry(acting(row.requester), row.pk, copy_id=one.pk)
    is_now(row, "APPROVED", "QUEUED", "FAILED")
    look_again("start_due")
    is_now(row, "APPROVED", "COPYING", "FAILED")
    cancel_retry.cancel(acting(row.requester), row.pk)
    is_now(row, "APPROVED", "CANCELLING", "FAILED")
