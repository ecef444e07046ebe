"""Submit, approve, reject, request changes, withdraw: who may, when, and what is written."""

import uuid

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest, Decision, ImageCopy
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.lifecycle.transitions import InvalidTransition, move_copy, note_copy
from amicopy.copies.requests import verbs
from tests.copies.conftest import Submit, acting, actions, approve, make_call, make_person

pytestmark = pytest.mark.django_db


def test_submitting_freezes_the_calls_and_stores_a_token_for_each(submit: Submit) -> None:
    request = submit(make_call("eu-west-1"), make_call("us-west-2", Encrypted=True))
    copies = list(request.copies.order_by("position"))
    assert [copy.DestinationRegion for copy in copies] == ["eu-west-1", "us-west-2"]
    assert [copy.state for copy in copies] == ["HELD", "HELD"]
    assert copies[1].parameters["Encrypted"] is True
    tokens = [copy.attempts.get().ClientToken for copy in copies]
    assert len(set(tokens)) == 2
    assert all(len(token) == 36 for token in tokens)
    assert request.content_hash == request.hash_of_content()
    assert actions(request) == ["request.submitted"]


def test_the_same_submission_twice_makes_one_request(requester: User, account: Account) -> None:
    submission = uuid.uuid4()
    first, second = (
        verbs.submit(acting(requester), account=account, reason="x", calls=[make_call()], submission=submission)
        for _ in range(2)
    )
    assert first.pk == second.pk
    assert CopyRequest.objects.count() == 1


def test_a_submission_without_the_requester_role_is_refused(submit: Submit, approver: User) -> None:
    with pytest.raises(NotAllowed):
        submit(by=approver)


def test_a_submission_that_breaks_a_rule_is_refused_by_field(submit: Submit) -> None:
    with pytest.raises(InvalidRequest) as refused:
        submit(make_call(Name="x"), make_call("us-west-2", KmsKeyId="alias/a"))
    assert {(error.field, error.destination) for error in refused.value.errors} >= {("KmsKeyId", 1)}
    assert "Name" in {error.field for error in refused.value.errors}
    assert CopyRequest.objects.count() == 0


def test_a_token_of_ones_own_can_be_used_once_in_a_region(requester: User, account: Account) -> None:
    def send() -> CopyRequest:
        call = make_call()
        return verbs.submit(
            acting(requester),
            account=account,
            reason="x",
            calls=[type(call)(call.DestinationRegion, call.parameters, "week-47")],
        )

    assert send().copies.get().attempts.get().ClientToken == "week-47"
    with pytest.raises(InvalidRequest) as refused:
        send()
    assert [error.field for error in refused.value.errors] == ["ClientToken"]


def test_approving_queues_the_copies(submit: Submit, approver: User) -> None:
    request = approve(approver, submit(make_call("eu-west-1"), make_call("us-west-2")))
    assert request.state == "APPROVED"
    assert request.decided_by == approver
    assert [copy.state for copy in request.copies.all()] == ["QUEUED", "QUEUED"]
    assert all(copy.next_step_at for copy in request.copies.all())
    assert actions(request) == ["request.submitted", "request.approved", "copy.queued", "copy.queued"]


def test_approving_ones_own_request_is_refused_by_the_verb_even_for_a_superuser(submit: Submit) -> None:
    boss = make_person("admin", "requester")
    boss.is_superuser = True
    boss.save()
    request = submit(by=boss)
    with pytest.raises(NotAllowed, match="your own"):
        approve(boss, request)
    assert actions(request) == ["request.submitted"]


def test_approving_ones_own_request_is_refused_by_the_database(submit: Submit, requester: User) -> None:
    request = submit()
    with pytest.raises(IntegrityError), transaction.atomic():
        CopyRequest.objects.filter(pk=request.pk).update(decided_by=requester, decided_at=request.created_at)
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(
            request=request,
            round=1,
            requester=requester,
            decided_by=requester,
            decided_at=request.created_at,
            kind="approve",
            content_hash="",
        )


def test_a_decision_that_names_another_requester_is_refused_by_the_database(
    submit: Submit, requester: User, approver: User
) -> None:
    request, other = submit(), make_person("other", "requester")
    decided = approve(approver, submit())
    lie = {"round": 1, "decided_at": request.created_at, "kind": "approve", "content_hash": request.content_hash}
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(request=request, requester=other, decided_by=requester, **lie)
    with pytest.raises(IntegrityError), transaction.atomic():
        decided.decisions.update(requester=other)
    with pytest.raises(IntegrityError), transaction.atomic():
        CopyRequest.objects.filter(pk=decided.pk).update(requester=other)
    Decision.objects.create(request=request, requester=requester, decided_by=approver, **lie)


