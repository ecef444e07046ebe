"""The gate before the call: what isn't what was approved is never sent, whoever changed the database and where."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.models import Account, Attempt, CopyRequest, Decision, ImageCopy
from amicopy.copies.engine import gate
from amicopy.copies.lifecycle.transitions import InvalidTransition, lock_request, move_request
from amicopy.copies.requests import cancel_retry, verbs
from amicopy.copies.voting import approvals
from amicopy.notify.models import Endpoint, Kind, Message
from amicopy.notify.sealing import seal
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, acting, approve, events, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db

Change = Callable[[CopyRequest], object]


@pytest.fixture
def approved(submit: Submit, approver: User, sandbox: Control) -> CopyRequest:
    """Two copies, approved by two people."""
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    second = make_person("approver-2", "approver")
    request = submit(make_call("eu-west-1"), make_call("us-west-2"))
    approve(approver, request)
    return approve(second, request)


def start() -> None:
    ImageCopy.objects.filter(next_step_at__isnull=False).update(next_step_at=timezone.now(), lease_until=None)
    tasks.start_due(wake=False)


def edited(**fields: Any) -> Change:
    return lambda request: CopyRequest.objects.filter(pk=request.pk).update(**fields)


def parameters_edited(request: CopyRequest) -> None:
    request.copies.filter(position=0).update(parameters={**make_call().parameters, "Description": "Another"})


def region_edited(request: CopyRequest) -> None:
    request.copies.filter(position=1).update(DestinationRegion="us-east-1")


def own_token_edited(request: CopyRequest) -> None:
    request.copies.filter(position=1).update(ClientToken="another")


def plan_and_hash_edited(request: CopyRequest) -> None:
    request.plan = []
    request.content_hash = request.hash_of_content()
    request.save(update_fields=["plan", "content_hash"])


def votes_moved_to_other_content(request: CopyRequest) -> None:
    """Rows that agree with each other, and not with the history."""
    request.reason = "Another"
    request.content_hash = request.hash_of_content()
    request.save(update_fields=["reason", "content_hash"])
    request.decisions.update(content_hash=request.content_hash)


def vote_deleted(request: CopyRequest) -> None:
    request.decisions.order_by("pk")[0].delete()


def vote_turned(request: CopyRequest) -> None:
    request.decisions.filter(pk=request.decisions.order_by("pk")[0].pk).update(kind="reject", reason="x")


def vote_given_to_another(request: CopyRequest) -> None:
    other = make_person("other", "approver")
    request.decisions.filter(pk=request.decisions.order_by("pk")[0].pk).update(decided_by=other)


def round_edited(request: CopyRequest) -> None:
    request.copies.update(round=2)
    CopyRequest.objects.filter(pk=request.pk).update(round=2)


def copy_inserted(request: CopyRequest) -> None:
    copy = request.copies.order_by("position")[0]
    copy.pk, copy.position, copy.DestinationRegion = None, 2, "eu-central-1"
    copy.save(force_insert=True)
    token = str(uuid.uuid4())
    Attempt.objects.create(
        copy=copy,
        number=1,
        account=copy.account,
        DestinationRegion=copy.DestinationRegion,
        ClientToken=token,
        created_at=timezone.now(),
    )


CHANGES: list[Change] = [
    parameters_edited,
    region_edited,
    own_token_edited,
    plan_and_hash_edited,
    votes_moved_to_other_content,
    vote_deleted,
    vote_turned,
    vote_given_to_another,
    round_edited,
    copy_inserted,
    edited(reason="Another"),
    edited(start_not_before=timezone.now() - timedelta(days=1)),
    edited(source_seen={"ImageId": SOURCE}),
    edited(rules=[]),
    edited(hash_version=1),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_changed_behind_amicopy_stops_every_copy(approved: CopyRequest, sandbox: Control, change: Change) -> None:
    change(approved)
    start()
    assert sandbox("calls?action=CopyImage") == []
    for copy in approved.copies.all():
        assert (copy.state, copy.error_code) == ("FAILED", "NotApproved"), copy.error_message
        assert copy.error_message.startswith("It isn't what was approved. ")
    approved.refresh_from_db()
    assert approved.state == "FAILED"


@pytest.mark.parametrize("change", CHANGES)
def test_no_retry_gets_round_it(approved: CopyRequest, approver: User, sandbox: Control, change: Change) -> None:
    change(approved)
    start()
    with pytest.raises(InvalidTransition, match="isn't what was approved any more"):
        cancel_retry.retry(acting(approver), approved.pk)
    assert sandbox("calls?action=CopyImage") == []


def test_an_untouched_request_is_copied(approved: CopyRequest, sandbox: Control) -> None:
    start()
    assert len(sandbox("calls?action=CopyImage")) == 2
    assert [copy.state for copy in approved.copies.all()] == ["COPYING", "COPYING"]


def test_one_copy_whose_attempt_has_another_token_is_not_sent_under_it(approved: CopyRequest, sandbox: Control) -> None:
    Attempt.objects.filter(copy__request=approved, copy__position=1).update(ClientToken="another")
    start()
    assert [copy.error_code for copy in approved.copies.all()] == ["", "NotApproved"]
    assert [call["params"]["ClientToken"] for call in sandbox("calls?action=CopyImage")] != ["another"]
    assert len(sandbox("calls?action=CopyImage")) == 1


def test_a_retry_is_called_under_the_token_that_its_event_names(
    approved: CopyRequest, approver: User, sandbox: Control
) -> None:
    sandbox("faults", kind="error", action="CopyImage", status=400, code="InvalidRequest", count=2)
    start()
    cancel_retry.retry(acting(approver), approved.pk)
    start()
    assert [copy.state for copy in approved.copies.all()] == ["COPYING", "COPYING"]


def test_a_retry_under_another_token_is_stopped(approved: CopyRequest, approver: User, sandbox: Control) -> None:
    sandbox("faults", kind="error", action="CopyImage", status=400, code="InvalidRequest", count=2)
    start()
    cancel_retry.retry(acting(approver), approved.pk)
    Attempt.objects.filter(number=2, copy__position=0).update(ClientToken="another")
    start()
    assert [copy.error_code for copy in approved.copies.all()] == ["NotApproved", ""]


def by_hand(request: CopyRequest) -> None:
    """What somebody with the database's password could do, votes included."""
    now = timezone.now()
    CopyRequest.objects.filter(pk=request.pk).update(state="APPROVED")
    request.copies.update(state="QUEUED", next_step_at=now, queued_at=now)


