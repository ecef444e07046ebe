"""A worker that lost its lease writes nothing, whatever it saw; and one whose lease is nearly over makes no call."""

import uuid
from contextlib import suppress
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account, Attempt, ImageCopy
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.engine import call_outcomes, cancellation, claims, copy_call, leases, tracking
from amicopy.copies.engine.waits import wait
from amicopy.copies.lifecycle.transitions import InvalidTransition, move_copy, note_copy
from amicopy.copies.requests import cancel_retry
from amicopy.leases import LEASE
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, during_the_call, make_call
from tests.copies.passing_time import look_again, make_due

pytestmark = pytest.mark.django_db
LATE = worker("late")


@pytest.fixture
def approved(submit: Submit, approver: User, sandbox: Control) -> Submit:
    return lambda *calls: approve(approver, submit(*calls))


def taken_over(copy: ImageCopy) -> uuid.UUID:
    """Another worker's lease on a row whose state is unchanged."""
    lease = uuid.uuid4()
    ImageCopy.objects.filter(pk=copy.pk).update(lease_id=lease, lease_until=timezone.now() + LEASE)
    return lease


def test_m26_a_late_move_under_a_lost_lease_writes_nothing(approved: Submit) -> None:
    approved()
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    other, before = taken_over(copy), AuditEvent.objects.count()
    with pytest.raises(InvalidTransition):
        move_copy(copy, "STARTING", actor=LATE, action="copy.starting", lease=lease)
    row = ImageCopy.objects.get()
    assert (row.state, row.lease_id, AuditEvent.objects.count()) == ("QUEUED", other, before)


