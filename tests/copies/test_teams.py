"""Teams: who makes them and says who is in them, what that gives, and that nobody gets power by it alone."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account, Budget
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.core.team_models import Team
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import people, proposal_decisions, proposals, services, teams, tokens
from amicopy.copies.requests import verbs
from amicopy.copies.voting import power, team_power, voters
from amicopy.web.models import Preset
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(db: None) -> User:
    """Somebody who may ask, and owns the team."""
    return make_person("owner", "requester")


@pytest.fixture
def security(boss: User, owner: User) -> Group:
    """A team that nothing uses yet."""
    return teams.add(acting(boss), name="security", description="Looks at  production", owners=[owner])


def asks(team: str, name: str = "Production", **more: Any) -> ApprovalRule:
    return make_rule(name, requirements=[{"group": team, "count": 1}], **more)


def in_team(group: Group) -> list[str]:
    return sorted(group.user_set.values_list("username", flat=True))


def state_of_last_event() -> list[str]:
    roles: list[str] = AuditEvent.objects.latest("pk").data["state"]["roles"]
    return roles


def test_each_change_of_a_team_is_an_event_and_notice_finds_nothing_else(
    boss: User, ann: User, security: Group
) -> None:
    people.notice(acting(boss))
    before = AuditEvent.objects.count()
    teams.join(acting(boss), security.pk, ann.pk)
    assert AuditEvent.objects.latest("pk").action == "person.team_joined"
    assert state_of_last_event() == ["approver", "security"]
    teams.join(acting(boss), security.pk, ann.pk)
    assert AuditEvent.objects.count() == before + 1, "in it already"
    teams.save(acting(boss), security.pk, name="guards", description="Looks at production", owners=[ann])
    event = AuditEvent.objects.latest("pk")
    assert event.action == "team.changed"
    assert event.data["changes"] == {"name": ["security", "guards"], "owners": [["owner"], ["ann"]]}
    people.notice(acting(boss))
    assert AuditEvent.objects.latest("pk") == event, "a new name is no change past amicopy"
    teams.save(acting(boss), security.pk, name="guards", description="Looks at production", owners=[ann])
    assert AuditEvent.objects.latest("pk") == event, "no difference"
    teams.delete(acting(boss), security.pk)
    assert list(AuditEvent.objects.order_by("-pk").values_list("action", flat=True)[:2]) == [
        "team.deleted",
        "person.team_left",
    ]
    people.notice(acting(boss))
    assert AuditEvent.objects.latest("pk").action == "team.deleted"
    assert not Team.objects.exists()


def test_only_administrators_make_change_and_delete_teams(owner: User, ann: User, security: Group) -> None:
    for verb in (
        lambda: teams.add(acting(owner), name="mine"),
        lambda: teams.save(acting(owner), security.pk, name="mine", description="", owners=[]),
        lambda: teams.delete(acting(owner), security.pk),
    ):
        with pytest.raises(NotAllowed, match="manage people"):
            verb()
    with pytest.raises(NotAllowed, match="owners of security"):
        teams.join(acting(ann), security.pk, ann.pk)


def test_a_role_is_no_team(boss: User, ann: User) -> None:
    role = Group.objects.get(name="administrator")
    for verb in (
        lambda: teams.join(acting(boss), role.pk, ann.pk),
        lambda: teams.leave(acting(boss), role.pk, ann.pk),
        lambda: teams.delete(acting(boss), role.pk),
        lambda: teams.save(acting(boss), role.pk, name="x", description="", owners=[ann]),
    ):
        with pytest.raises(Group.DoesNotExist):
            verb()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (" ", "Enter a name"),
        ("x" * 151, "Enter a name"),
        ("a, b", "without commas"),
        ("Approver", "looks like"),
        ("аpprover", "looks like|alike"),
        ("Security", "looks like"),
    ],
)
def test_names_that_can_be_taken_for_others_are_refused(boss: User, security: Group, name: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        teams.add(acting(boss), name=name)


def test_an_owner_says_who_is_in_a_team_until_that_gives_power(owner: User, ann: User, security: Group) -> None:
    proposals.join_team(acting(owner), security, ann)
    assert in_team(security) == ["ann"]
    assert not Grant.objects.exists()
    proposals.leave_team(acting(owner), security, ann)
    rule = asks("security", enabled=False)
    for verb in (proposals.join_team, proposals.leave_team):
        with pytest.raises(NotAllowed, match="administrators say who is"):
            verb(acting(owner), security, ann)
    rule.delete()
    Account.objects.create(name="shared", account_id="444455556666").requester_groups.add(security)
    with pytest.raises(NotAllowed, match="administrators say who is"):
        proposals.join_team(acting(owner), security, ann)


def test_joining_a_team_that_is_asked_takes_two(boss: User, second: User, ann: User, security: Group) -> None:
    asks("security")
    outcome = proposals.join_team(acting(boss), security, ann)
    assert in_team(security) == []
    assert outcome.proposal
    assert outcome.proposal.title == "Put people in team “security”"
    assert outcome.proposal.changes == {"members": [[], ["ann"]]}
    with pytest.raises(NotAllowed, match="You proposed it"):
        proposal_decisions.confirm(acting(boss), outcome.proposal.pk)
    assert proposal_decisions.confirm(acting(second), outcome.proposal.pk).state == Proposal.State.CONFIRMED
    assert in_team(security) == ["ann"]
    assert not Grant.objects.filter(person=ann).exists(), "two stand for it"
    assert not proposals.leave_team(acting(boss), security, ann).proposal, "it takes power away"
    assert in_team(security) == []


def test_leaving_a_team_that_rules_or_budgets_are_for_takes_two(
    boss: User, second: User, ann: User, security: Group
) -> None:
    teams.join(acting(boss), security.pk, ann.pk)
    Budget.objects.create(team=security, amount=50, set_at=timezone.now())
    assert proposals.leave_team(acting(boss), security, ann).proposal
    Proposal.objects.all().delete()
    Budget.objects.all().delete()
    make_rule("Outsiders", requester_group=security, requirements=[{"group": "approver", "count": 2}])
    assert proposals.leave_team(acting(boss), security, ann).proposal
    assert in_team(security) == ["ann"]


def test_nobody_joins_or_leaves_a_team_with_power_by_their_own_hand(boss: User, security: Group) -> None:
    asks("security")
    with pytest.raises(NotAllowed, match="your own roles"):
        proposals.join_team(acting(boss), security, boss)


def test_a_team_filled_alone_does_not_decide_on_its_fillers_request(
    boss: User, ann: User, security: Group, account: Account, settings: Settings
) -> None:
    """Without a second administrator it is done at once, and the two count as one, as with a role."""
    settings.TWO_PERSON_CHANGES = False
    asks("security")
    assert not proposals.join_team(acting(boss), security, ann).proposal
    assert Grant.objects.get(person=ann).kind == Grant.Kind.TEAM
    other = make_person("other", "approver")
    power_free = make_person("asks", "requester")
    row = verbs.submit(acting(power_free), account=account, reason="PLAT-1", calls=[make_call()])
    mine = verbs.submit(acting(make_person("mine", "requester")), account=account, reason="PLAT-1", calls=[make_call()])
    mine.requester = boss
    mine.save()
    assert approve(ann, row).state == "APPROVED", "for others it counts"
    with pytest.raises(NotAllowed, match="comes from boss"):
        verbs.approve(acting(ann), mine.pk, seen_hash=mine.content_hash)
    assert not power.hands_in([boss.pk, ann.pk]).apart(boss.pk, ann.pk)
    assert power.hands_in([boss.pk, other.pk]).apart(boss.pk, other.pk)


def test_people_of_ones_own_making_in_a_team_approve_nothing_for_their_maker(
    boss: User, second: User, security: Group, account: Account
) -> None:
    asks("security")
    made = people.add(acting(boss), name="puppet", email="", roles=["approver"])
    outcome = proposals.join_team(acting(boss), security, made)
    assert outcome.proposal
    # Even with a second one who doesn't look: what the first gave before stands unconfirmed.
    proposal_decisions.confirm(acting(second), outcome.proposal.pk)
    friend = make_person("friend", "approver", "security")
    row = verbs.submit(acting(boss), account=account, reason="PLAT-1", calls=[make_call()])
    with pytest.raises(NotAllowed, match="comes from boss"):
        verbs.approve(acting(made), row.pk, seen_hash=row.content_hash)
    assert approve(friend, row).state == "APPROVED"


def test_a_team_can_not_be_filled_while_a_rule_that_names_it_waits(
    boss: User, second: User, owner: User, ann: User, security: Group
) -> None:
    rule = ApprovalRule(name="Production", requirements=[{"group": "security", "count": 1}])
    assert proposals.save_rule(acting(boss), rule).proposal
    with pytest.raises(NotAllowed, match="administrators say who is"):
        proposals.join_team(acting(owner), security, ann)
    assert proposals.join_team(acting(boss), security, ann).proposal


def test_a_team_can_not_be_filled_while_a_request_waits_for_it(
    boss: User, owner: User, ann: User, security: Group, account: Account
) -> None:
    teams.join(acting(boss), security.pk, ann.pk)
    rule = asks("security")
    row = verbs.submit(acting(owner), account=account, reason="PLAT-1", calls=[make_call()])
    rule.delete()
    friend = make_person("friend", "approver")
    with pytest.raises(NotAllowed, match="administrators say who is"):
        proposals.join_team(acting(owner), security, friend)
    with pytest.raises(NotAllowed, match="requests that are under way"):
        teams.delete(acting(boss), security.pk)
    with pytest.raises(NotAllowed, match="requests that are under way went by this one"):
        teams.save(acting(boss), security.pk, name="guards", description="", owners=[])
    row.refresh_from_db()
    assert [user.username for user in voters.who_can_help(row)] == ["ann"]


def test_no_team_takes_the_name_of_one_that_is_asked_and_gone(boss: User, second: User, ann: User) -> None:
    friends = teams.add(acting(boss), name="friends")
    teams.join(acting(boss), friends.pk, ann.pk)
    asks("vanished")
    with pytest.raises(ValidationError, match="isn't there any more"):
        teams.save(acting(boss), friends.pk, name="vanished", description="", owners=[])
    # Made again it is empty, and who joins it is for two to say.
    again = teams.add(acting(boss), name="vanished")
    assert proposals.join_team(acting(boss), again, ann).proposal
    assert in_team(again) == []


def test_rules_go_with_a_new_name(boss: User, ann: User, security: Group, settings: Settings) -> None:
    settings.TWO_PERSON_CHANGES = False
    rule = asks("security")
    proposals.switch_rule(acting(boss), rule, on=False)
    teams.save(acting(boss), security.pk, name="guards", description="", owners=[])
    rule.refresh_from_db()
    assert rule.requirements == [{"group": "guards", "count": 1}]
    (grant,) = Grant.objects.filter(kind=Grant.Kind.RULES)
    assert [row["requirements"] for row in grant.before or []] == [rule.requirements]


def test_what_uses_a_team_is_said_and_keeps_it(boss: User, owner: User, ann: User, security: Group) -> None:
    asks("security")
    make_rule("Outsiders", requester_group=security)
    account = Account.objects.create(name="shared", account_id="444455556666")
    account.requester_groups.add(security)
    Budget.objects.create(team=security, amount=50, set_at=timezone.now())
    Preset.objects.create(team=security, name="Weekly")
    services.add(acting(boss), name="pipeline", owners=[ann], teams=[security])
    said = team_power.uses(security).words
    assert said == [
        "rule “Production”",
        "rule “Outsiders”",
        "account shared",
        "service account pipeline",
        "its budget",
        "1 of the presets",
    ]
    with pytest.raises(NotAllowed, match="used by rule “Production”, rule “Outsiders”, account shared"):
        teams.delete(acting(boss), security.pk)
    assert Preset.objects.exists()


def test_looking_at_many_teams_takes_as_many_statements_as_at_one(boss: User, security: Group) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            team_power.uses_of(list(Group.objects.all()))
        return len(caught)

    asks("security")
    one = statements()
    for number in range(5):
        teams.add(acting(boss), name=f"team {number}")
        asks(f"team {number}", name=f"rule {number}")
    assert statements() == one


def test_whoever_joins_a_team_owns_its_services_and_does_not_decide_on_what_they_ask(
    boss: User, second: User, ann: User, owner: User, security: Group, account: Account
) -> None:
    make_person("decides", "approver")
    teams.join(acting(boss), security.pk, owner.pk)
    pipeline = services.add(acting(boss), name="pipeline", owners=[], teams=[security])
    people.set_roles(acting(second), pipeline.pk, ["requester"])
    assert services.owners_of(pipeline.pk) == ["owner"]
    outcome = proposals.join_team(acting(boss), security, ann)
    assert outcome.proposal, "its members make tokens"
    proposal_decisions.confirm(acting(second), outcome.proposal.pk)
    assert services.owners_of(pipeline.pk) == ["ann", "owner"]
    made, _ = tokens.make(acting(ann), name="nightly", scopes=["request"], days=30, service=pipeline.pk)
    program = tokens.actor_with(made, address="192.0.2.7")
    row = verbs.submit(program, account=account, reason="PLAT-1", calls=[make_call()])
    with pytest.raises(NotAllowed, match="own the service account"):
        verbs.approve(acting(ann), row.pk, seen_hash=row.content_hash)
    teams.leave(acting(boss), security.pk, ann.pk)
    assert services.owners_of(pipeline.pk) == ["owner"]
    made.refresh_from_db()
    assert made.revoked_at, "made as an owner"
    with pytest.raises(NotAllowed, match="or did"):
        verbs.approve(acting(ann), row.pk, seen_hash=row.content_hash)
    with pytest.raises(NotAllowed, match="Nobody would own"):
        teams.leave(acting(boss), security.pk, owner.pk)


def test_a_service_without_any_owner_is_refused(boss: User, ann: User, security: Group) -> None:
    with pytest.raises(ValidationError, match="a team that somebody is in"):
        services.add(acting(boss), name="pipeline", owners=[], teams=[security])
    pipeline = services.add(acting(boss), name="pipeline", owners=[ann])
    with pytest.raises(ValidationError, match="a team that somebody is in"):
        services.set_owners(acting(boss), pipeline.pk, [], [security])
    with pytest.raises(ValidationError, match="A role owns nothing"):
        services.set_owners(acting(boss), pipeline.pk, [], [Group.objects.get(name="approver")])


def test_a_proposal_waits_for_its_team(boss: User, second: User, ann: User, security: Group) -> None:
    asks("security")
    assert proposals.join_team(acting(boss), security, ann).proposal
    with pytest.raises(InvalidTransition, match="Decide on that first"):
        proposals.join_team(acting(boss), security, make_person("other", "approver"))
    with pytest.raises(NotAllowed, match="the change “Put people in team “security”” that waits went by this one"):
        teams.save(acting(boss), security.pk, name="guards", description="", owners=[])
