"""Votes of several groups, votes handed over, emergencies, and many decisions at once."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest, Decision
from amicopy.copies.core.permissions import NotAllowed, may_break_glass
from amicopy.copies.core.policy_models import Delegation
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import delegation_actions, verbs
from amicopy.copies.voting import voters
from tests.copies.conftest import Submit, acting, actions, approve, events, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db

TWO_GROUPS = [{"group": "security", "count": 1}, {"group": "platform", "count": 2}]


@pytest.fixture
def people(approver: User) -> dict[str, User]:
    """A quorum: two of platform, one of security, one of both."""
    for name in ("security", "platform"):
        Group.objects.create(name=name)
    return {
        "security": make_person("security-1", "approver", "security"),
        "platform": make_person("platform-1", "approver", "platform"),
        "platform-2": make_person("platform-2", "approver", "platform"),
        "both": make_person("both", "approver", "security", "platform"),
    }


@pytest.fixture
def waiting(submit: Submit, people: dict[str, User]) -> CopyRequest:
    make_rule("Two groups", requirements=TWO_GROUPS)
    return submit()


def test_two_groups_and_a_quorum_of_two_have_to_agree(waiting: CopyRequest, people: dict[str, User]) -> None:
    assert approve(people["platform"], waiting).state == "PENDING"
    assert approve(people["security"], waiting).state == "PENDING"
    request = approve(people["platform-2"], waiting)
    assert request.state == "APPROVED"
    assert request.decided_by == people["platform-2"]
    assert actions(waiting) == ["request.submitted", "request.vote", "request.vote", "request.approved", "copy.queued"]
    assert [event.data.get("waits_for") for event in events(waiting)[1:3]] == [
        [{"group": "security", "count": 1}, {"group": "platform", "count": 1}],
        [{"group": "platform", "count": 1}],
    ]


def test_a_person_in_two_groups_counts_once_for_whichever_needs_them(
    waiting: CopyRequest, people: dict[str, User]
) -> None:
    approve(people["both"], waiting)
    approve(people["platform"], waiting)
    assert voters.still_needed(waiting) == [{"group": "platform", "count": 1}]
    assert approve(people["security"], waiting).state == "APPROVED"


def test_one_vote_a_person(waiting: CopyRequest, people: dict[str, User]) -> None:
    approve(people["both"], waiting)
    with pytest.raises(InvalidTransition, match="decided on request"):
        approve(people["both"], waiting)
    assert actions(waiting) == ["request.submitted", "request.vote"]


def test_an_approval_nobody_asked_for_is_refused_and_says_what_is_missing(
    waiting: CopyRequest, people: dict[str, User], approver: User
) -> None:
    with pytest.raises(NotAllowed, match="waits for 1 approval from security and 2 from platform"):
        approve(approver, waiting)
    approve(people["security"], waiting)
    with pytest.raises(NotAllowed, match="waits for 2 approvals from platform"):
        approve(make_person("security-2", "approver", "security"), waiting)


def test_one_rejection_ends_it_whoever_approved_before(
    waiting: CopyRequest, people: dict[str, User], approver: User
) -> None:
    approve(people["security"], waiting)
    assert verbs.reject(acting(approver), waiting.pk, reason="Not in week 47.").state == "REJECTED"
    with pytest.raises(InvalidTransition, match="rejected already"):
        approve(people["platform"], waiting)


def test_the_vote_of_somebody_taken_out_of_the_group_no_longer_counts(
    waiting: CopyRequest, people: dict[str, User]
) -> None:
    approve(people["security"], waiting)
    approve(people["platform"], waiting)
    people["platform"].groups.remove(Group.objects.get(name="platform"))
    assert approve(people["platform-2"], waiting).state == "PENDING"
    assert voters.still_needed(waiting) == [{"group": "platform", "count": 1}]
    assert approve(people["both"], waiting).state == "APPROVED"


def test_the_vote_of_a_signed_off_person_no_longer_counts(waiting: CopyRequest, people: dict[str, User]) -> None:
    approve(people["security"], waiting)
    User.objects.filter(pk=people["security"].pk).update(is_active=False)
    assert voters.still_needed(waiting) == TWO_GROUPS


def test_what_waits_for_a_person_is_what_their_vote_brings_on(
    waiting: CopyRequest, people: dict[str, User], approver: User, requester: User
) -> None:
    def waits_for(name: str) -> bool:
        return waiting.pk in voters.waiting_for(people[name], [waiting])

    assert all(waits_for(name) for name in people)
    assert not voters.waiting_for(approver, [waiting])
    assert not voters.waiting_for(requester, [waiting])
    approve(people["security"], waiting)
    assert not waits_for("security")
    assert waits_for("both")


def test_what_waits_for_a_person_costs_the_same_for_many_requests(
    submit: Submit, approver: User, django_assert_max_num_queries: object
) -> None:
    requests = [submit() for _ in range(5)]
    with django_assert_max_num_queries(8):  # type: ignore[operator]  # the fixture has no public type
        assert len(voters.waiting_for(approver, requests)) == 5


def test_nothing_is_approved_in_a_switched_off_account(submit: Submit, approver: User, account: Account) -> None:
    request = submit()
    Account.objects.filter(pk=account.pk).update(enabled=False)
    with pytest.raises(InvalidTransition, match="switched off"):
        approve(approver, request)
    assert verbs.reject(acting(approver), request.pk, reason="Account closed.").state == "REJECTED"


def hand_over(giver: User, receiver: User, *, days: float = 1) -> Delegation:
    return delegation_actions.delegate(
        acting(giver), receiver=receiver, until=timezone.now() + timedelta(days=days), reason="On leave"
    )


def test_a_handed_over_vote_counts_as_its_givers_and_says_so(
    waiting: CopyRequest, people: dict[str, User], approver: User
) -> None:
    hand_over(people["security"], approver)
    assert waiting.pk in voters.waiting_for(approver, [waiting])
    approve(approver, waiting)
    decision = waiting.decisions.get()
    assert (decision.decided_by, decision.on_behalf_of) == (approver, people["security"])
    assert events(waiting)[-1].data["on_behalf_of"] == "security-1"
    with pytest.raises(NotAllowed, match="waits for 2 approvals from platform"):
        approve(people["security"], waiting)
    made = AuditEvent.objects.get(action="delegation.made")
    assert (made.data["giver"], made.data["receiver"]) == ("security-1", "approver")


def test_who_decides_for_another_still_has_one_vote(
    waiting: CopyRequest, people: dict[str, User], approver: User
) -> None:
    hand_over(people["security"], people["platform"])
    approve(people["platform"], waiting)
    assert waiting.decisions.get().on_behalf_of is None, "their own vote comes first"
    with pytest.raises(InvalidTransition, match="decided on request"):
        approve(people["platform"], waiting)


def test_a_requesters_vote_handed_over_does_not_decide_on_their_request(
    submit: Submit, people: dict[str, User], approver: User
) -> None:
    make_rule("Security", requirements=[{"group": "security", "count": 1}])
    asking = make_person("security-3", "requester", "approver", "security")
    request = submit(by=asking)
    hand_over(asking, approver)
    with pytest.raises(NotAllowed, match="isn't needed"):
        approve(approver, request)
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(
            request=request,
            round=1,
            requester=asking,
            decided_by=approver,
            on_behalf_of=asking,
            decided_at=timezone.now(),
            kind="approve",
            content_hash=request.content_hash,
        )


def test_a_delegation_that_ended_gives_no_vote(waiting: CopyRequest, people: dict[str, User], approver: User) -> None:
    delegation = hand_over(people["security"], approver)
    delegation_actions.take_back(acting(people["security"]), delegation.pk)
    with pytest.raises(NotAllowed, match="isn't needed"):
        approve(approver, waiting)
    assert AuditEvent.objects.filter(action="delegation.ended").count() == 1


def test_a_delegation_of_somebody_who_may_no_longer_decide_gives_no_vote(
    waiting: CopyRequest, people: dict[str, User], approver: User
) -> None:
    hand_over(people["security"], approver)
    people["security"].groups.remove(Group.objects.get(name="approver"))
    with pytest.raises(NotAllowed, match="isn't needed"):
        approve(approver, waiting)


def test_a_delegation_is_not_handed_on(waiting: CopyRequest, people: dict[str, User], approver: User) -> None:
    hand_over(people["security"], people["platform"])
    hand_over(people["platform"], approver)
    approve(approver, waiting)
    assert waiting.decisions.get().on_behalf_of == people["platform"]


@pytest.mark.parametrize(
    ("receiver", "days", "field"),
    [("security-1", 1, "receiver"), ("requester", 1, "receiver"), ("approver", -1, "until"), ("approver", 99, "until")],
)
def test_a_delegation_is_to_another_decider_and_for_a_time(
    receiver: str, days: float, field: str, people: dict[str, User], requester: User
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        hand_over(people["security"], User.objects.get(username=receiver), days=days)
    assert [error.field for error in refused.value.errors] == [field]


def test_only_who_may_decide_can_hand_it_over_and_only_they_can_take_it_back(
    people: dict[str, User], requester: User, approver: User
) -> None:
    with pytest.raises(NotAllowed):
        hand_over(requester, approver)
    delegation = hand_over(people["security"], approver)
    with pytest.raises(NotAllowed):
        delegation_actions.take_back(acting(people["platform"]), delegation.pk)
    delegation_actions.take_back(acting(make_person("admin", "administrator")), delegation.pk)


def test_breaking_the_glass_needs_its_own_permission(waiting: CopyRequest, approver: User) -> None:
    for user in (approver, make_person("admin", "administrator")):
        assert not may_break_glass(user, waiting)
        with pytest.raises(NotAllowed, match="break-glass role"):
            verbs.break_glass(acting(user), waiting.pk, reason="Outage", seen_hash=waiting.content_hash)


def test_breaking_the_glass_approves_past_the_plan_and_is_marked(waiting: CopyRequest) -> None:
    firefighter = make_person("admin", "break-glass")
    with pytest.raises(InvalidRequest, match="what the emergency is"):
        verbs.break_glass(acting(firefighter), waiting.pk, reason=" ", seen_hash=waiting.content_hash)
    request = verbs.break_glass(
        acting(firefighter), waiting.pk, reason="INC-7: region down", seen_hash=waiting.content_hash
    )
    assert (request.state, request.break_glass, request.decided_by) == ("APPROVED", True, firefighter)
    assert actions(request) == ["request.submitted", "request.break_glass", "copy.queued"]
    assert events(request)[1].data["reason"] == "INC-7: region down"
    assert events(request)[1].data["not_waited_for"] == TWO_GROUPS
    assert request.decisions.get().kind == "break-glass"


def test_nobody_breaks_the_glass_on_their_own_request(submit: Submit) -> None:
    asking = make_person("admin", "requester", "break-glass")
    request = submit(by=asking)
    with pytest.raises(NotAllowed, match="your own"):
        verbs.break_glass(acting(asking), request.pk, reason="Outage", seen_hash=request.content_hash)


def test_who_voted_already_can_still_break_the_glass(waiting: CopyRequest, people: dict[str, User]) -> None:
    approve(people["security"], waiting)
    people["security"].groups.add(Group.objects.get(name="break-glass"))
    request = verbs.break_glass(acting(people["security"]), waiting.pk, reason="Outage", seen_hash=waiting.content_hash)
    assert request.break_glass


def test_many_decisions_give_a_result_each(submit: Submit, approver: User, requester: User) -> None:
    first, second, third = submit(), submit(make_call("us-west-2")), submit()
    verbs.withdraw(acting(requester), second.pk)
    seen = {request.pk: request.content_hash for request in (first, second)} | {third.pk: "0" * 64, 999_999: ""}
    results = verbs.decide_many(acting(approver), seen, kind="approve", reason="Week 47")
    assert [(result.number, result.done) for result in results] == [
        (first.pk, True),
        (second.pk, False),
        (third.pk, False),
        (999_999, False),
    ]
    assert "withdrawn already" in results[1].words
    assert "isn't what you saw" in results[2].words
    assert "no request" in results[3].words
    [refused] = verbs.decide_many(acting(approver), {third.pk: ""}, kind="reject")
    assert refused.words == "Enter why the request is rejected."
    [sent_back] = verbs.decide_many(acting(approver), {third.pk: ""}, kind="request-changes", reason="Which ticket?")
    assert sent_back.done
