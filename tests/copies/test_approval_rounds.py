"""Submitting again, renewing, expiring, and what becomes of approvals, tokens and copies."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.actor import worker
from amicopy.copies.core.calls import Call, InvalidRequest
from amicopy.copies.core.models import Account, Attempt, CopyRequest
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.lifecycle.transitions import InvalidTransition, lock_request
from amicopy.copies.requests import expire, verbs
from amicopy.copies.voting import voters, votes
from tests.copies.conftest import Submit, acting, actions, approve, events, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db

OTHER_NAME = "golden-al2023-2026.11.25"


@pytest.fixture
def second(approver: User) -> User:
    return make_person("approver-2", "approver")


@pytest.fixture
def sent_back(submit: Submit, approver: User, second: User) -> CopyRequest:
    """One of two approvals given, then sent back by the second approver."""
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    make_person("approver-3", "approver")
    request = submit(make_call("eu-west-1"), make_call("us-west-2"))
    approve(approver, request)
    return verbs.request_changes(acting(second), request.pk, reason="Which ticket?")


def again(requester: User, request: CopyRequest, *calls: Call, **edited: Any) -> CopyRequest:
    same = {"reason": request.reason, "start_not_before": request.start_not_before}
    return verbs.resubmit(acting(requester), request.pk, calls=calls or request.calls_as_asked(), **(same | edited))


def test_the_same_content_again_keeps_the_approvals(sent_back: CopyRequest, requester: User, second: User) -> None:
    request = again(requester, sent_back)
    assert (request.state, request.round) == ("PENDING", 2)
    assert request.content_hash == sent_back.content_hash
    assert request.decided_by is None
    assert approve(second, request).state == "APPROVED"


def test_who_approved_the_same_content_does_not_vote_again(
    sent_back: CopyRequest, requester: User, approver: User
) -> None:
    request = again(requester, sent_back)
    with pytest.raises(InvalidTransition, match="decided on request"):
        approve(approver, request)
    assert verbs.reject(acting(approver), request.pk, reason="On second thought").state == "REJECTED"


def test_an_edit_voids_the_approvals(sent_back: CopyRequest, requester: User, approver: User, second: User) -> None:
    request = again(requester, sent_back, make_call("eu-west-1", Name=OTHER_NAME))
    assert request.content_hash == request.hash_of_content() != sent_back.content_hash
    assert approve(second, request).state == "PENDING"
    assert approve(approver, request).state == "APPROVED"


@pytest.mark.parametrize(
    "edited",
    [{"reason": "PLAT-2"}, {"start_not_before": datetime(2027, 1, 4, 6, tzinfo=UTC)}],
    ids=lambda each: next(iter(each)),
)
def test_so_does_an_edit_of_anything_else_the_approver_read(
    sent_back: CopyRequest, requester: User, second: User, edited: dict[str, Any]
) -> None:
    request = again(requester, sent_back, **edited)
    assert events(request)[-1].data["approvals_kept"] is False
    assert approve(second, request).state == "PENDING"


def test_so_does_a_change_of_a_rule_that_asks_but_not_of_its_place(
    sent_back: CopyRequest, requester: User, second: User
) -> None:
    rule = ApprovalRule.objects.get()
    ApprovalRule.objects.update(order=7)
    request = again(requester, sent_back)
    assert votes.open_count(voters.still_needed(request)) == 1
    ApprovalRule.objects.update(name=f"{rule.name}, as of today")
    request = again(requester, verbs.request_changes(acting(second), request.pk, reason="Once more"))
    assert votes.open_count(voters.still_needed(request)) == 2


def test_votes_for_other_content_do_not_count_whatever_the_round_says(sent_back: CopyRequest, second: User) -> None:
    assert votes.open_count(voters.still_needed(sent_back)) == 1
    CopyRequest.objects.filter(pk=sent_back.pk).update(content_hash="0" * 64)
    sent_back.refresh_from_db()
    assert votes.open_count(voters.still_needed(sent_back)) == 2


def test_a_request_of_before_keeps_its_hash_and_its_votes(
    sent_back: CopyRequest, approver: User, requester: User, second: User
) -> None:
    request = again(requester, sent_back)
    request.hash_version = 1
    request.content_hash = request.hash_of_content()
    request.save(update_fields=["hash_version", "content_hash"])
    request.decisions.update(content_hash=request.content_hash)
    CopyRequest.objects.filter(pk=request.pk).update(reason="Not covered then")
    assert approve(second, request).state == "APPROVED"


def test_an_approval_does_not_come_back_with_the_content_after_an_edit(
    sent_back: CopyRequest, requester: User, second: User
) -> None:
    first = sent_back.calls_as_asked()
    request = again(requester, sent_back, make_call("eu-west-1", Name=OTHER_NAME))
    verbs.request_changes(acting(second), request.pk, reason="The old name was right.")
    request = again(requester, request, *first)
    assert approve(second, request).state == "PENDING"


def test_submitting_again_starts_a_round_and_cancels_the_copies_of_the_one_before(
    sent_back: CopyRequest, requester: User
) -> None:
    request = again(requester, sent_back, make_call("eu-west-1", Name=OTHER_NAME))
    assert list(request.copies.order_by("round", "position").values_list("round", "state")) == [
        (1, "CANCELLED"),
        (1, "CANCELLED"),
        (2, "HELD"),
    ]
    assert request.Name == OTHER_NAME
    event = next(event for event in events(request) if event.action == "request.resubmitted")
    assert (event.old, event.new, event.data["approvals_kept"]) == ("CHANGES_REQUESTED", "PENDING", False)
    assert event.data["changes"] == [
        {"destination": "eu-west-1", "member": "Name", "old": "golden-al2023-2026.11.24", "new": OTHER_NAME},
        {"destination": "us-west-2", "member": "DestinationRegion", "old": "us-west-2", "new": None},
    ]


def test_only_the_requester_submits_again_and_only_what_was_sent_back(
    sent_back: CopyRequest, submit: Submit, requester: User, second: User
) -> None:
    with pytest.raises(NotAllowed, match="Only the person who made"):
        again(second, sent_back)
    with pytest.raises(InvalidTransition, match="waiting for approval already"):
        again(requester, submit())
    with pytest.raises(InvalidRequest):
        again(requester, sent_back, make_call(Name="x"))
    sent_back.refresh_from_db()
    assert (sent_back.state, sent_back.round) == ("CHANGES_REQUESTED", 1)
    assert set(sent_back.copies.values_list("state", flat=True)) == {"HELD"}


def test_a_token_of_ones_own_that_was_never_sent_can_be_used_again(
    requester: User, approver: User, account: Account
) -> None:
    call = Call("eu-west-1", make_call().parameters, "week-47")
    request = verbs.submit(acting(requester), account=account, reason="x", calls=[call])
    verbs.request_changes(acting(approver), request.pk, reason="Which ticket?")
    request = again(requester, request, call)
    assert Attempt.objects.get(copy__request=request).ClientToken == "week-47"
    assert approve(approver, request).state == "APPROVED"


def test_a_token_of_another_request_stays_taken(requester: User, approver: User, account: Account) -> None:
    call = Call("eu-west-1", make_call().parameters, "week-47")
    verbs.submit(acting(requester), account=account, reason="x", calls=[call])
    request = verbs.submit(acting(requester), account=account, reason="x", calls=[make_call()])
    verbs.request_changes(acting(approver), request.pk, reason="Which ticket?")
    with pytest.raises(InvalidRequest, match="used before"):
        again(requester, request, call)


def test_the_rules_of_the_day_count_when_submitting_again(sent_back: CopyRequest, requester: User) -> None:
    Group.objects.create(name="security")
    make_person("security-1", "approver", "security")
    make_rule("Security first", order=0, requirements=[{"group": "security", "count": 1}])
    assert again(requester, sent_back).plan == [{"group": "security", "count": 1}]


def overdue(request: CopyRequest, *, hours: float = 1) -> None:
    CopyRequest.objects.filter(pk=request.pk).update(expires_at=timezone.now() - timedelta(hours=hours))


def test_a_request_expires_undecided_after_the_setting(submit: Submit, settings: Settings) -> None:
    settings.REQUEST_EXPIRES_DAYS = 3
    request = submit()
    assert request.expires_at == request.submitted_at + timedelta(days=3)
    assert expire.expire_due(actor=worker("expire_due")) == 0
    overdue(request)
    assert expire.expire_due(actor=worker("expire_due")) == 1
    request.refresh_from_db()
    assert request.state == "EXPIRED"
    assert [copy.state for copy in request.copies.all()] == ["CANCELLED"]
    assert actions(request) == ["request.submitted", "request.expired", "copy.cancelled"]
    assert expire.expire_due(actor=worker("expire_due")) == 0


def test_a_renewal_between_the_list_and_the_lock_is_not_expired(
    submit: Submit, requester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = submit()
    overdue(request)

    def renewed_first(number: int) -> CopyRequest:
        CopyRequest.objects.filter(pk=number).update(expires_at=timezone.now() + timedelta(days=1))
        return lock_request(number)

    monkeypatch.setattr(expire, "lock_request", renewed_first)
    assert expire.expire_due(actor=worker("expire_due")) == 0
    request.refresh_from_db()
    assert request.state == "PENDING"


def test_an_approved_request_does_not_expire(submit: Submit, approver: User) -> None:
    request = submit()
    approve(approver, request)
    overdue(request)
    assert expire.expire_due(actor=worker("expire_due")) == 0


def test_an_expired_request_cannot_be_approved_but_renewed(submit: Submit, approver: User, requester: User) -> None:
    request = submit()
    overdue(request)
    expire.expire_due(actor=worker("expire_due"))
    with pytest.raises(InvalidTransition, match="expired already"):
        approve(approver, request)
    with pytest.raises(NotAllowed):
        verbs.renew(acting(approver), request.pk)
    renewed = verbs.renew(acting(requester), request.pk)
    assert (renewed.state, renewed.round) == ("PENDING", 2)
    assert renewed.expires_at is not None
    assert renewed.expires_at > timezone.now()
    assert approve(approver, renewed).state == "APPROVED"
    assert "request.renewed" in actions(request)


def test_renewing_asks_for_all_approvals_anew(submit: Submit, approver: User, second: User, requester: User) -> None:
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    request = submit()
    approve(approver, request)
    overdue(request)
    expire.expire_due(actor=worker("expire_due"))
    renewed = verbs.renew(acting(requester), request.pk)
    assert approve(second, renewed).state == "PENDING"
    assert approve(approver, renewed).state == "APPROVED"


def test_a_reminder_comes_once_and_before_the_end(submit: Submit, settings: Settings, requester: User) -> None:
    settings.REQUEST_EXPIRES_DAYS, settings.REQUEST_REMIND_DAYS = 7, 2
    request = submit()
    assert expire.remind_due(actor=worker("expire_due")) == []
    CopyRequest.objects.filter(pk=request.pk).update(expires_at=timezone.now() + timedelta(days=1))
    assert expire.remind_due(actor=worker("expire_due")) == [request.pk]
    assert expire.remind_due(actor=worker("expire_due")) == []
    assert actions(request) == ["request.submitted", "request.reminded"]
