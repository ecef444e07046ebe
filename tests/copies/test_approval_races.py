"""Two things at the same instant, with real threads and connections, and what changes while requests wait: one defined
state, and exactly the events it should leave."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, connections
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import ApprovalRule, Delegation
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.engine import claims
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import decide, delegation_actions, expire, policy_actions, verbs, vote_withdrawal
from tests.conftest import Control
from tests.copies.conftest import acting, actions, approve, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db(transaction=True)
REFUSED = (InvalidTransition, NotAllowed, InvalidRequest)
ROUNDS = 5
side_by_side = pytest.mark.skipif(
    connection.vendor != "postgresql",
    reason="Needs PostgreSQL (DATABASE_URL): SQLite has one connection here",
)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Runs the verbs at the same instant, each on a connection of its own; what each returned or was refused with."""
    barrier = threading.Barrier(len(calls))
    outcomes: list[Any] = [None] * len(calls)

    def run(index: int, verb: Callable[[], Any]) -> None:
        try:
            # The connection is there before the start, so that the start is the same instant.
            connection.ensure_connection()
            barrier.wait(timeout=30)
            outcomes[index] = verb()
        except REFUSED as refused:
            outcomes[index] = refused
        except BaseException as error:  # a thread's own error would be lost
            outcomes[index] = error
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index, verb)) for index, verb in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    return outcomes


def done(outcomes: list[Any]) -> int:
    """How many of them weren't refused; anything else than a refusal with words fails the test."""
    assert all(not isinstance(each, BaseException) or isinstance(each, REFUSED) for each in outcomes), outcomes
    return sum(not isinstance(each, REFUSED) for each in outcomes)


@pytest.fixture
def security(db: None) -> Group:
    return Group.objects.get_or_create(name="security")[0]


@pytest.fixture
def waiting(requester: User, account: Account) -> Callable[[], CopyRequest]:
    """Submits a request that waits, one each time."""

    def _waiting() -> CopyRequest:
        return verbs.submit(acting(requester), account=account, reason="PLAT-1", calls=[make_call()])

    return _waiting


def seen(user: User, request: CopyRequest) -> Callable[[], CopyRequest]:
    return lambda: verbs.approve(acting(user), request.pk, seen_hash=request.content_hash)


def taking_back(user: User, request: CopyRequest) -> Callable[[], CopyRequest]:
    return lambda: vote_withdrawal.withdraw_vote(acting(user), request.pk)


@side_by_side
def test_two_approvers_at_the_same_instant_and_one_is_enough(
    waiting: Callable[[], CopyRequest], approver: User
) -> None:
    other = make_person("approver-2", "approver")
    for _ in range(ROUNDS):
        request = waiting()
        outcomes = at_once(seen(approver, request), seen(other, request))
        assert done(outcomes) == 1
        assert "approved already" in str(next(each for each in outcomes if isinstance(each, REFUSED)))
        request.refresh_from_db()
        assert (request.state, request.decisions.count()) == ("APPROVED", 1)
        assert actions(request) == ["request.submitted", "request.approved", "copy.queued"]


@side_by_side
def test_two_approvers_at_the_same_instant_and_both_are_needed(
    waiting: Callable[[], CopyRequest], approver: User
) -> None:
    other = make_person("approver-2", "approver")
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    for _ in range(ROUNDS):
        request = waiting()
        assert done(at_once(seen(approver, request), seen(other, request))) == 2
        request.refresh_from_db()
        assert (request.state, request.decisions.count()) == ("APPROVED", 2)
        assert actions(request) == ["request.submitted", "request.vote", "request.approved", "copy.queued"]


@side_by_side
def test_one_person_twice_at_the_same_instant_has_one_vote(waiting: Callable[[], CopyRequest], approver: User) -> None:
    make_person("approver-2", "approver")
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    for _ in range(ROUNDS):
        request = waiting()
        assert done(at_once(seen(approver, request), seen(approver, request))) == 1
        request.refresh_from_db()
        assert (request.state, request.decisions.count()) == ("PENDING", 1)
        assert actions(request) == ["request.submitted", "request.vote"]


