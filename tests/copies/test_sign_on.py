"""What a provider's groups give and take, and what that is worth where four eyes are asked for."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest, Identity
from amicopy.copies.core.power_models import Grant
from amicopy.copies.operations import people, services, sign_on
from amicopy.copies.operations.sign_on import Refused, Said
from amicopy.copies.requests import verbs
from amicopy.copies.voting import voters
from amicopy.notify.models import Message
from amicopy.providers import Missing, Provider
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule
from tests.web.sign_on import provider

pytestmark = pytest.mark.django_db
ISSUER = "https://sso.example"


@pytest.fixture
def sso(settings: Settings) -> Provider:
    found = provider(ISSUER)
    settings.OIDC_PROVIDERS = {"sample": found}
    return found


def arrive(sso: Provider, name: str, *groups: str, missing: Missing | None = None) -> User:
    said = Said(name, (name,), f"{name}@amicopy.example", missing or frozenset(groups))
    return sign_on.arrive(sso, said, address="192.0.2.1")


def held(user: User) -> list[str]:
    return sorted(user.groups.values_list("name", flat=True))


def test_groups_give_roles_and_teams_and_take_them_each_with_its_event(sso: Provider) -> None:
    ada = arrive(sso, "ada", "askers", "deciders", "platform", "of-no-meaning")
    assert held(ada) == ["Platform", "approver", "requester"]
    arrive(sso, "ada", "askers")
    assert held(ada) == ["requester"]
    arrive(sso, "ada", "askers")
    found = AuditEvent.objects.filter(action__regex="^person.(role|team)_").order_by("pk")
    assert [(event.action, event.data.get("role") or event.data["team"]) for event in found] == [
        ("person.team_joined", "Platform"),
        ("person.role_given", "approver"),
        ("person.role_given", "requester"),
        ("person.team_left", "Platform"),
        ("person.role_taken", "approver"),
    ]
    assert {(event.actor, event.actor_id) for event in found} == {("sign-on sample", None)}
    # The history says how everybody stands: nothing of it looks as if it had been done past amicopy.
    before = AuditEvent.objects.count()
    people.notice(acting(ada))
    people.notice(acting(ada))
    assert AuditEvent.objects.count() <= before + 1


def test_what_no_group_gives_is_not_touched(sso: Provider) -> None:
    ada = arrive(sso, "ada", "askers")
    ada.groups.add(Group.objects.get(name="auditor"), Group.objects.create(name="Their own"))
    for groups in (["deciders"], ["askers"], []):
        arrive(sso, "ada", *groups)
        assert {"auditor", "Their own"} <= set(held(ada))


def test_an_empty_claim_takes_and_tells_nobody(sso: Provider) -> None:
    make_person("boss", "administrator")
    ada = arrive(sso, "ada", "askers")
    arrive(sso, "ada")
    assert held(ada) == []
    assert not Message.objects.filter(subject__contains="says nothing").exists()


@pytest.mark.parametrize("missing", list(Missing))
def test_an_absent_claim_takes_and_tells_administrators_once_an_hour(sso: Provider, missing: Missing) -> None:
    boss = make_person("boss", "administrator")
    User.objects.filter(pk=boss.pk).update(email="boss@amicopy.example")
    everybody = [arrive(sso, name, "askers") for name in ("ada", "bea", "cy")]
    for user in everybody:
        arrive(sso, user.username, missing=missing)
        arrive(sso, user.username, missing=missing)
        assert held(user) == []
    told = Message.objects.filter(subject__contains="says nothing")
    assert [message.person_id for message in told] == [boss.pk]
    assert sign_on.WORDS[missing] in told.get().text
    assert AuditEvent.objects.filter(action="person.groups_missing").count() == 3
    # They have it back as soon as the provider says so again.
    assert held(arrive(sso, "ada", "askers")) == ["requester"]
    assert Identity.objects.get(subject="ada").absent_since is None


def test_no_administrator_by_default() -> None:
    plain = provider(ISSUER, roles={}, teams={})
    assert plain.given_by(frozenset({"administrator", "heads", "admins"})) == set()
    with pytest.raises(Refused, match="no-role"):
        sign_on.arrive(plain, Said("x", ("x",), "", frozenset({"administrator"})), address="")


@pytest.mark.parametrize(
    ("claims", "changes", "expected"),
    [
        ({"groups": ["a", " b "]}, {}, {"a", "b"}),
        ({"groups": "a b"}, {}, {"a b"}),
        ({"groups": "a, b,"}, {"groups_separator": ","}, {"a", "b"}),
        ({"custom:groups": "[a, b]"}, {"groups_claim": ("custom:groups",), "groups_separator": ","}, {"a", "b"}),
        ({"groups": []}, {}, set()),
        ({"groups": ""}, {}, set()),
        ({"realm_access": {"roles": ["a"]}}, {"groups_claim": ("realm_access", "roles")}, {"a"}),
        ({"https://x.example/groups": ["a"]}, {"groups_claim": ("https://x.example/groups",)}, {"a"}),
        ({"realm_access": {}}, {"groups_claim": ("realm_access", "roles")}, Missing.ABSENT),
        ({"realm_access": "x"}, {"groups_claim": ("realm_access", "roles")}, Missing.ABSENT),
        ({}, {}, Missing.ABSENT),
        ({"groups": None}, {}, Missing.ABSENT),
        ({"groups": [1]}, {}, Missing.UNREADABLE),
        ({"groups": {"a": 1}}, {}, Missing.UNREADABLE),
        ({"groups": ["a"] * 3000}, {}, Missing.UNREADABLE),
        ({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {}}}, {}, Missing.REFERENCE),
        ({"hasgroups": True}, {}, Missing.REFERENCE),
    ],
)
def test_groups_of_a_claim(claims: dict[str, Any], changes: dict[str, Any], expected: object) -> None:
    assert provider(ISSUER, **changes).groups(claims) == expected


def _asked(account: Account) -> CopyRequest:
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    rita = make_person("rita", "requester")
    return verbs.submit(acting(rita), account=account, reason="PLAT-1", calls=[make_call(Name="golden")])


def test_a_person_without_the_role_loses_their_pending_vote(sso: Provider, account: Account) -> None:
    ada, bea = arrive(sso, "ada", "deciders"), arrive(sso, "bea", "deciders")
    row = _asked(account)
    approve(ada, row)
    assert set(voters.counted([row])[row.pk].groups) == {ada.pk}
    arrive(sso, "ada", "askers")
    assert set(voters.counted([row])[row.pk].groups) == set()
    approve(bea, row)
    row.refresh_from_db()
    assert row.state == "PENDING"


def test_whom_a_provider_vouches_for_is_nobodys_making(sso: Provider, account: Account) -> None:
    ada, bea = arrive(sso, "ada", "deciders"), arrive(sso, "bea", "deciders")
    row = _asked(account)
    for user in (ada, bea):
        approve(user, row)
    row.refresh_from_db()
    assert row.state == "APPROVED"
    assert not Grant.objects.exists()


def test_what_an_administrator_gives_on_top_is_still_theirs(sso: Provider, account: Account) -> None:
    """Neither by an account of the provider's, nor by a role it gives later, is an administrator's hand taken away."""
    boss = make_person("boss", "administrator")
    ada = arrive(sso, "ada", "askers")
    people.set_roles(acting(boss), ada.pk, ["requester", "approver"])
    arrive(sso, "ada", "askers", "deciders")
    make_rule("One", requirements=[{"group": "approver", "count": 1}])
    with pytest.raises(InvalidRequest, match="ada may do comes from boss"):
        verbs.submit(acting(boss), account=account, reason="PLAT-1", calls=[make_call(Name="golden")])


def test_an_administrator_changes_nothing_of_the_table(sso: Provider) -> None:
    """A role that the table has, given by hand to whom the provider doesn't give it, ends with the next sign-on."""
    boss = make_person("boss", "administrator")
    ada = arrive(sso, "ada", "askers")
    people.set_roles(acting(boss), ada.pk, ["requester", "approver"])
    arrive(sso, "ada", "askers")
    assert held(ada) == ["requester"]


