"""A vote handed to a team or a role for a time: who gives it, what it counts as, and what being in the team is then."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import Delegation
from amicopy.copies.core.power_models import Grant
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import people, proposal_decisions, proposals, teams
from amicopy.copies.requests import delegation_actions, verbs
from amicopy.copies.voting import team_power, voters
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def guard(db: None) -> User:
    """Whose vote the rule asks for."""
    Group.objects.create(name="security")
    return make_person("guard", "approver", "security")


@pytest.fixture
def stand_ins(boss: User, ann: User) -> Group:
    """A team with an approver and a requester in it."""
    team = teams.add(acting(boss), name="stand-ins", owners=[make_person("owner", "requester")])
    teams.join(acting(boss), team.pk, ann.pk, make_person("asker", "requester").pk)
    return team


@pytest.fixture
def waiting(guard: User, account: Account) -> CopyRequest:
    make_rule("Security", requirements=[{"group": "security", "count": 1}])
    rita = make_person("rita", "requester")
    return verbs.submit(acting(rita), account=account, reason="PLAT-1", calls=[make_call()])


def hand_over(giver: User, receiver: User | Group, *, days: float = 1) -> Delegation:
    until = timezone.now() + timedelta(days=days)
    return delegation_actions.delegate(acting(giver), receiver=receiver, until=until, reason="On leave")


def test_whoever_is_in_the_team_at_the_vote_gives_it(
    waiting: CopyRequest, guard: User, ann: User, stand_ins: Group, boss: User
) -> None:
    assert voters.who_can_help(waiting) == [guard]
    hand_over(guard, stand_ins)
    assert voters.who_can_help(waiting) == [guard, ann]
    assert voters.waiting_for(ann, [waiting]) == {waiting.pk}
    teams.leave(acting(boss), stand_ins.pk, ann.pk)
    assert voters.who_can_help(waiting) == [guard]
    with pytest.raises(NotAllowed, match="isn't needed"):
        approve(ann, waiting)
    stand_ins.user_set.add(ann)
    assert approve(ann, waiting).state == "APPROVED"
    decision = waiting.decisions.get()
    assert (decision.decided_by, decision.on_behalf_of) == (ann, guard)
    made = AuditEvent.objects.get(action="delegation.made").data
    assert (made["giver"], made["group"], made["group_id"]) == ("guard", "stand-ins", stand_ins.pk)
    assert AuditEvent.objects.get(action="request.approved").data["on_behalf_of"] == "guard"


def test_who_may_not_decide_gives_no_vote_by_a_team(waiting: CopyRequest, guard: User, stand_ins: Group) -> None:
    hand_over(guard, stand_ins)
    with pytest.raises(NotAllowed, match="can't decide"):
        approve(User.objects.get(username="asker"), waiting)


def test_the_givers_vote_counts_once(guard: User, ann: User, stand_ins: Group, boss: User, account: Account) -> None:
    """Whoever of the team gives it; and its giver, who is in the team, has but the one."""
    make_rule("Two", requirements=[{"group": "security", "count": 2}])
    make_person("guard-2", "approver", "security")
    rita = make_person("rita", "requester")
    row = verbs.submit(acting(rita), account=account, reason="PLAT-1", calls=[make_call()])
    bob = make_person("bob", "approver")
    teams.join(acting(boss), stand_ins.pk, bob.pk, guard.pk)
    hand_over(guard, stand_ins)
    assert voters.principals(guard) == [guard]
    approve(ann, row)
    with pytest.raises(NotAllowed, match="isn't needed"):
        approve(bob, row)
    with pytest.raises(NotAllowed):
        approve(guard, row)
    assert row.decisions.count() == 1


def test_one_hand_gives_one_vote_by_whatever_team(ann: User, boss: User, stand_ins: Group, account: Account) -> None:
    """Not another's beside their own, and not two by two people of one hand."""
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    rita, bob = make_person("rita", "requester"), make_person("bob", "approver")
    made = people.add(acting(boss), name="made", email="", roles=["approver"])
    other = people.add(acting(boss), name="other", email="", roles=["approver"])
    row = verbs.submit(acting(rita), account=account, reason="PLAT-1", calls=[make_call()])
    teams.join(acting(boss), stand_ins.pk, made.pk, other.pk)
    hand_over(bob, stand_ins)
    approve(ann, row)
    with pytest.raises((NotAllowed, InvalidTransition)):
        approve(ann, row)
    row = verbs.submit(acting(rita), account=account, reason="PLAT-2", calls=[make_call(Name="second")])
    approve(made, row)
    with pytest.raises(NotAllowed, match="made has approved it"):
        approve(other, row)
    assert row.decisions.count() == 1


def test_nobody_decides_for_who_has_a_hand_in_them_by_a_team(
    guard: User, boss: User, stand_ins: Group, account: Account
) -> None:
    made = people.add(acting(boss), name="made", email="", roles=["approver"])
    teams.join(acting(boss), stand_ins.pk, made.pk)
    hand_over(guard, stand_ins)
    row = verbs.submit(acting(boss), account=account, reason="PLAT-1", calls=[make_call()])
    with pytest.raises(NotAllowed, match="What made may do comes from boss"):
        approve(made, row)
    # Nor is a requester's own vote given for them.
    asking = make_person("asking", "requester", "approver", "security")
    make_rule("Security", requirements=[{"group": "security", "count": 1}])
    row = verbs.submit(acting(asking), account=account, reason="PLAT-1", calls=[make_call(Name="own")])
    Delegation.objects.all().delete()
    hand_over(asking, stand_ins)
    with pytest.raises(NotAllowed, match="isn't needed"):
        approve(User.objects.get(username="ann"), row)