@side_by_side
def test_a_vote_given_by_its_owner_and_its_holder_at_the_same_instant_counts_once(
    waiting: Callable[[], CopyRequest], approver: User
) -> None:
    holder = make_person("approver-2", "approver")
    make_rule("Two", requirements=[{"group": "security", "count": 1}, {"group": "approver", "count": 1}])
    owner = make_person("security-1", "approver", "security")
    owner.groups.add(Group.objects.get_or_create(name="security")[0])
    until = timezone.now() + delegation_actions.LONGEST / 2
    Delegation.objects.create(giver=owner, receiver=holder, created_at=timezone.now(), until=until)
    request = waiting()
    verbs.approve(acting(approver), request.pk, seen_hash=request.content_hash)
    outcomes = at_once(seen(owner, request), seen(holder, request))
    assert done(outcomes) == 1
    request.refresh_from_db()
    assert request.state == "APPROVED"
    assert actions(request) == ["request.submitted", "request.vote", "request.approved", "copy.queued"]


@side_by_side
@pytest.mark.parametrize("verb", ["withdraw", "reject", "request_changes", "expire"])
def test_the_last_vote_and_what_ends_the_waiting_at_the_same_instant(
    waiting: Callable[[], CopyRequest], approver: User, requester: User, verb: str
) -> None:
    other = make_person("approver-2", "approver")
    ended = {
        "withdraw": ("WITHDRAWN", ["request.withdrawn", "copy.cancelled"]),
        "reject": ("REJECTED", ["request.rejected", "copy.cancelled"]),
        "request_changes": ("CHANGES_REQUESTED", ["request.changes_requested"]),
        "expire": ("EXPIRED", ["request.expired", "copy.cancelled"]),
    }[verb]
    approved = ("APPROVED", ["request.approved", "copy.queued"])
    ends: dict[str, Callable[[CopyRequest], Any]] = {
        "withdraw": lambda row: verbs.withdraw(acting(requester), row.pk),
        "reject": lambda row: verbs.reject(acting(other), row.pk, reason="No"),
        "request_changes": lambda row: verbs.request_changes(acting(other), row.pk, reason="Which?"),
        "expire": lambda row: expire.expire_due(actor=worker("beat")),
    }
    for _ in range(ROUNDS):
        request = waiting()
        if verb == "expire":
            CopyRequest.objects.filter(pk=request.pk).update(expires_at=timezone.now())

        def end(row: CopyRequest = request) -> Any:
            return ends[verb](row)

        outcomes = at_once(seen(approver, request), end)
        if verb != "expire":
            assert done(outcomes) == 1
        request.refresh_from_db()
        state, after = (request.state, actions(request)[1:])
        assert (state, after) in [approved, ended]
        assert (request.state == "APPROVED") == (not isinstance(outcomes[0], REFUSED))


@side_by_side
def test_an_edit_and_an_approval_of_what_was_before_at_the_same_instant(
    waiting: Callable[[], CopyRequest], approver: User, requester: User
) -> None:
    other = make_person("approver-2", "approver")
    for _ in range(ROUNDS):
        request = waiting()
        verbs.request_changes(acting(other), request.pk, reason="Another name")

        def edit(row: CopyRequest = request) -> CopyRequest:
            calls = [make_call(Name="golden-al2023-2026.11.25")]
            return verbs.resubmit(acting(requester), row.pk, reason="PLAT-1", calls=calls)

        outcomes = at_once(seen(approver, request), edit)
        assert isinstance(outcomes[0], InvalidTransition)
        request.refresh_from_db()
        assert (request.state, request.round, request.decided_by) == ("PENDING", 2, None)
        assert not ImageCopy.objects.filter(request=request, state="QUEUED").exists()


@side_by_side
def test_the_same_form_sent_twice_at_the_same_instant_makes_one_request(requester: User, account: Account) -> None:
    for _ in range(ROUNDS):
        submission = uuid.uuid4()

        def submit(key: Any = submission) -> CopyRequest:
            return verbs.submit(acting(requester), account=account, reason="x", calls=[make_call()], submission=key)

        first, second = at_once(submit, submit)
        assert first.pk == second.pk
        assert actions(first) == ["request.submitted"]


@side_by_side
def test_an_approval_and_a_bulk_decision_on_the_same_requests(
    waiting: Callable[[], CopyRequest], approver: User
) -> None:
    other = make_person("approver-2", "approver")
    requests = [waiting() for _ in range(10)]
    shown = {request.pk: request.content_hash for request in requests}
    first, second = at_once(
        lambda: decide.decide_many(acting(approver), shown, kind="approve"),
        lambda: decide.decide_many(acting(other), dict(reversed(shown.items())), kind="reject", reason="No"),
    )
    by_number = {result.number: result.done for result in second}
    for result in first:
        assert result.done != by_number[result.number]
        assert CopyRequest.objects.get(pk=result.number).decisions.count() == 1