def test_what_groups_gave_ends_when_nobody_signs_on(sso: Provider, settings: Settings) -> None:
    ada, bea = arrive(sso, "ada", "askers", "platform"), arrive(sso, "bea", "askers")
    ada.groups.add(Group.objects.get(name="auditor"))
    Identity.objects.filter(person=ada).update(seen_at=timezone.now() - timedelta(days=15))
    settings.SIGN_ON_ROLE_DAYS = 0
    tasks.take_back_groups()
    assert len(held(ada)) == 3
    settings.SIGN_ON_ROLE_DAYS = 14
    tasks.take_back_groups()
    tasks.take_back_groups()
    assert (held(ada), held(bea)) == (["auditor"], ["requester"])
    assert AuditEvent.objects.filter(actor="amicopy take_back_groups").count() == 2


def test_whoever_operates_amicopy_links_somebody_who_is_here(sso: Provider) -> None:
    local = make_person("local", "requester")
    User.objects.filter(pk=local.pk).update(email="ada@amicopy.example")
    with pytest.raises(Refused, match="address-taken"):
        arrive(sso, "ada", "deciders")
    call_command("link_person", "local", "sample", "ada", stdout=StringIO())
    assert arrive(sso, "ada", "deciders") == local
    assert held(local) == ["approver"]
    for words, arguments in {
        "nobody called": ("nobody", "sample", "x"),
        "names no": ("local", "other", "x"),
        "already": ("local", "sample", "y"),
    }.items():
        with pytest.raises(CommandError, match=words):
            call_command("link_person", *arguments)


def test_nobody_signs_on_as_a_service(sso: Provider) -> None:
    boss = make_person("boss", "administrator")
    service = services.add(acting(boss), name="pipeline", owners=[boss])
    with pytest.raises(CommandError, match="service account"):
        call_command("link_person", service.username, "sample", "x")
