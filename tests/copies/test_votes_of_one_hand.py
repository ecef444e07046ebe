"""Two votes that one person could have given are one, the first, on whoever's request."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from amicopy.aws.errors import Rejected
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest, Decision, ImageCopy
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.power_models import Grant
from amicopy.copies.engine import gate
from amicopy.copies.operations import people
from amicopy.copies.requests import delegation_actions, verbs
from amicopy.copies.voting import left_out, voters
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(boss: User) -> list[User]:
    """Two approvers whom the boss made."""
    return [people.add(acting(boss), name=name, email="", roles=["approver"]) for name in ("one", "two")]


@pytest.fixture
def row(made: list[User], ann: User, account: Account) -> CopyRequest:
    """What somebody asks who has nothing to do with any of them, and that takes two."""
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    return ask(account)


def ask(account: Account, name: str = "golden") -> CopyRequest:
    rita = make_person("rita", "requester")
    return verbs.submit(acting(rita), account=account, reason="PLAT-1", calls=[make_call(Name=name)])


def confirm(name: str) -> None:
    call_command("confirm_person", name, stdout=StringIO())


def given(by: User, to: User, *, ago: timedelta = timedelta()) -> None:
    Grant.objects.create(person=to, kind="password", given_by=by, given_at=timezone.now() - ago)


def test_two_approvals_from_one_hand_are_one(row: CopyRequest, made: list[User], ann: User) -> None:
    one, two = made
    assert voters.who_can_help(row) == [*made, ann]
    approve(one, row)
    with pytest.raises(NotAllowed, match=r"one has approved it\. What two and one may do comes from boss") as refused:
        approve(two, row)
    assert "Whoever operates amicopy can confirm two: manage.py confirm_person two." in str(refused.value)
    assert voters.who_can_help(row) == [ann]
    assert voters.waiting_for(two, [row]) == set()
    said = left_out.not_counted_beside(two, [row], voters.counted([row]))
    assert said[row.pk].startswith("one has approved it.")
    assert [user for user, _ in left_out.left_out_beside(row, voters.counted([row])[row.pk])] == [two]
    assert approve(ann, row).state == "APPROVED"


def test_whoever_made_a_voter_adds_no_vote(row: CopyRequest, made: list[User], boss: User) -> None:
    boss.groups.add(*made[0].groups.all())
    approve(boss, row)
    with pytest.raises(NotAllowed, match=r"boss has approved it\. What one may do comes from boss"):
        approve(made[0], row)


@pytest.mark.parametrize("name", ["one", "two"])
def test_once_one_of_them_is_confirmed_they_are_two(name: str, row: CopyRequest, made: list[User]) -> None:
    approve(made[0], row)
    confirm(name)
    assert approve(made[1], row).state == "APPROVED"


def test_of_two_that_are_stored_the_first_counts_and_the_gate_counts_so_too(
    row: CopyRequest, ann: User, boss: User
) -> None:
    bob = make_person("bob", "approver")
    approve(ann, row)
    approve(bob, row)
    copy = ImageCopy.objects.get(request=row)
    gate.check(copy, copy.attempts.get())
    # Both were in one hand before they voted.
    for user in (ann, bob):
        given(boss, user, ago=timedelta(hours=1))
    assert set(voters.counted([row])[row.pk].groups) == {ann.pk}
    with pytest.raises(Rejected, match="don't fulfil the plan"):
        gate.check(copy, copy.attempts.get())
    Grant.objects.filter(person=bob).update(confirmed_at=timezone.now())
    gate.check(copy, copy.attempts.get())


def test_votes_from_before_anybody_had_a_hand_in_both_are_two(row: CopyRequest, ann: User, boss: User) -> None:
    bob = make_person("bob", "approver")
    approve(ann, row)
    given(boss, ann)
    assert approve(bob, row).state == "APPROVED"
    given(boss, bob)
    assert set(voters.counted([row])[row.pk].groups) == {ann.pk, bob.pk}


def test_a_handed_vote_is_no_second_one(row: CopyRequest, made: list[User], ann: User) -> None:
    """Neither given by another of one hand, nor handed over by one."""
    one, two = made
    bob = make_person("bob", "approver")
    until = timezone.now() + timedelta(days=1)
    delegation_actions.delegate(acting(bob), receiver=two, until=until)
    delegation_actions.delegate(acting(two), receiver=ann, until=until)
    approve(one, row)
    with pytest.raises(NotAllowed, match="one has approved it"):
        approve(two, row)
    assert set(voters.who_can_help(row)) == {ann, bob}
    approve(ann, row)
    assert Decision.objects.get(decided_by=ann).on_behalf_of is None


def test_what_only_one_hand_could_approve_is_refused_when_it_is_asked(
    made: list[User], account: Account, boss: User
) -> None:
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    with pytest.raises(
        InvalidRequest, match=r"too many count as one person\. What one may do comes from boss"
    ) as refused:
        ask(account)
    assert "manage.py confirm_person two" in str(refused.value)
    confirm("one")
    assert ask(account).state == "PENDING"


def test_one_hand_fills_any_one_place_of_a_plan(made: list[User], account: Account, ann: User) -> None:
    """Of the two whom the boss made one is needed, whichever: somebody else has the other place."""
    guard = make_person("guard", "auditor", "approver")
    ann.groups.clear()
    made[0].groups.add(*guard.groups.filter(name="auditor"))
    make_rule("Both", requirements=[{"group": "auditor", "count": 1}, {"group": "approver", "count": 1}])
    row = ask(account)
    approve(made[0], row)
    assert approve(guard, row).state == "APPROVED"