def test_an_approval_of_other_content_than_was_seen_is_refused(submit: Submit, approver: User) -> None:
    request = submit()
    with pytest.raises(InvalidTransition, match="isn't what you saw"):
        verbs.approve(acting(approver), request.pk, seen_hash="0" * 64)
    assert CopyRequest.objects.get(pk=request.pk).state == "PENDING"


def test_an_approval_of_parameters_changed_behind_the_code_is_refused(submit: Submit, approver: User) -> None:
    request = submit()
    ImageCopy.objects.filter(request=request).update(parameters={**make_call().parameters, "Name": "another-name"})
    with pytest.raises(InvalidTransition, match="isn't what you saw"):
        approve(approver, request)


def test_the_second_of_two_decisions_sees_what_happened_and_writes_nothing(submit: Submit, approver: User) -> None:
    other = make_person("approver-2", "approver")
    request = approve(approver, submit())
    before = actions(request)
    with pytest.raises(InvalidTransition, match="approved already"):
        verbs.reject(acting(other), request.pk, reason="too late")
    assert actions(request) == before
    assert request.decisions.count() == 1


def test_rejecting_needs_a_reason_and_cancels_the_copies(submit: Submit, approver: User) -> None:
    request = submit()
    with pytest.raises(InvalidRequest) as refused:
        verbs.reject(acting(approver), request.pk, reason="  ")
    assert [error.field for error in refused.value.errors] == ["reason"]
    request = verbs.reject(acting(approver), request.pk, reason="Use the hardened image.")
    assert request.state == "REJECTED"
    assert [copy.state for copy in request.copies.all()] == ["CANCELLED"]
    assert actions(request) == ["request.submitted", "request.rejected", "copy.cancelled"]


def test_withdrawing_is_for_the_requester_alone(submit: Submit, approver: User, requester: User) -> None:
    request = submit()
    with pytest.raises(NotAllowed):
        verbs.withdraw(acting(approver), request.pk)
    assert verbs.withdraw(acting(requester), request.pk).state == "WITHDRAWN"
    with pytest.raises(InvalidTransition, match="withdrawn already"):
        approve(approver, request)


def test_sending_back_keeps_the_copies_held(submit: Submit, approver: User) -> None:
    request = verbs.request_changes(acting(approver), submit().pk, reason="Which ticket?")
    assert request.state == "CHANGES_REQUESTED"
    assert [copy.state for copy in request.copies.all()] == ["HELD"]


def test_a_dry_run_needs_nobody(submit: Submit) -> None:
    request = submit(make_call(DryRun=True))
    assert request.state == "APPROVED"
    assert request.decided_by is None
    assert [copy.state for copy in request.copies.all()] == ["QUEUED"]


def test_an_event_that_cannot_be_written_undoes_the_change(
    submit: Submit, approver: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = submit()

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no audit")

    monkeypatch.setattr("amicopy.copies.lifecycle.transitions.record", broken)
    with pytest.raises(RuntimeError), transaction.atomic():
        approve(approver, request)
    assert CopyRequest.objects.get(pk=request.pk).state == "PENDING"


def test_a_copy_that_somebody_moved_first_leaves_no_trace(submit: Submit, approver: User) -> None:
    request = approve(approver, submit())
    late = request.copies.get()
    request.copies.update(state="CANCELLED")
    request.refresh_from_db()
    before = (request.version, actions(request))
    with pytest.raises(InvalidTransition, match="is cancelled already"):
        move_copy(late, "STARTING", actor=acting(approver), action="copy.starting")
    request.refresh_from_db()
    assert (request.version, actions(request)) == before
    assert late.state == "QUEUED", "the object shows what it showed"


def test_a_note_on_a_copy_needs_its_lease_and_leaves_no_trace_without(submit: Submit, approver: User) -> None:
    request = approve(approver, submit())
    copy, lease = request.copies.get(), uuid.uuid4()

    def note() -> bool:
        held = Reason(Code.START_TIME, {"until": "2026-12-01T08:00:00+00:00"})
        return note_copy(copy, held, actor=acting(approver), action="copy.held", lease=lease, fields={})

    def stored() -> tuple[int, list[str], str]:
        version = CopyRequest.objects.get(pk=request.pk).version
        return version, actions(request), request.copies.get().wait_code

    before = stored()
    assert not note()
    assert stored() == before
    request.copies.update(lease_id=lease)
    assert note()
    assert stored() == (before[0] + 1, [*before[1], "copy.held"], "start-time")


def test_a_move_bumps_the_version_that_pages_ask_for(submit: Submit, approver: User) -> None:
    request = approve(approver, submit())
    version = CopyRequest.objects.get(pk=request.pk).version
    move_copy(request.copies.get(), "STARTING", actor=acting(approver), action="copy.starting")
    assert CopyRequest.objects.get(pk=request.pk).version == version + 1