def test_m26_a_late_answer_of_the_call_is_not_stored(
    approved: Submit, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved()
    look_again()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    others: list[uuid.UUID] = []
    during_the_call(monkeypatch, lambda: others.append(taken_over(copy)))
    with pytest.raises(InvalidTransition):
        copy_call.start(copy, lease=lease, actor=LATE)
    row = ImageCopy.objects.get()
    assert (row.state, [row.lease_id], row.ImageId) == ("STARTING", others, "")


def test_m45_a_note_needs_the_state_as_well_as_the_lease(approved: Submit) -> None:
    approved()
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    ImageCopy.objects.update(state="CANCELLING")
    noted = note_copy(
        copy, Reason(Code.THROTTLED), actor=LATE, action="copy.waiting", lease=lease, fields={"failures": 7}
    )
    assert noted is False
    assert ImageCopy.objects.get().failures == 0
    assert not AuditEvent.objects.filter(action="copy.waiting").exists()


@pytest.mark.parametrize("seconds", [12, 600])
def test_m09_what_a_late_look_saw_is_not_stored(approved: Submit, sandbox: Control, seconds: int) -> None:
    approved()
    look_again("start_due")
    sandbox("advance", seconds=seconds)
    make_due()
    claimed = tracking.claim_round()
    assert claimed is not None
    lease, copies = claimed
    other = taken_over(copies[0])
    tracking.track(copies, lease=lease, actor=LATE)
    row = ImageCopy.objects.get()
    assert (row.state, row.lease_id, row.progress, row.seen_at, row.snapshots) == ("COPYING", other, 0, None, [])
    assert not AuditEvent.objects.filter(action="copy.available").exists()


def test_m06_a_lease_over_half_spent_makes_no_call(approved: Submit, sandbox: Control) -> None:
    approved()
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    copy.lease_until = timezone.now() + LEASE - leases.CALL_WITHIN - timedelta(seconds=1)
    with pytest.raises(InvalidTransition, match="too old"):
        copy_call.start(copy, lease=lease, actor=LATE)
    assert sandbox("calls?action=CopyImage") == []


def test_m08_a_round_looks_at_copies_of_one_account(
    approved: Submit, sandbox: Control, account: Account, requester: User
) -> None:
    other = Account.objects.create(name="other", account_id="444455556666")
    approved(make_call("eu-west-1"))
    approved(make_call("eu-west-1", Name="another-image"))
    look_again("start_due")
    ImageCopy.objects.filter(pk=ImageCopy.objects.latest("pk").pk).update(account=other)
    make_due()
    rounds = [tracking.claim_round(), tracking.claim_round()]
    accounts = [{copy.account_id for copy in claimed[1]} for claimed in rounds if claimed is not None]
    assert sorted(map(sorted, accounts)) == sorted([[account.pk], [other.pk]])
    assert acting(requester).name == "requester"


def test_m11_a_copy_that_a_worker_has_keeps_nobody_from_the_next(approved: Submit, sandbox: Control) -> None:
    for name in ("first", "second"):
        approved(make_call(Name=name))
    look_again("start_due")
    first, second = ImageCopy.objects.order_by("pk")
    ImageCopy.objects.update(state="CANCELLING", next_step_at=timezone.now())
    ImageCopy.objects.filter(pk=first.pk).update(next_step_at=timezone.now() - timedelta(hours=1))
    taken_over(first)
    claimed = cancellation.claim_next()
    assert claimed is not None
    assert claimed[1] == second
    assert cancellation.claim_next() is None


@pytest.mark.parametrize("fault", [{}, {"kind": "error", "action": "DeregisterImage", "code": "UnauthorizedOperation"}])
def test_what_a_late_removal_heard_is_not_stored(approved: Submit, sandbox: Control, fault: dict[str, str]) -> None:
    request = approved()
    look_again("start_due")
    cancel_retry.cancel(acting(request.requester), request.pk)
    make_due()
    claimed = cancellation.claim_next()
    assert claimed is not None
    lease, copy = claimed
    other = taken_over(copy)
    before = ImageCopy.objects.values().get()
    if fault:
        sandbox("faults", **fault)
    with suppress(InvalidTransition):
        cancellation.cancel(copy, lease=lease, actor=LATE)
    assert ImageCopy.objects.values().get() == before
    assert before["lease_id"] == other
    assert not AuditEvent.objects.filter(action__in=("copy.cancelled", "copy.waiting")).exists()


@pytest.mark.parametrize("code", [Code.THROTTLED, Code.PERMISSION])
def test_a_late_worker_makes_no_copy_wait(approved: Submit, code: Code) -> None:
    approved()
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    taken_over(copy)
    before = ImageCopy.objects.values().get()
    wait(copy, Reason(code), lease=lease, actor=LATE, pause=timedelta(seconds=30))
    assert ImageCopy.objects.values().get() == before
    assert not AuditEvent.objects.filter(action="copy.waiting").exists()


@pytest.mark.parametrize("action", ["", "DescribeImages"])
def test_a_late_look_that_found_nothing_is_not_stored(approved: Submit, sandbox: Control, action: str) -> None:
    """Neither that AWS never showed the image, nor that it didn't answer."""
    approved()
    look_again("start_due")
    ImageCopy.objects.update(
        ImageId="ami-0123456789abcdef0",
        called_at=timezone.now() - timedelta(days=1),
        missing_since=timezone.now() - timedelta(days=1),
        missing_looks=20,
    )
    make_due()
    claimed = tracking.claim_round()
    assert claimed is not None
    lease, copies = claimed
    taken_over(copies[0])
    before = ImageCopy.objects.values().get()
    if action:
        sandbox("faults", kind="throttle", action=action, count=None)
    tracking.track(copies, lease=lease, actor=LATE)
    assert ImageCopy.objects.values().get() == before


def test_an_id_that_comes_late_is_not_remembered(approved: Submit) -> None:
    approved()
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    attempt = copy.attempts.get()
    taken_over(copy)
    call_outcomes.remember(copy, attempt, "ami-0123456789abcdef0", "r-1", lease=lease)
    attempt.refresh_from_db()
    assert (ImageCopy.objects.get().ImageId, attempt.ImageId) == ("", "")


@pytest.mark.parametrize("case", ["refused", "found", "found failed"])
def test_a_late_refusal_ends_no_copy_and_a_late_find_adopts_nothing(
    approved: Submit, sandbox: Control, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved()
    if case != "refused":
        sandbox("faults", kind="drop-after", action="CopyImage")
        if case == "found failed":
            sandbox("faults", kind="fail")
        look_again("start_due")
        sandbox("advance", seconds=600)
        Attempt.objects.update(first_called_at=timezone.now() - timedelta(hours=30))
    ImageCopy.objects.update(state="STARTING")
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    before: list[object] = []

    def lost() -> None:
        taken_over(copy)
        before.append(ImageCopy.objects.values().get())

    if case == "refused":
        sandbox("faults", kind="error", action="CopyImage", code="UnauthorizedOperation")
        during_the_call(monkeypatch, lost)
    else:
        lost()
    with pytest.raises(InvalidTransition):
        copy_call.start(copy, lease=lease, actor=LATE)
    assert [ImageCopy.objects.values().get()] == before
    assert not AuditEvent.objects.filter(action__in=("copy.failed", "copy.adopted")).exists()