def test_a_request_moved_to_approved_by_hand_is_not_copied(submit: Submit, approver: User, sandbox: Control) -> None:
    request = submit()
    Decision.objects.create(
        request=request,
        round=1,
        requester=request.requester,
        decided_by=approver,
        decided_at=timezone.now(),
        kind="approve",
        content_hash=request.content_hash,
    )
    by_hand(request)
    start()
    copy = request.copies.get()
    assert (copy.state, copy.error_code) == ("FAILED", "NotApproved")
    # Nor is it held up only by what else is missing: how it was queued.
    assert f"The history has no approval of request #{request.pk}" in copy.error_message
    assert sandbox("calls?action=CopyImage") == []


def test_an_event_without_the_votes_it_speaks_of_is_not_enough(submit: Submit, sandbox: Control) -> None:
    request = submit()
    with transaction.atomic():
        move_request(
            lock_request(request.pk),
            "APPROVED",
            actor=worker("x"),
            action="request.approved",
            data={"automatic": False, **approvals.record_of(request, {999: {"approver"}})},
        )
    by_hand(request)
    start()
    assert "don't fulfil the plan" in request.copies.get().error_message
    assert sandbox("calls?action=CopyImage") == []


@contextmanager
def past_the_constraints() -> Iterator[None]:
    """As somebody would write who may switch off the database's own checks."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA defer_foreign_keys = ON")
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            yield
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
        else:
            cursor.execute("SET session_replication_role = replica")
            yield
            cursor.execute("SET session_replication_role = DEFAULT")


def test_a_decision_whose_requester_lies_counts_for_nothing(
    submit: Submit, requester: User, approver: User, sandbox: Control
) -> None:
    request = approve(approver, submit())
    liar = make_person("liar")
    with past_the_constraints():
        request.decisions.update(requester=liar)
        start()
        assert request.copies.get().error_code == "NotApproved"
        assert sandbox("calls?action=CopyImage") == []
        request.decisions.update(requester=requester)


def test_break_glass_passes_with_its_decision_only(submit: Submit, sandbox: Control, approver: User) -> None:
    firefighter = make_person("firefighter", "approver", "break-glass")
    first, second = (
        verbs.break_glass(acting(firefighter), row.pk, reason="INC-7", seen_hash=row.content_hash)
        for row in (submit(make_call(Name="first")), submit(make_call(Name="second")))
    )
    second.decisions.update(decided_by=approver)
    start()
    assert first.copies.get().state == "COPYING"
    assert second.copies.get().error_code == "NotApproved"
    assert [call["params"]["Name"] for call in sandbox("calls?action=CopyImage")] == ["first"]


def test_what_needs_nobody_passes_by_its_event(submit: Submit, sandbox: Control) -> None:
    make_rule("Nobody", requirements=[])
    request = submit()
    assert events(request)[1].data["automatic"] is True
    start()
    assert request.copies.get().state == "COPYING"


def test_a_dry_run_passes_the_gate_too(submit: Submit, sandbox: Control) -> None:
    good, bad = submit(make_call(DryRun=True)), submit(make_call(DryRun=True))
    CopyRequest.objects.filter(pk=bad.pk).update(reason="Another")
    start()
    assert (good.copies.get().state, bad.copies.get().error_code) == ("CHECKED", "NotApproved")
    assert len(sandbox("calls?action=CopyImage")) == 1


def test_who_loses_a_role_after_the_approval_stops_nothing(
    approved: CopyRequest, approver: User, sandbox: Control
) -> None:
    approver.groups.clear()
    approver.is_active = False
    approver.save()
    start()
    assert [copy.state for copy in approved.copies.all()] == ["COPYING", "COPYING"]


def test_votes_kept_over_a_round_pass(submit: Submit, requester: User, approver: User, sandbox: Control) -> None:
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    second = make_person("approver-2", "approver")
    request = submit()
    approve(approver, request)
    make_person("approver-3", "approver")
    verbs.request_changes(acting(second), request.pk, reason="Which ticket?")
    request = verbs.resubmit(acting(requester), request.pk, reason=request.reason, calls=request.calls_as_asked())
    approve(second, request)
    start()
    assert request.copies.get(round=2).state == "COPYING"


def test_what_was_approved_before_the_events_said_it_all_is_copied(
    submit: Submit, approver: User, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_then(request: CopyRequest, given: object) -> dict[str, Any]:
        return {"content_hash": request.content_hash, "rules": request.rules}

    monkeypatch.setattr(approvals, "record_of", of_then)
    monkeypatch.setattr(Attempt, "as_dict", lambda self: {})
    good, bad = (approve(approver, submit(make_call(Name=name))) for name in ("first", "second"))
    bad.decisions.all().delete()
    start()
    assert (good.copies.get().state, bad.copies.get().error_code) == ("COPYING", "NotApproved")


def test_the_administrators_are_told_once_and_nobody_can_mute_it(
    approved: CopyRequest, sandbox: Control, settings: Settings
) -> None:
    settings.EMAIL_ON = True
    administrator = make_person("administrator", "administrator")
    User.objects.filter(pk=administrator.pk).update(email="administrator@example.com")
    endpoint = Endpoint.objects.create(name="alarms", sealed_url=seal("https://example.com/"), kinds=[Kind.ALARM])
    parameters_edited(approved)
    start()
    message, posted = Message.objects.filter(kind=Kind.ALARM).order_by("endpoint")
    if message.person is None:
        message, posted = posted, message
    assert (message.person, posted.endpoint) == (administrator, endpoint)
    assert "Not what was approved" in message.subject
    assert "sent nothing to AWS for the copy to eu-west-1" in message.text


def test_the_gate_is_four_statements(
    approved: CopyRequest, submit: Submit, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    undecided = submit(make_call("eu-west-1", Name="other"), make_call("us-west-2", Name="other"))
    copies = ImageCopy.objects.select_related("account", "request").order_by("pk")
    calls = [(copy, copy.attempts.last()) for copy in copies]
    with django_assert_num_queries(4):
        gate.check(*calls[0])
    with django_assert_num_queries(4):
        refused = gate.refusals(calls)
    assert set(refused) == set(undecided.copies.values_list("pk", flat=True))


def test_a_changed_event_is_no_approval(
    approved: CopyRequest, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AuditEvent, "holds", property(lambda self: self.action != "request.approved"))
    start()
    assert {copy.error_code for copy in approved.copies.all()} == {"NotApproved"}
    assert sandbox("calls?action=CopyImage") == []


def test_a_copy_in_another_account_than_its_request_is_not_called(approved: CopyRequest, sandbox: Control) -> None:
    other = Account.objects.create(name="other", account_id="444455556666")
    approved.copies.filter(position=0).update(account=other)
    start()
    assert [copy.error_code for copy in approved.copies.all()] == ["NotApproved", ""]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL counts what it has, and plans by that")
def test_the_approvals_of_a_batch_are_found_by_their_requests(submit: Submit, approver: User, sandbox: Control) -> None:
    copies = [approve(approver, submit(make_call(Name=f"image-{number}"))).copies.get() for number in range(10)]
    calls = [(copy, Attempt.objects.get(copy=copy)) for copy in copies]
    plans: list[str] = []

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if 'FROM "audit_auditevent"' in sql:
            context["cursor"].cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            plans.extend(line for *_, line in context["cursor"].cursor.fetchall() if "SEARCH" in line)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        assert gate.refusals(calls) == {}
    assert plans == ["SEARCH audit_auditevent USING INDEX audit_by_request (request=?)"]
