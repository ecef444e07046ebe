"""The pages of teams, of many people, and what rules and webhooks offer of both; all without a script."""

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from amicopy.copies.core.models import Account, ApprovalRule
from amicopy.copies.operations import services, teams
from amicopy.copies.operations.health.checks import rules as rules_check
from amicopy.copies.operations.health.words import words_of
from amicopy.copies.requests import verbs
from amicopy.notify.models import Endpoint, Message
from amicopy.notify.sealing import seal
from tests.copies.conftest import acting, make_call, make_person, make_rule
from tests.web.conftest import SignedIn, settled, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db


@pytest.fixture
def platform(signed_in: SignedIn) -> Group:
    """A team that the requester owns."""
    signed_in("requester")
    boss = make_person("boss", "administrator")
    return teams.add(acting(boss), name="platform", owners=[User.objects.get(username="requester")])


def test_an_administrator_makes_one_fills_it_and_deletes_it(signed_in: SignedIn) -> None:
    client = signed_in("administrator")
    assert read(client.get("/people/")).link("Teams").address == "/people/teams/"
    assert "There is none." in read(client.get("/people/teams/")).text
    answer = client.post("/people/teams/", {"name": "Approver"})
    assert answer.status_code == 422
    assert "looks like “approver”" in read(answer).field("name").said
    answer = client.post("/people/teams/", {"name": "platform", "description": "Builds images"})
    group = Group.objects.get(name="platform")
    path = f"/people/teams/{group.pk}/"
    assert answer["Location"] == path
    answer = client.post(f"{path}join/", {"username": "nobody-here"})
    assert answer.status_code == 422
    assert "There is no “nobody-here”" in read(answer).field("username").said
    page = read(client.post(f"{path}join/", {"username": "approver"}, follow=True))
    assert "approver is in platform." in page.told
    assert page.table("Members").row("approver")
    assert "Builds images" in read(client.get("/people/teams/")).table("Teams").row("platform").text
    assert "platform" in read(client.get("/people/")).table("People").row("approver").text
    member = User.objects.get(username="approver")
    assert "platform" in read(client.get(f"/people/{member.pk}/")).region("Teams").text
    make_rule("Production", requirements=[{"group": "platform", "count": 1}])
    page = read(client.post(f"{path}delete/", follow=True))
    assert "platform can't be deleted. It is used by rule “Production”." in page.told
    ApprovalRule.objects.all().delete()
    client.post(f"{path}leave/", {"person": member.pk})
    assert not group.user_set.exists()
    page = read(client.post(f"{path}delete/", follow=True))
    assert "platform is deleted." in page.told


def test_a_new_name_is_kept_and_a_wrong_one_is_said_at_its_input(signed_in: SignedIn, platform: Group) -> None:
    client, path = signed_in("administrator"), f"/people/teams/{platform.pk}/"
    for data, words in (
        ({"name": "a,b"}, "without commas"),
        ({"name": ""}, "Enter a name"),
        ({"name": "x\0"}, "Null"),
    ):
        answer = client.post(path, data)
        assert answer.status_code == 422
        assert words in read(answer).field("name").said
    client.post(path, {"name": "builders", "description": "Builds"})
    platform.refresh_from_db()
    assert platform.name == "builders"


def test_an_owner_says_who_is_in_it_until_it_gives_power(signed_in: SignedIn, platform: Group) -> None:
    client, path = signed_in("requester"), f"/people/teams/{platform.pk}/"
    page = read(client.get("/people/teams/"))
    assert not page.buttons("Make team")
    page = read(client.post(f"{path}join/", {"username": "approver"}, follow=True))
    assert page.table("Members").row("approver")
    assert not page.buttons("Save team")
    make_rule("Production", requirements=[{"group": "platform", "count": 1}])
    page = read(client.get(path))
    assert "administrators say who is" in page.text
    assert not page.buttons("Put in")
    assert not page.buttons("Take out")
    page = read(client.post(f"{path}leave/", {"person": User.objects.get(username="approver").pk}, follow=True))
    assert "administrators say who is" in page.told
    other = teams.add(acting(User.objects.get(username="boss")), name="other")
    assert client.get(f"/people/teams/{other.pk}/").status_code == 404
    for number in ("99999999999999999999", "0"):
        assert client.get(f"/people/teams/{number}/").status_code == 404
    for person in ("x", "9" * 30, ""):
        assert "They aren't here any more." in read(client.post(f"{path}leave/", {"person": person}, follow=True)).told


def test_the_settings_lead_an_owner_to_their_teams(signed_in: SignedIn, platform: Group) -> None:
    assert read(signed_in("requester").get("/settings/")).link("Your teams").address == "/people/teams/"
    assert not read(signed_in("auditor").get("/settings/")).links("Your teams")


def test_the_list_takes_as_many_statements_for_many_teams_as_for_one(signed_in: SignedIn, platform: Group) -> None:
    client, boss = settled(signed_in("administrator")), User.objects.get(username="boss")

    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            client.get("/people/teams/")
        return len(caught)

    one = statements()
    for number in range(4):
        group = teams.add(acting(boss), name=f"team {number}", owners=[boss])
        make_rule(f"rule {number}", requirements=[{"group": group.name, "count": 1}])
    assert statements() == one


