"""Looks that AWS doesn't answer: the copies go on there, the page says that nobody knows how far they are, and they are
looked at again. And leases that end with their worker."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.engine import leases, tracking
from amicopy.copies.requests import cancel_retry
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, actions, approve
from tests.copies.passing_time import look_again, make_due

pytestmark = pytest.mark.django_db


def look_once() -> None:
    """One round, of what is due in one account and Region."""
    make_due()
    claimed = tracking.claim_round()
    assert claimed is not None
    lease, copies = claimed
    tracking.track(copies, lease=lease, actor=worker("track_due"))


def test_an_unanswered_look_leaves_the_copies_waiting_and_is_made_again(
    copying: list[CopyRequest], sandbox: Control
) -> None:
    sandbox("faults", kind="throttle", action="DescribeImages", count=None)
    versions = [request.version for request in copying]
    for failures in (1, 2):
        begun = timezone.now()
        look_once()
        for copy in ImageCopy.objects.all():
            assert (copy.state, copy.failures, copy.lease_id) == ("COPYING", failures, None)
            assert copy.wait is not None
            assert copy.wait.code == Code.THROTTLED
            assert copy.wait.data["AwsCode"] == "RequestLimitExceeded"
            assert copy.wait.data["AwsMessage"]
            assert copy.wait.data["Action"] == "DescribeImages"
            assert copy.next_step_at is not None
            assert begun + timedelta(seconds=1) <= copy.next_step_at <= timezone.now() + timedelta(seconds=2 * failures)
    for request, version in zip(copying, versions, strict=True):
        request.refresh_from_db()
        assert request.version >= version + 2, "the page shows it"
    assert not AuditEvent.objects.filter(action="copy.waiting").exists()
    sandbox("faults", method="DELETE")
    look_once()
    assert {(copy.wait, copy.failures) for copy in ImageCopy.objects.all()} == {(None, 0)}


def test_the_pause_grows_with_the_copy_that_has_waited_longest(copying: list[CopyRequest], sandbox: Control) -> None:
    copying[0].copies.update(failures=4)
    sandbox("faults", kind="throttle", action="DescribeImages", count=None)
    look_once()
    assert {copy.failures for copy in ImageCopy.objects.all()} == {5}


def test_a_look_that_aws_refuses_is_told_once_for_each_copy(copying: list[CopyRequest], sandbox: Control) -> None:
    words = "You are not authorized to perform: ec2:DescribeImages"
    sandbox("faults", kind="error", action="DescribeImages", code="UnauthorizedOperation", message=words, count=None)
    refused = Reason(
        Code.PERMISSION, {"AwsCode": "UnauthorizedOperation", "AwsMessage": words, "Action": "DescribeImages"}
    )
    for failures in (1, 2):
        look_once()
        for copy in ImageCopy.objects.all():
            assert (copy.state, copy.wait, copy.lease_id, copy.failures) == ("COPYING", refused, None, failures)
            assert copy.next_step_at is not None
            assert copy.next_step_at > timezone.now()
    for request in copying:
        assert actions(request).count("copy.waiting") == 1


@pytest.mark.parametrize("action", ["DescribeImages", "DescribeSnapshots"])
def test_a_copy_cancelled_during_a_look_that_aws_refuses_is_the_cancelling_workers_at_once(
    copying: list[CopyRequest], sandbox: Control, action: str
) -> None:
    make_due()
    claimed = tracking.claim_round()
    assert claimed is not None
    cancel_retry.cancel(acting(copying[0].requester), copying[0].pk)
    sandbox("faults", kind="error", action=action, code="UnauthorizedOperation", count=None)
    tracking.track(claimed[1], lease=claimed[0], actor=worker("track_due"))
    cancelled = copying[0].copies.get()
    assert (cancelled.state, cancelled.lease_id) == ("CANCELLING", None)
    assert cancelled.next_step_at is not None
    assert cancelled.next_step_at <= timezone.now()


def test_credentials_that_expired_are_fetched_anew(submit: Submit, approver: User, sandbox: Control) -> None:
    approve(approver, submit())
    Account.objects.update(
        account_id="444455556666",
        role_arn="arn:aws:iam::444455556666:role/amicopy",
        external_id="amicopy-sandbox",
    )
    ImageCopy.objects.update(
        state="COPYING", ImageId="ami-0123456789abcdef0", called_at=timezone.now(), next_step_at=timezone.now()
    )
    look_once()
    sandbox("faults", kind="expired", action="DescribeImages")
    look_once()
    assert ImageCopy.objects.get().wait_code == Code.CREDENTIALS_RENEWED
    assert len(sandbox("calls?action=AssumeRole")) == 1
    look_once()
    assert len(sandbox("calls?action=AssumeRole")) == 2
    assert ImageCopy.objects.get().wait_code == Code.NOT_SHOWN_YET


@pytest.mark.parametrize(("fails", "end"), [(True, "FAILED"), (False, "AVAILABLE")])
def test_a_copy_ends_as_its_image_says_while_its_snapshots_cannot_be_looked_at(
    submit: Submit, approver: User, sandbox: Control, *, fails: bool, end: str
) -> None:
    if fails:
        sandbox("faults", kind="fail", reason="Copy image failed with an internal error")
    request = approve(approver, submit())
    look_again("start_due", "track_due")
    seen = request.copies.get().snapshots
    assert len(seen) == 2
    sandbox("faults", kind="error", action="DescribeSnapshots", code="UnauthorizedOperation", count=None)
    sandbox("advance", seconds=600)
    look_once()
    copy = request.copies.get()
    assert (copy.state, copy.snapshots) == (end, seen)
    if fails:
        assert (copy.error_code, copy.error_message) == (
            "Server.InternalError",
            "Copy image failed with an internal error",
        )


def test_a_worker_that_stops_hands_back_what_it_holds_and_no_others(copying: list[CopyRequest]) -> None:
    make_due()
    claimed = tracking.claim_round()
    assert claimed is not None
    mine, theirs = ImageCopy.objects.order_by("pk")
    far = timezone.now() + timedelta(hours=1)
    ImageCopy.objects.update(next_step_at=far)
    ImageCopy.objects.filter(pk=theirs.pk).update(lease_holder=uuid.uuid4())
    assert leases.hand_back_all() == 1
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.lease_id, mine.lease_until) == (None, None)
    assert mine.next_step_at is not None
    assert mine.next_step_at <= timezone.now()
    assert (theirs.lease_id, theirs.next_step_at) == (claimed[0], far)
    assert leases.hand_back_all() == 0