def test_a_role_can_be_handed_a_vote(waiting: CopyRequest, guard: User, ann: User) -> None:
    hand_over(guard, Group.objects.get(name="approver"))
    assert voters.who_can_help(waiting) == [guard, ann]
    assert approve(ann, waiting).state == "APPROVED"


def test_it_is_not_handed_on(waiting: CopyRequest, guard: User, ann: User, stand_ins: Group) -> None:
    bob = make_person("bob", "approver")
    hand_over(guard, stand_ins)
    hand_over(ann, bob)
    with pytest.raises(NotAllowed, match="isn't needed"):
        approve(bob, waiting)


def test_it_is_for_a_team_in_which_somebody_else_may_decide(guard: User, boss: User, stand_ins: Group) -> None:
    teams.leave(acting(boss), stand_ins.pk, User.objects.get(username="ann").pk)
    teams.join(acting(boss), stand_ins.pk, guard.pk)
    with pytest.raises(InvalidRequest, match="Nobody else in stand-ins may decide"):
        hand_over(guard, stand_ins)
    assert not Delegation.objects.exists()


def test_the_database_takes_one_to_a_person_or_a_group(guard: User, ann: User, stand_ins: Group) -> None:
    now = timezone.now()
    times = {"created_at": now, "until": now + timedelta(days=1)}
    for to in ({"receiver": ann, "group": stand_ins, "group_name": "stand-ins"}, {}, {"group": stand_ins}):
        with pytest.raises(IntegrityError, match="delegation_to_one"), transaction.atomic():
            Delegation.objects.create(giver=guard, **to, **times)


def test_joining_a_team_that_a_vote_was_handed_to_takes_two(
    waiting: CopyRequest, guard: User, stand_ins: Group, boss: User, second: User
) -> None:
    bob = make_person("bob", "approver")
    owner = User.objects.get(username="owner")
    assert not team_power.uses(stand_ins).power
    handed = hand_over(guard, stand_ins)
    uses = team_power.uses(stand_ins)
    assert (uses.joining_gives_power, uses.leaving_gives_power) == (True, False)
    assert uses.words == ["the vote of guard, handed over for a time"]
    with pytest.raises(NotAllowed, match="gives people power"):
        proposals.join_team(acting(owner), stand_ins, bob)
    with pytest.raises(NotAllowed):
        proposals.join_team(acting(boss), stand_ins, boss)
    proposal = proposals.join_team(acting(boss), stand_ins, bob).proposal
    assert proposal
    assert voters.waiting_for(bob, [waiting]) == set()
    proposal_decisions.confirm(acting(second), proposal.pk)
    assert voters.waiting_for(bob, [waiting]) == {waiting.pk}
    assert not Grant.objects.filter(person=bob).exists()
    with pytest.raises(NotAllowed, match="vote of guard"):
        teams.delete(acting(boss), stand_ins.pk)
    delegation_actions.take_back(acting(guard), handed.pk)
    assert team_power.uses(stand_ins).words == []


def test_joining_by_one_alone_makes_the_two_one(guard: User, stand_ins: Group, boss: User, account: Account) -> None:
    """By the only administrator."""
    bob = make_person("bob", "approver")
    hand_over(guard, stand_ins)
    assert proposals.join_team(acting(boss), stand_ins, bob).alone
    grant = Grant.objects.get(person=bob)
    assert (grant.kind, grant.given_by, grant.detail) == ("team", boss, "stand-ins")


def test_a_team_made_again_under_the_name_has_none_of_it(
    waiting: CopyRequest, guard: User, ann: User, stand_ins: Group, boss: User
) -> None:
    handed = hand_over(guard, stand_ins)
    # Past amicopy: its own verb refuses.
    stand_ins.delete()
    handed.refresh_from_db()
    assert (handed.group, handed.to) == (None, "stand-ins")
    again = teams.add(acting(boss), name="stand-ins")
    teams.join(acting(boss), again.pk, ann.pk)
    assert voters.waiting_for(ann, [waiting]) == set()
    assert voters.who_can_help(waiting) == [guard]


def test_a_team_is_renamed_and_deleted_with_its_record_kept(
    guard: User, ann: User, stand_ins: Group, boss: User
) -> None:
    handed = hand_over(guard, stand_ins)
    teams.save(acting(boss), stand_ins.pk, name="deputies", description="", owners=[])
    handed.refresh_from_db()
    assert handed.to == "deputies"
    delegation_actions.take_back(acting(guard), handed.pk)
    assert AuditEvent.objects.get(action="delegation.ended").data["group"] == "deputies"
    teams.delete(acting(boss), stand_ins.pk)
    handed.refresh_from_db()
    assert handed.to == "stand-ins", "as it was called when it was handed over"


def test_members_see_it_and_its_giver_and_administrators_end_it(
    guard: User, ann: User, stand_ins: Group, boss: User
) -> None:
    handed = hand_over(guard, stand_ins)
    assert list(delegation_actions.visible_to(ann)) == [handed]
    assert not delegation_actions.visible_to(make_person("bob", "approver")).exists()
    with pytest.raises(NotAllowed, match="Only who handed over"):
        delegation_actions.take_back(acting(ann), handed.pk)
    delegation_actions.take_back(acting(boss), handed.pk)
    assert AuditEvent.objects.filter(action="delegation.ended").count() == 1


def test_an_ended_one_keeps_no_name_from_being_taken(guard: User, stand_ins: Group, boss: User) -> None:
    handed = hand_over(guard, stand_ins)
    delegation_actions.take_back(acting(guard), handed.pk)
    teams.delete(acting(boss), stand_ins.pk)
    assert teams.add(acting(boss), name="stand-ins")
    with pytest.raises(ValidationError, match="looks like"):
        teams.add(acting(boss), name="Stand-ins")
