"""Many people from pasted lines: looked at without a trace, and added as one by one."""

import pytest
from django.contrib.auth.models import Group, User
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.operations import many_people, teams
from amicopy.notify.models import Kind, Message
from tests.copies.conftest import acting, make_person, make_rule

pytestmark = pytest.mark.django_db
LINES = """\
first,first@people.example,requester,platform
second

third,third@people.example,requester;auditor,platform;security
"""


@pytest.fixture
def boss(db: None) -> User:
    make_person("other-boss", "administrator")
    return make_person("boss", "administrator")


@pytest.fixture
def two_teams(boss: User) -> list[Group]:
    return [teams.add(acting(boss), name=name) for name in ("platform", "security")]


def added(boss: User, text: str, *, mail: bool = False) -> list[many_people.Line]:
    lines = many_people.lines_of(text)
    many_people.add(acting(boss), lines, mail=mail)
    return lines


def test_a_look_leaves_no_trace_and_says_what_would_wait(boss: User, two_teams: list[Group]) -> None:
    make_rule("Production", requirements=[{"group": "security", "count": 1}])
    before, people = AuditEvent.objects.count(), User.objects.count()
    lines = many_people.lines_of(LINES)
    many_people.look(acting(boss), lines, mail=False)
    assert [line.wrong for line in lines] == [[], [], []]
    assert [line.waits for line in lines] == [["roles"], [], ["roles", "team security"]]
    assert [line.number for line in lines] == [1, 2, 4]
    assert (AuditEvent.objects.count(), User.objects.count()) == (before, people)
    assert not Proposal.objects.exists()


def test_what_gives_power_waits_as_for_one(boss: User, two_teams: list[Group]) -> None:
    make_rule("Production", requirements=[{"group": "security", "count": 1}])
    added(boss, LINES + "fourth,,approver,security\n")
    assert sorted(two_teams[0].user_set.values_list("username", flat=True)) == ["first", "third"]
    assert not two_teams[1].user_set.exists()
    assert not User.objects.filter(username__in=("first", "third", "fourth"), groups__name="requester").exists()
    waiting = Proposal.objects.get(subject="team")
    assert waiting.changes == {"members": [[], ["fourth", "third"]]}
    assert AuditEvent.objects.filter(action="person.added").count() == 4


def test_bad_lines_are_named_and_the_good_ones_added_alone(boss: User, two_teams: list[Group]) -> None:
    text = "\n".join(
        (
            "good,good@people.example",
            "boss",
            "good",
            ",nobody@people.example",
            "bad-mail,nowhere",
            "same-mail,GOOD@people.example",
            "no-role,,king",
            "no-team,,,elsewhere",
            "too,many,columns,here,there",
            "Approver-1\0",
        )
    )
    lines = added(boss, text)
    said = [" ".join(line.wrong) for line in lines]
    assert said[0] == ""
    for words, expected in zip(
        said[1:],
        (
            "already exists",
            "already exists",
            "Enter a user name",
            "Enter an e-mail address",
            "Somebody has this one",
            "no role “king”. Roles are requester",
            "no team “elsewhere”",
            "more columns",
            "no text",
        ),
        strict=True,
    ):
        assert expected in words, said
    assert set(User.objects.values_list("username", flat=True)) == {"boss", "other-boss", "good"}


def test_headings_say_the_order_and_a_spreadsheet_has_tabs(boss: User, two_teams: list[Group]) -> None:
    lines = many_people.lines_of('E-mail\tTeams\tRoom\tUser name\na@people.example\t"platform"\t12\tann\n')
    (line,) = lines
    assert (line.name, line.email, line.teams, line.roles) == ("ann", "a@people.example", ["platform"], [])


def test_links_are_mailed_to_those_who_can_be_written_to(
    boss: User, two_teams: list[Group], settings: Settings
) -> None:
    settings.EMAIL_ON = True
    lines = added(boss, "first,first@people.example\nsecond", mail=True)
    assert [line.mailed for line in lines] == [True, False]
    assert Message.objects.filter(kind=Kind.LINK).count() == 1
    assert AuditEvent.objects.filter(action="person.link_made").count() == 1


def test_only_administrators_add_many(two_teams: list[Group]) -> None:
    for verb in (many_people.look, many_people.add):
        with pytest.raises(NotAllowed):
            verb(acting(make_person("ann", "approver")), many_people.lines_of("x"), mail=False)


def test_a_change_of_a_team_that_waits_is_decided_first(boss: User, two_teams: list[Group]) -> None:
    make_rule("Production", requirements=[{"group": "security", "count": 1}])
    added(boss, "first,,,security")
    (line,) = added(boss, "second,,,security")
    assert line.wrong == ["A change of team security waits. Decide on that first."]
    assert not User.objects.filter(username="second").exists()