def test_roles_are_explained_where_they_are_given(signed_in: SignedIn) -> None:
    client = signed_in("administrator")
    member = User.objects.get(username="approver")
    for path in ("/people/", f"/people/{member.pk}/", "/people/many/"):
        assert "Sees all requests and the history, and changes nothing." in read(client.get(path)).text
    assert "Asks for copies" in read(client.get("/people/services/")).text


def test_lines_are_looked_at_and_the_good_ones_added(signed_in: SignedIn, platform: Group) -> None:
    client = signed_in("administrator")
    assert "Paste a line for each person." in read(client.post("/people/many/", {"do": "look"})).text
    many = "\n".join(f"person-{number}" for number in range(101))
    assert "Paste at most 100 lines" in read(client.post("/people/many/", {"lines": many, "do": "look"})).text
    lines = "newcomer,,,platform\nother,,king"
    answer = client.post("/people/many/", {"lines": lines, "do": "look"})
    page = read(answer)
    assert answer.status_code == 422
    assert "Can be added" in page.table("What becomes of each line").row("newcomer").text
    assert "no role “king”" in page.table("What becomes of each line").row("other").text
    assert page.buttons("Add 1 person, leave out 1")
    assert not User.objects.filter(username="newcomer").exists()
    page = read(client.post("/people/many/", {"lines": lines, "do": "add"}))
    assert "1 person is added." in page.told
    assert page.field("lines").value.strip() == "other,,king"
    assert list(platform.user_set.values_list("username", flat=True)) == ["newcomer"]


def test_a_rule_offers_roles_and_teams_and_says_which_are_empty_or_gone(signed_in: SignedIn, platform: Group) -> None:
    client = signed_in("administrator")
    rule = make_rule(
        "Production",
        requirements=[{"group": "platform", "count": 1}, {"group": "vanished", "count": 1}],
        requester_group=platform,
    )
    for path in ("/rules/", f"/rules/{rule.pk}/"):
        text = read(client.get(path)).text
        assert "It asks vanished, which isn’t there any more." in text
        assert "It asks platform, in which nobody is who may approve." in text
        assert "It is for requests of platform, in which nobody is" in text
    page = client.get(f"/rules/{rule.pk}/").text
    assert '<option value="vanished" selected>vanished, isn’t there any more</option>' in page
    assert "approver, 1 person, 1 may approve" in page
    assert "platform, nobody" in page
    said = [str(words_of(finding)) for finding in rules_check()]
    assert [each.split(".")[0] for each in said] == [
        "“Production” asks vanished, which isn't there any more",
        "“Production” asks platform, in which nobody is who may approve",
        "“Production” is for requests of platform, in which nobody is",
    ]
    ApprovalRule.objects.update(enabled=False)
    assert not list(rules_check())
    account = Account.objects.get(name="sandbox")
    assert "Platform, nobody" in client.get(f"/accounts/{account.pk}/edit/").text


def test_a_webhook_of_a_team_hears_of_its_members_requests_alone(
    signed_in: SignedIn, platform: Group, account: Account
) -> None:
    hook = Endpoint.objects.create(name="t", sealed_url=seal("https://hooks.example/"), kinds=["asked"], team=platform)
    member, other = make_person("member", "requester"), make_person("other", "requester")
    platform.user_set.add(member)
    row = verbs.submit(acting(member), account=account, reason="PLAT-1", calls=[make_call()])
    verbs.submit(acting(other), account=account, reason="PLAT-1", calls=[make_call()])
    assert list(Message.objects.filter(endpoint=hook).values_list("request", flat=True)) == [row.pk]
    client = signed_in("administrator")
    assert "Requests of platform" in read(client.get("/webhooks/")).text
    page = read(client.post(f"/people/teams/{platform.pk}/delete/", follow=True))
    assert "1 of the webhooks" in page.told


def test_an_owner_edits_and_submits_again_what_their_service_asked_for(
    signed_in: SignedIn, account: Account, settings: Settings
) -> None:
    client, approver = signed_in("requester"), User.objects.get(username="approver")
    owner = User.objects.get(username="requester")
    pipeline = services.add(acting(make_person("boss", "administrator")), name="pipeline", owners=[owner])
    pipeline.groups.set(owner.groups.all())
    row = verbs.submit(acting(pipeline), account=account, reason="PLAT-1", calls=[make_call()])
    type(row).objects.filter(pk=row.pk).update(by_machine=True)
    verbs.request_changes(acting(approver), row.pk, reason="Which ticket?")
    assert client.get(f"/requests/{row.pk}/edit/").status_code == 200
    client.post(f"/requests/{row.pk}/edit/", typed(reason="PLAT-2: week 48 image"))
    row.refresh_from_db()
    assert (row.state, row.reason) == ("PENDING", "PLAT-2: week 48 image")
    assert (row.requester, row.by_machine) == (pipeline, True)
    stranger = signed_in("requester", name="stranger")
    assert stranger.get(f"/requests/{row.pk}/edit/").status_code == 404
