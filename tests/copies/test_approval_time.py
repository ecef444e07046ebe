"""Approved copies that wait: for a start time, the end of a freeze, an account that is switched off."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy
from amicopy.copies.core.policy_models import FreezeWindow
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.engine import claims
from amicopy.copies.requests import cancel_retry, policy_actions, verbs
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, actions, approve, make_call, make_person

pytestmark = pytest.mark.django_db


def freeze(**fields: object) -> FreezeWindow:
    now = timezone.now()
    values = {"name": "Year end", "starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(hours=1), **fields}
    return FreezeWindow.objects.create(**values)


def start_due() -> None:
    """Everything that waits is due now."""
    ImageCopy.objects.filter(next_step_at__isnull=False).update(next_step_at=F("queued_at"))
    tasks.start_due(wake=False)


@pytest.fixture
def wished(requester: User, account: Account, approver: User) -> Callable[[datetime], CopyRequest]:
    def _wished(when: datetime) -> CopyRequest:
        request = verbs.submit(
            acting(requester), account=account, reason="x", calls=[make_call()], start_not_before=when
        )
        return approve(approver, request)

    return _wished


def test_a_copy_waits_for_the_start_its_requester_asked_for(
    wished: Callable[[datetime], CopyRequest], sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = timezone.now() + timedelta(hours=6)
    request = wished(when)
    copy = request.copies.get()
    assert (copy.state, copy.next_step_at) == ("QUEUED", when)
    assert copy.wait_code == "start-time"
    assert claims.claim_next() is None
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + timedelta(hours=6, minutes=1))
    start_due()
    copy.refresh_from_db()
    assert (copy.state, copy.wait_code) == ("COPYING", "")


def test_a_start_long_after_the_approval_is_refused(wished: Callable[[datetime], CopyRequest]) -> None:
    with pytest.raises(InvalidRequest, match="in the next 90 days"):
        wished(timezone.now() + timedelta(days=91))


def test_a_freeze_holds_approved_copies_of_its_regions_and_lets_them_go(
    submit: Submit, approver: User, sandbox: Control
) -> None:
    window = freeze(DestinationRegion="eu-*")
    request = submit(make_call("eu-west-1"), make_call("us-west-2"))
    approve(approver, request)
    start_due()
    held, free = request.copies.order_by("position")
    assert (held.state, free.state) == ("QUEUED", "COPYING")
    assert (held.wait_code, held.wait_data["window"]) == ("frozen", "Year end")
    queued = AuditEvent.objects.get(copy=held.pk, action="copy.queued")
    assert queued.data["until"] == window.ends_at.isoformat()
    FreezeWindow.objects.update(ends_at=timezone.now())
    start_due()
    held.refresh_from_db()
    assert held.state == "COPYING"


def test_a_freeze_laid_down_after_the_approval_holds_too_and_is_told_once(
    submit: Submit, approver: User, sandbox: Control
) -> None:
    request = approve(approver, submit())
    freeze()
    for _ in range(2):
        start_due()
    copy = request.copies.get()
    assert (copy.state, copy.lease_id) == ("QUEUED", None)
    assert copy.next_step_at is not None
    assert copy.next_step_at < timezone.now() + timedelta(minutes=6), "it may be ended early"
    assert actions(request).count("copy.held") == 1
    assert sandbox("calls?action=CopyImage") == []


def test_a_freeze_of_another_account_or_another_time_holds_nothing(
    submit: Submit, approver: User, sandbox: Control
) -> None:
    freeze(account=Account.objects.create(name="other", account_id="999900001111"))
    freeze(starts_at=timezone.now() + timedelta(hours=1), ends_at=timezone.now() + timedelta(hours=2))
    request = approve(approver, submit())
    start_due()
    assert request.copies.get().state == "COPYING"


def test_a_freeze_does_not_hold_dry_runs(submit: Submit, sandbox: Control) -> None:
    freeze()
    request = submit(make_call(DryRun=True))
    start_due()
    assert request.copies.get().state == "CHECKED"


def test_a_call_whose_answer_was_lost_is_not_held(submit: Submit, approver: User, sandbox: Control) -> None:
    request = approve(approver, submit())
    ImageCopy.objects.update(state="STARTING")
    Attempt.objects.update(in_doubt=True, first_called_at=timezone.now())
    freeze()
    start_due()
    assert request.copies.get().state == "COPYING"


def test_an_account_switched_off_holds_approved_copies_until_it_is_on_again(
    submit: Submit, approver: User, account: Account, sandbox: Control
) -> None:
    request = approve(approver, submit())
    Account.objects.filter(pk=account.pk).update(enabled=False)
    start_due()
    copy = request.copies.get()
    assert (copy.state, copy.wait) == ("QUEUED", Reason(Code.ACCOUNT_OFF, {"account": "sandbox"}))
    Account.objects.filter(pk=account.pk).update(enabled=True)
    start_due()
    copy.refresh_from_db()
    assert copy.state == "COPYING"


def test_a_held_copy_can_be_cancelled(submit: Submit, approver: User) -> None:
    freeze()
    request = approve(approver, submit())
    cancel_retry.cancel(acting(approver), request.pk)
    request.refresh_from_db()
    assert (request.state, request.copies.get().wait_code) == ("CANCELLED", "")


def test_freeze_windows_are_made_changed_and_deleted_with_an_event_each(account: Account) -> None:
    admin, now = make_person("admin", "administrator"), timezone.now()
    window = FreezeWindow(name="Year end", account=account, starts_at=now, ends_at=now + timedelta(days=1))
    policy_actions.save_freeze(acting(admin), window)
    window.DestinationRegion = "eu-*"
    policy_actions.save_freeze(acting(admin), window)
    policy_actions.save_freeze(acting(admin), window)
    policy_actions.delete_freeze(acting(admin), window.pk)
    found = AuditEvent.objects.filter(action__startswith="freeze.").order_by("id")
    assert [event.action for event in found] == ["freeze.made", "freeze.changed", "freeze.deleted"]
    assert found[1].data["changes"] == {"DestinationRegion": ["", "eu-*"]}


def test_the_actor_of_a_hold_is_amicopy_itself(submit: Submit, approver: User) -> None:
    request = approve(approver, submit())
    freeze()
    start_due()
    event = AuditEvent.objects.get(request=request.pk, action="copy.held")
    assert (event.actor, event.actor_id) == (worker("start_due").name, None)