@side_by_side
def test_a_rule_changed_while_requests_are_submitted_leaves_each_with_one_whole_plan(
    waiting: Callable[[], CopyRequest], approver: User
) -> None:
    admin = make_person("admin", "administrator")
    make_person("approver-2", "approver")
    rule = make_rule("Rule", requirements=[{"group": "approver", "count": 1}])

    def change() -> ApprovalRule:
        mine = ApprovalRule.objects.get(pk=rule.pk)
        mine.requirements = [{"group": "approver", "count": 2}]
        return policy_actions.save_rule(acting(admin), mine)

    _, request = at_once(change, waiting)
    # Read by hand: the thread's object is its own.
    request.refresh_from_db()
    assert request.plan in ([{"group": "approver", "count": 1}], [{"group": "approver", "count": 2}])
    assert request.rules[0]["requirements"] == request.plan


@side_by_side
def test_two_administrators_change_one_rule_at_the_same_instant_and_one_is_told(approver: User) -> None:
    people = [make_person(name, "administrator") for name in ("admin-1", "admin-2")]
    for index in range(ROUNDS):
        rule = make_rule(f"Rule {index}", order=index)
        seen_by_both = rule.version

        def change(person: User, count: int, row: ApprovalRule = rule, seen: str = seen_by_both) -> ApprovalRule:
            mine = ApprovalRule.objects.get(pk=row.pk)
            mine.requirements = [{"group": "approver", "count": count}]
            return policy_actions.save_rule(acting(person), mine, seen=seen)

        outcomes = at_once(lambda: change(people[0], 1), lambda: change(people[1], 2))
        assert done(outcomes) == 1
        assert AuditEvent.objects.filter(action="rule.changed", data__id=rule.pk).count() == 1


@side_by_side
def test_an_approval_and_the_approvers_removal_at_the_same_instant(
    waiting: Callable[[], CopyRequest], approver: User
) -> None:
    for _ in range(ROUNDS):
        make_person("approver", "approver")
        request = waiting()
        outcomes = at_once(seen(approver, request), lambda: approver.groups.clear())
        request.refresh_from_db()
        # Removed in the middle of it, their vote is kept and doesn't count.
        states = [("PENDING", 0)] if isinstance(outcomes[0], REFUSED) else [("APPROVED", 1), ("PENDING", 1)]
        assert (request.state, request.decisions.count()) in states
        assert len(actions(request)) == 1 + request.decisions.count() + (request.state == "APPROVED")


def test_a_group_emptied_while_a_request_waits_leaves_it_waiting_and_no_vote_counts(
    waiting: Callable[[], CopyRequest], approver: User, security: Group
) -> None:
    member = make_person("member", "approver", "security")
    make_rule("Security", requirements=[{"group": "security", "count": 1}, {"group": "approver", "count": 1}])
    request = waiting()
    approve(approver, request)
    security.user_set.clear()
    with pytest.raises(NotAllowed, match="waits for 1 approval from security"):
        approve(member, request)
    request.refresh_from_db()
    assert (request.state, actions(request)) == ("PENDING", ["request.submitted", "request.vote"])
    assert decide.reject(acting(member), request.pk, reason="Nobody is left").state == "REJECTED"


def test_a_rule_changed_or_deleted_while_a_request_waits_leaves_its_plan(
    waiting: Callable[[], CopyRequest], approver: User
) -> None:
    admin, other = make_person("admin", "administrator"), make_person("approver-2", "approver")
    rule = make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    request = waiting()
    approve(approver, request)
    rule.requirements = []
    policy_actions.save_rule(acting(admin), rule)
    policy_actions.delete_rule(acting(admin), rule.pk)
    request.refresh_from_db()
    assert (request.state, request.plan) == ("PENDING", [{"group": "approver", "count": 2}])
    assert approve(other, request).state == "APPROVED"


@pytest.mark.parametrize("how", ["removed", "disabled"])
def test_an_approver_removed_or_disabled_after_voting_no_longer_counts_until_they_are_back(
    waiting: Callable[[], CopyRequest], approver: User, how: str
) -> None:
    second, third = make_person("approver-2", "approver"), make_person("approver-3", "approver")
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    request = waiting()
    approve(approver, request)
    if how == "removed":
        approver.groups.clear()
    else:
        User.objects.filter(pk=approver.pk).update(is_active=False)
    assert approve(second, request).state == "PENDING"
    assert approve(third, request).state == "APPROVED"
    assert actions(request) == ["request.submitted", "request.vote", "request.vote", "request.approved", "copy.queued"]


