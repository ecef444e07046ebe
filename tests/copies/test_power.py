"""Four eyes are two people: who gave somebody what they have counts as one with them until somebody else confirms."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.aws.errors import Rejected
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest, Decision, ImageCopy
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.core.power_models import Grant
from amicopy.copies.engine import gate
from amicopy.copies.operations import confirmations, people, proposal_decisions, proposals
from amicopy.copies.requests import delegation_actions, policy_actions, verbs
from amicopy.copies.voting import power, voters
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(db: None) -> User:
    """An approver of before."""
    return make_person("ann", "approver")


def add(by: User, name: str, *roles: str) -> User:
    return people.add(acting(by), name=name, email="", roles=roles)


def ask(by: User, account: Account, name: str = "golden", *, region: str = "eu-west-1") -> CopyRequest:
    return verbs.submit(acting(by), account=account, reason="PLAT-1", calls=[make_call(region, Name=name)])


def given(by: User, to: User, kind: Grant.Kind = Grant.Kind.PASSWORD) -> None:
    """Something given now, past the verbs."""
    Grant.objects.create(person=to, kind=kind, given_by=by, given_at=timezone.now())


GIFTS: dict[str, Callable[[User, User], object]] = {
    "roles": lambda boss, user: people.set_roles(acting(boss), user.pk, ["approver", "auditor"]),
    "address": lambda boss, user: people.set_email(acting(boss), user.pk, "u@people.example"),
    "on": lambda boss, user: [people.switch(acting(boss), user.pk, on=on) for on in (False, True)],
    "break-glass": lambda boss, user: people.set_roles(acting(boss), user.pk, ["approver", "break-glass"]),
}


@pytest.mark.parametrize("gift", GIFTS)
def test_what_a_requester_gave_keeps_the_vote_from_counting_until_somebody_else_confirms(
    gift: str, boss: User, ann: User, account: Account
) -> None:
    somebody, second = make_person("somebody", "approver"), make_person("second", "administrator")
    request = ask(boss, account)
    GIFTS[gift](boss, somebody)
    with pytest.raises(NotAllowed, match=r"doesn't count for request .* comes from boss") as refused:
        approve(somebody, request)
    assert "second can confirm somebody" in str(refused.value)
    assert "manage.py confirm_person somebody" in str(refused.value)
    assert somebody not in voters.who_can_help(request)
    assert voters.votes_of(somebody, [request]) == {}
    with pytest.raises(NotAllowed, match="You can't confirm somebody"):
        confirmations.confirm(acting(boss), somebody.pk)
    confirmations.confirm(acting(second), somebody.pk)
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor, event.data["person"]) == ("person.confirmed", "second", "somebody")
    assert {each["given_by"] for each in event.data["confirmed"]} == {"boss"}
    assert approve(somebody, request).state == "APPROVED"


def test_a_team_of_three_works_on_its_first_day(account: Account) -> None:
    """One command stands for one of the three, and each has somebody who decides on their requests."""
    call_command("add_administrator", "first", stdout=StringIO())
    first = User.objects.get(username="first")
    one, two = (add(first, name, "requester", "approver") for name in ("one", "two"))
    for user, others in ((one, "first, two"), (first, "one, two")):
        with pytest.raises(InvalidRequest, match=f"Nobody could approve this but {others}") as refused:
            ask(user, account, "early")
        assert "Whoever operates amicopy can confirm one: manage.py confirm_person one." in str(refused.value)
    call_command("confirm_person", "one", stdout=StringIO())
    for number, (by, to) in enumerate([(first, one), (two, one), (one, two), (one, first)]):
        assert approve(to, ask(by, account, f"day-{number}")).state == "APPROVED"
    request = ask(first, account, "third")
    with pytest.raises(NotAllowed, match="doesn't count"):
        approve(two, request)


def test_two_people_one_administrator_made_up_are_one(boss: User, ann: User, account: Account) -> None:
    """Whoever made both could be both, by whatever way they got in."""
    request = ask(add(boss, "one", "requester"), account)
    two = add(boss, "two", "approver")
    with pytest.raises(NotAllowed, match="What two and one may do comes from boss") as refused:
        approve(two, request)
    for name in ("one", "two"):
        assert f"Whoever operates amicopy can confirm {name}" in str(refused.value)
    assert voters.waiting_for(two, [request]) == set()
    assert two not in voters.who_can_help(request)
    taken_over = make_person("taken", "approver")
    people.set_email(acting(boss), taken_over.pk, "mine@people.example")
    with pytest.raises(NotAllowed, match="doesn't count"):
        approve(taken_over, request)
    call_command("confirm_person", "two", stdout=StringIO())
    assert approve(two, request).state == "APPROVED"


def test_two_administrators_one_made_up_confirm_nothing_for_each_other(boss: User, ann: User) -> None:
    one, two = (make_person(name, "administrator") for name in ("one", "two"))
    for user in (one, two):
        given(boss, user)
    third = add(one, "third", "approver")
    with pytest.raises(NotAllowed, match="You can't confirm third"):
        confirmations.confirm(acting(two), third.pk)
    proposal = proposals.save_rule(acting(one), ApprovalRule(name="Nobody")).proposal
    assert proposal
    for user in (two, boss):
        with pytest.raises(NotAllowed, match="count as one"):
            proposal_decisions.confirm(acting(user), proposal.pk)
    proposal_decisions.confirm(acting(make_person("real", "administrator")), proposal.pk)


def test_the_command_says_what_it_did(boss: User) -> None:
    add(boss, "one", "approver")
    out = StringIO()
    call_command("confirm_person", "one", stdout=out)
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.source) == ("person.confirmed", "command")
    call_command("confirm_person", "one", stdout=out)
    assert out.getvalue().splitlines() == ["one is confirmed.", "There is nothing to confirm of one."]
    with pytest.raises(CommandError, match="nobody called nobody"):
        call_command("confirm_person", "nobody")


def test_who_was_made_by_somebody_one_made_counts_as_one_with_both(boss: User, ann: User, account: Account) -> None:
    puppet = add(boss, "puppet", "administrator")
    second_puppet = add(puppet, "second-puppet", "approver")
    third = add(boss, "third", "administrator")
    request = ask(boss, account)
    for user in (puppet, second_puppet, third):
        with pytest.raises(NotAllowed, match="doesn't count"):
            approve(user, request)
    for by in (boss, puppet, third):
        with pytest.raises(NotAllowed, match="confirm"):
            confirmations.confirm(acting(by), second_puppet.pk)
    assert [user.username for user in power.could_confirm(second_puppet, power.open_grants(second_puppet))] == []
    real = make_person("real", "administrator")
    confirmations.confirm(acting(real), puppet.pk)
    assert approve(second_puppet, request).state == "APPROVED", "made by somebody who is confirmed"


def test_a_confirmation_by_somebody_taken_over_does_not_count(boss: User, ann: User) -> None:
    other = make_person("other", "administrator")
    puppet = add(boss, "puppet", "approver")
    given(boss, other)
    with pytest.raises(NotAllowed, match="You can't confirm puppet"):
        confirmations.confirm(acting(other), puppet.pk)


def test_nobody_decides_for_somebody_they_made(boss: User, ann: User, account: Account) -> None:
    puppet = add(boss, "puppet", "requester")
    request = ask(puppet, account)
    with pytest.raises(NotAllowed, match="What puppet may do comes from boss"):
        approve(boss, request)
    assert voters.waiting_for(boss, [request]) == set()
    assert approve(ann, request).state == "APPROVED"


def test_a_vote_from_before_still_counts(boss: User, ann: User, account: Account) -> None:
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    bob = make_person("bob", "approver")
    request = ask(boss, account)
    approve(ann, request)
    given(boss, ann)
    assert approve(bob, request).state == "APPROVED"


def test_a_vote_that_should_not_be_there_is_not_counted_and_stops_at_the_gate(
    boss: User, ann: User, account: Account
) -> None:
    request = ask(boss, account)
    copy = ImageCopy.objects.get(request=request)
    approve(ann, request)
    gate.check(copy, copy.attempts.get())
    Grant.objects.create(
        person=ann, kind="password", given_by=boss, given_at=Decision.objects.get().decided_at - timedelta(minutes=1)
    )
    assert not voters.counted([request])[request.pk].by
    with pytest.raises(Rejected, match="don't fulfil the plan"):
        gate.check(copy, copy.attempts.get())


def test_a_handed_vote_counts_only_from_one_free_person_to_another(boss: User, ann: User, account: Account) -> None:
    puppet, bob = add(boss, "puppet", "approver"), make_person("bob", "approver")
    until = timezone.now() + timedelta(days=1)
    delegation_actions.delegate(acting(ann), receiver=puppet, until=until)
    delegation_actions.delegate(acting(puppet), receiver=bob, until=until)
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    carl = make_person("carl", "approver")
    request = ask(boss, account)
    with pytest.raises(NotAllowed, match="doesn't count"):
        approve(puppet, request)
    approve(bob, request)
    assert puppet not in voters.who_can_help(request)
    assert voters.still_needed(request) == [{"group": "approver", "count": 1}]
    assert approve(carl, request).state == "APPROVED"


def test_an_emergency_needs_somebody_else_too(boss: User, ann: User, account: Account) -> None:
    puppet = add(boss, "puppet", "break-glass")
    request = ask(boss, account)
    with pytest.raises(NotAllowed, match="doesn't count"):
        verbs.break_glass(acting(puppet), request.pk, reason="Fire", seen_hash=request.content_hash)
    call_command("confirm_person", "puppet", stdout=StringIO())
    verbs.break_glass(acting(puppet), request.pk, reason="Fire", seen_hash=request.content_hash)


def test_nobodys_own_rules_let_their_copies_run(boss: User, ann: User, account: Account) -> None:
    """By whatever change, and by whatever hand."""
    make_person("second", "administrator"), make_person("bob", "approver")
    two = make_rule("Two in Europe", order=1, requirements=[{"group": "approver", "count": 2}])
    nobody = make_rule("Nobody", order=2)
    real, puppet = make_person("real", "requester"), add(boss, "puppet", "administrator")
    policy_actions.move_rule(acting(puppet), nobody.pk, up=True)
    assert ask(boss, account, "moved").state == "PENDING"
    assert ask(puppet, account, "by-hand").state == "PENDING"
    assert ask(real, account, "real").state == "APPROVED"
    Grant.objects.filter(kind="rules").update(confirmed_at=timezone.now())
    assert ask(boss, account, "confirmed").state == "APPROVED"
    policy_actions.switch_rule(acting(boss), nobody.pk, on=False)
    policy_actions.switch_rule(acting(boss), nobody.pk, on=True)
    request = ask(boss, account, "switched")
    assert (request.state, request.plan) == ("PENDING", [{"permission": "copies.decide_request", "count": 1}])
    assert approve(ann, request).state == "APPROVED"
    assert Grant.objects.filter(kind="rules", confirmed_at__isnull=True).count() == 1
    Grant.objects.filter(kind="rules").update(confirmed_at=timezone.now())
    policy_actions.delete_rule(acting(boss), two.pk)
    assert ask(boss, account, "deleted").state == "PENDING"


def test_nobody_confirms_themselves_or_nothing(boss: User) -> None:
    with pytest.raises(NotAllowed, match="confirm yourself"):
        confirmations.confirm(acting(boss), boss.pk)
    with pytest.raises(NotAllowed, match="nothing to confirm"):
        confirmations.confirm(acting(boss), make_person("ann", "approver").pk)
    with pytest.raises(NotAllowed, match="can't manage people"):
        confirmations.confirm(acting(make_person("ann", "approver")), boss.pk)
