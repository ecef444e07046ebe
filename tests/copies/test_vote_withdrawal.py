"""An approval can be taken back for some seconds, in which nothing starts by it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.models import Account, Attempt, CopyRequest, Decision, ImageCopy
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import FreezeWindow
from amicopy.copies.core.reason_words import words_of
from amicopy.copies.core.reasons import Code
from amicopy.copies.engine import claims, gate
from amicopy.copies.lifecycle import holds
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import cancel_retry, expire, verbs
from amicopy.copies.requests.vote_withdrawal import withdraw_vote
from amicopy.notify.models import Kind, Message
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, actions, approve, events, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ten_seconds(settings: Settings) -> None:
    settings.APPROVAL_UNDO_SECONDS = 10.0


@pytest.fixture
def approved(submit: Submit, approver: User, sandbox: Control) -> CopyRequest:
    return approve(approver, submit())


def moment_is_over(request: CopyRequest) -> None:
    """All of it was a minute ago."""
    ago = timedelta(minutes=1)
    for decision in request.decisions.all():
        Decision.objects.filter(pk=decision.pk).update(decided_at=decision.decided_at - ago)
    row = CopyRequest.objects.get(pk=request.pk)
    if row.decided_at:
        CopyRequest.objects.filter(pk=request.pk).update(decided_at=row.decided_at - ago)
    for copy in row.copies.filter(next_step_at__isnull=False):
        ImageCopy.objects.filter(pk=copy.pk).update(next_step_at=(copy.next_step_at or timezone.now()) - ago)


def states(request: CopyRequest) -> tuple[str, list[str]]:
    row = CopyRequest.objects.get(pk=request.pk)
    return row.state, [copy.state for copy in row.copies_of_round()]


def test_an_approval_is_recorded_at_once_and_nothing_is_due_until_it_can_be_taken_back_no_more(
    approved: CopyRequest, sandbox: Control
) -> None:
    assert actions(approved) == ["request.submitted", "request.approved", "copy.queued"]
    copy = approved.copies.get()
    assert approved.decided_at is not None
    assert copy.next_step_at == approved.decided_at + timedelta(seconds=10)
    assert copy.wait is not None
    assert copy.wait.code == Code.UNDO
    assert "can be taken back until" in words_of(copy.wait).sentence
    assert claims.claim_next() is None
    moment_is_over(approved)
    tasks.start_due(wake=False)
    assert states(approved) == ("APPROVED", ["COPYING"])
    assert len(sandbox("calls?action=CopyImage")) == 1


def test_a_copy_that_is_made_due_too_early_is_handed_back_before_any_call(
    approved: CopyRequest, sandbox: Control
) -> None:
    ImageCopy.objects.update(next_step_at=timezone.now() - timedelta(seconds=1))
    tasks.start_due(wake=False)
    assert states(approved) == ("APPROVED", ["QUEUED"])
    assert sandbox("calls?action=CopyImage") == []
    assert withdraw_vote(acting(User.objects.get(username="approver")), approved.pk).state == "PENDING"


def test_an_approval_is_taken_back_as_if_it_had_never_been_given(
    approved: CopyRequest, approver: User, sandbox: Control
) -> None:
    attempts = list(Attempt.objects.values_list("ClientToken", flat=True))
    request = withdraw_vote(acting(approver), approved.pk)
    assert states(request) == ("PENDING", ["HELD"])
    assert (request.decided_by_id, request.decided_at, request.decisions.count()) == (None, None, 0)
    copy = request.copies.get()
    assert (copy.next_step_at, copy.queued_at, copy.wait) == (None, None, None)
    back = events(request)[-2:]
    assert [(event.action, event.actor, event.old, event.new) for event in back] == [
        ("request.vote_withdrawn", "approver", "APPROVED", "PENDING"),
        ("copy.held_again", "approver", "QUEUED", "HELD"),
    ]
    assert back[0].data["content_hash"] == request.content_hash
    moment_is_over(request)
    tasks.sweep()
    tasks.start_due(wake=False)
    assert sandbox("calls?action=CopyImage") == []
    # And it is approved anew, with the same token.
    moment_is_over(approve(approver, request))
    tasks.start_due(wake=False)
    assert states(request) == ("APPROVED", ["COPYING"])
    assert list(Attempt.objects.values_list("ClientToken", flat=True)) == attempts


def test_it_is_refused_once_the_moment_is_over(approved: CopyRequest, approver: User) -> None:
    moment_is_over(approved)
    before = actions(approved)
    with pytest.raises(InvalidTransition, match="too late"):
        withdraw_vote(acting(approver), approved.pk)
    assert (actions(approved), states(approved)) == (before, ("APPROVED", ["QUEUED"]))


def test_it_is_refused_once_a_copy_is_claimed_or_ended_and_writes_nothing(
    submit: Submit, approver: User, requester: User, sandbox: Control
) -> None:
    request = approve(approver, submit(make_call(), make_call("eu-central-1")))
    before = actions(request)
    ImageCopy.objects.filter(DestinationRegion="eu-central-1").update(next_step_at=timezone.now())
    claimed = claims.claim_next()
    assert claimed is not None
    with pytest.raises(InvalidTransition, match="eu-central-1 is being started"):
        withdraw_vote(acting(approver), request.pk)
    assert (actions(request), states(request)) == (before, ("APPROVED", ["QUEUED", "QUEUED"]))
    assert request.decisions.count() == 1
    ImageCopy.objects.update(lease_id=None, lease_until=None)
    cancel_retry.cancel(acting(requester), request.pk, copy_id=request.copies_of_round()[0].pk)
    with pytest.raises(InvalidTransition, match="is cancelled already"):
        withdraw_vote(acting(approver), request.pk)
    assert states(request) == ("APPROVED", ["CANCELLED", "QUEUED"])


def test_only_who_gave_an_approval_takes_it_back(approved: CopyRequest, approver: User, requester: User) -> None:
    for other in (make_person("approver-2", "approver"), requester, make_person("boss", "administrator")):
        with pytest.raises(NotAllowed, match="an approval of your own"):
            withdraw_vote(acting(other), approved.pk)
    assert states(approved) == ("APPROVED", ["QUEUED"])


def test_a_vote_that_was_not_the_last_is_taken_back_while_the_request_waits(submit: Submit, approver: User) -> None:
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    second = make_person("approver-2", "approver")
    request = approve(approver, submit())
    version = CopyRequest.objects.get().version
    withdraw_vote(acting(approver), request.pk)
    assert actions(request) == ["request.submitted", "request.vote", "request.vote_withdrawn"]
    assert CopyRequest.objects.get().version > version
    assert states(request) == ("PENDING", ["HELD"])
    approve(approver, request)
    approve(second, request)
    with pytest.raises(InvalidTransition, match="came after yours"):
        withdraw_vote(acting(approver), request.pk)
    withdraw_vote(acting(second), request.pk)
    assert states(request) == ("PENDING", ["HELD"])
    assert [decision.decided_by for decision in request.decisions.all()] == [approver]


def test_a_request_moved_by_hand_after_its_approval_was_taken_back_is_not_what_was_approved(
    approved: CopyRequest, approver: User, sandbox: Control
) -> None:
    decision = approved.decisions.get()
    request = withdraw_vote(acting(approver), approved.pk)
    decision.save(force_insert=True)
    CopyRequest.objects.filter(pk=request.pk).update(state="APPROVED")
    ImageCopy.objects.update(state="QUEUED", next_step_at=timezone.now())
    copy = ImageCopy.objects.select_related("request__account", "account").get()
    (refused,) = gate.refusals([(copy, copy.attempts.get())]).values()
    assert "The approval was taken back" in str(refused)
    tasks.start_due(wake=False)
    assert sandbox("calls?action=CopyImage") == []


def test_without_the_setting_an_approval_starts_at_once_and_stays(
    settings: Settings, submit: Submit, approver: User, sandbox: Control
) -> None:
    settings.APPROVAL_UNDO_SECONDS = 0.0
    request = approve(approver, submit())
    assert request.copies.get().wait is None
    with pytest.raises(InvalidTransition, match="too late"):
        withdraw_vote(acting(approver), request.pk)
    tasks.start_due(wake=False)
    assert states(request) == ("APPROVED", ["COPYING"])


def test_an_emergency_and_what_nobody_approves_start_at_once(
    submit: Submit, account: Account, sandbox: Control
) -> None:
    glass = make_person("glass", "break-glass")
    request = submit()
    verbs.break_glass(acting(glass), request.pk, reason="Fire", seen_hash=request.content_hash)
    with pytest.raises(NotAllowed):
        withdraw_vote(acting(glass), request.pk)
    automatic = submit(make_call(DryRun=True))
    tasks.start_due(wake=False)
    assert (states(request), states(automatic)) == (("APPROVED", ["COPYING"]), ("COMPLETED", ["CHECKED"]))


def test_what_holds_for_longer_is_said_and_the_approval_is_taken_back_all_the_same(
    submit: Submit, approver: User
) -> None:
    now = timezone.now()
    FreezeWindow.objects.create(name="Year end", starts_at=now, ends_at=now + timedelta(hours=1))
    request = approve(approver, submit())
    assert request.copies.get().wait_code == Code.FROZEN
    assert states(withdraw_vote(acting(approver), request.pk)) == ("PENDING", ["HELD"])


def test_a_request_whose_time_is_over_expires_when_its_approval_was_taken_back(
    approved: CopyRequest, approver: User
) -> None:
    CopyRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    withdraw_vote(acting(approver), approved.pk)
    expire.expire_due(actor=worker("expire"))
    assert states(approved)[0] == "EXPIRED"


def test_the_requester_hears_of_it_and_who_can_approve_is_asked_again(
    submit: Submit, approver: User, settings: Settings
) -> None:
    settings.EMAIL_ON = True
    make_person("approver-2", "approver")
    for person in User.objects.all():
        User.objects.filter(pk=person.pk).update(email=f"{person.username}@example.com")
    request = approve(approver, submit())
    withdraw_vote(acting(approver), request.pk)
    event = AuditEvent.objects.get(action="request.vote_withdrawn")
    told = Message.objects.filter(event=event.pk).order_by("person__username")
    assert [(row.person.username, row.kind) for row in told if row.person] == [
        ("approver", Kind.ASKED),
        ("approver-2", Kind.ASKED),
        ("requester", Kind.DECISION),
    ]
    assert "took the approval back" in told[2].text


def test_until_when_it_can_be_taken_back_is_told(approved: CopyRequest, settings: Settings) -> None:
    assert approved.decided_at is not None
    assert holds.undo_until(approved) == approved.decided_at + timedelta(seconds=10)
    approved.break_glass = True
    assert holds.undo_until(approved) is None