def test_a_person_in_two_groups_never_fills_both(
    waiting: Callable[[], CopyRequest], approver: User, security: Group
) -> None:
    both = make_person("both", "approver", "security")
    make_rule("Two groups", requirements=[{"group": "security", "count": 1}, {"group": "approver", "count": 1}])
    request = waiting()
    assert approve(both, request).state == "PENDING"
    with pytest.raises(InvalidTransition, match="You have decided"):
        approve(both, request)
    assert approve(approver, request).state == "APPROVED"


def test_an_account_disabled_while_a_request_waits_is_neither_approved_nor_run(
    waiting: Callable[[], CopyRequest], approver: User, account: Account
) -> None:
    request, approved = waiting(), approve(approver, waiting())
    Account.objects.filter(pk=account.pk).update(enabled=False)
    with pytest.raises(InvalidTransition, match="is switched off"):
        approve(approver, request)
    tasks.start_due(wake=False)
    copy = approved.copies.get()
    assert (copy.state, copy.wait) == ("QUEUED", Reason(Code.ACCOUNT_OFF, {"account": "sandbox"}))
    request.refresh_from_db()
    assert (request.state, actions(request)) == ("PENDING", ["request.submitted"])


def test_a_rejected_request_never_runs(
    waiting: Callable[[], CopyRequest], approver: User, requester: User, sandbox: Control
) -> None:
    request = waiting()
    verbs.reject(acting(approver), request.pk, reason="No")
    other = make_person("approver-2", "approver", "break-glass")
    calls: list[Callable[[], object]] = [
        lambda: approve(other, request),
        lambda: verbs.break_glass(acting(other), request.pk, seen_hash=request.content_hash, reason="Fire"),
        lambda: verbs.resubmit(acting(requester), request.pk, reason="Again", calls=request.calls_as_asked()),
        lambda: verbs.renew(acting(requester), request.pk),
        lambda: verbs.withdraw(acting(requester), request.pk),
    ]
    for verb in calls:
        with pytest.raises(InvalidTransition, match="rejected already"):
            verb()
    tasks.sweep()
    tasks.start_due(wake=False)
    assert claims.claim_next() is None
    assert [copy.state for copy in request.copies.all()] == ["CANCELLED"]
    assert actions(request) == ["request.submitted", "request.rejected", "copy.cancelled"]
    assert sandbox("calls?action=CopyImage") == []


@side_by_side
def test_a_request_never_runs_twice_however_many_workers_start_it(
    waiting: Callable[[], CopyRequest], approver: User, sandbox: Control
) -> None:
    request = approve(approver, waiting())
    at_once(*[lambda: tasks.start_due(wake=False)] * 4)
    assert [copy.state for copy in request.copies.all()] == ["COPYING"]
    assert actions(request).count("copy.starting") == 1
    assert actions(request).count("copy.copying") == 1
    assert len(sandbox("calls?action=CopyImage")) == 1


@pytest.fixture
def a_moment(settings: Settings) -> None:
    settings.APPROVAL_UNDO_SECONDS = 10.0


@side_by_side
@pytest.mark.usefixtures("a_moment")
def test_an_approval_taken_back_at_the_instant_a_worker_claims_its_copies(
    waiting: Callable[[], CopyRequest], approver: User, sandbox: Control
) -> None:
    for _ in range(4 * ROUNDS):
        request = approve(approver, waiting())
        before = actions(request)
        # The worker's clock is ahead, so that both may.
        request.copies.update(next_step_at=timezone.now())
        outcomes = at_once(taking_back(approver, request), claims.claim_next)
        request.refresh_from_db()
        copy, claimed = request.copies.get(), outcomes[1]
        if claimed is None:
            assert done(outcomes[:1]) == 1
            assert (request.state, copy.state, copy.lease_id) == ("PENDING", "HELD", None)
            assert actions(request) == [*before, "request.vote_withdrawn", "copy.held_again"]
        else:
            assert done(outcomes[:1]) == 0
            assert (request.state, copy.state, copy.lease_id) == ("APPROVED", "QUEUED", claimed[0])
            assert (actions(request), request.decisions.count()) == (before, 1)
    assert sandbox("calls?action=CopyImage") == []


@side_by_side
@pytest.mark.usefixtures("a_moment")
def test_an_approval_taken_back_twice_at_the_same_instant_is_taken_back_once(
    waiting: Callable[[], CopyRequest], approver: User
) -> None:
    for _ in range(ROUNDS):
        request = approve(approver, waiting())
        assert done(at_once(*[taking_back(approver, request)] * 2)) == 1
        assert actions(request).count("request.vote_withdrawn") == 1
