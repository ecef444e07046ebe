"""What somebody changes alone makes nothing easier for themselves: what stood before holds for their requests, too."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import ApprovalRule, FreezeWindow
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.reasons import Code
from amicopy.copies.lifecycle import holds
from amicopy.copies.operations import confirmations, people, proposals
from amicopy.copies.requests import policy_actions, verbs
from amicopy.copies.voting import lone_changes
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db
TWO = [{"group": "approver", "count": 2}]


@pytest.fixture
def boss(db: None) -> User:
    """The only administrator, with people who can approve."""
    for name in ("ann", "abe"):
        make_person(name, "approver")
    return make_person("boss", "administrator")


def ask(by: User, account: Account, name: str) -> CopyRequest:
    return verbs.submit(acting(by), account=account, reason="PLAT-1", calls=[make_call(Name=name)])


def asks_one(boss: User, rule: ApprovalRule) -> None:
    rule.requirements = [{"group": "approver", "count": 1}]
    assert proposals.save_rule(acting(boss), rule).alone


def narrows(boss: User, rule: ApprovalRule) -> None:
    rule.DestinationRegion = "ap-*"
    assert proposals.save_rule(acting(boss), rule).alone


def is_overtaken(boss: User, rule: ApprovalRule) -> None:
    proposals.save_rule(acting(boss), ApprovalRule(name="One", requirements=[{"group": "approver", "count": 1}]))
    assert proposals.move_rule(acting(boss), ApprovalRule.objects.get(name="One"), up=True).alone


WEAKER: dict[str, Callable[[User, ApprovalRule], object]] = {
    "fewer votes": asks_one,
    "elsewhere": narrows,
    "overtaken": is_overtaken,
    "off": lambda boss, rule: proposals.switch_rule(acting(boss), rule, on=False),
    "deleted": lambda boss, rule: proposals.delete_rule(acting(boss), rule),
}


@pytest.mark.parametrize("how", WEAKER)
def test_a_rule_made_weaker_alone_asks_its_writer_for_as_much_as_before(how: str, boss: User, account: Account) -> None:
    rule, rita = make_rule("Two", requirements=TWO), make_person("rita", "requester")
    before = ask(boss, account, "before")
    WEAKER[how](boss, rule)
    ann, abe = (User.objects.get(username=name) for name in ("ann", "abe"))
    for request in (before, ask(boss, account, "after")):
        assert approve(ann, request).state == "PENDING"
        assert approve(abe, request).state == "APPROVED"
    assert "Two (before boss changed the rules)" in {each["name"] for each in request.rules}
    assert approve(ann, ask(rita, account, "hers")).state == "APPROVED", "for others it counts"
    puppet = people.add(acting(boss), name="puppet", email="", roles=["requester"])
    assert approve(ann, ask(puppet, account, "puppets")).state == "PENDING"
    call_command("confirm_person", "boss", stdout=StringIO())
    assert approve(ann, ask(boss, account, "confirmed")).state == "APPROVED"


def test_a_weaker_rule_is_confirmed_with_its_writer_by_somebody_else(boss: User, account: Account) -> None:
    rule = make_rule("Two", requirements=TWO)
    asks_one(boss, rule)
    puppet, second = make_person("puppet", "administrator"), make_person("second", "administrator")
    Grant.objects.create(person=puppet, kind="password", given_by=boss, given_at=timezone.now())
    with pytest.raises(NotAllowed, match="confirm"):
        confirmations.confirm(acting(puppet), boss.pk)
    with pytest.raises(NotAllowed, match="confirm yourself"):
        confirmations.confirm(acting(boss), boss.pk)
    confirmations.confirm(acting(second), boss.pk)
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.data["confirmed"][0]["kind"]) == ("person.confirmed", "rules")
    assert lone_changes.rulebooks_before(boss) == []


def test_of_many_changes_of_ones_own_the_first_is_kept_and_those_of_others_between(boss: User) -> None:
    rule = make_rule("Three", requirements=[{"group": "approver", "count": 3}])
    for count in (2, 1):
        rule.requirements = [{"group": "approver", "count": count}]
        policy_actions.save_rule(acting(boss), rule)
    assert [rules[0].requirements[0]["count"] for _, rules in lone_changes.rulebooks_before(boss)] == [3]
    rule.requirements = [{"group": "approver", "count": 5}]
    policy_actions.save_rule(acting(make_person("second", "administrator")), rule)
    policy_actions.switch_rule(acting(boss), rule.pk, on=False)
    assert [rules[0].requirements[0]["count"] for _, rules in lone_changes.rulebooks_before(boss)] == [3, 5]


def test_what_changes_nothing_that_is_on_is_not_kept(boss: User) -> None:
    make_rule("Two", requirements=TWO)
    policy_actions.save_rule(acting(boss), ApprovalRule(name="Draft", enabled=False))
    assert not Grant.objects.exists()


def test_a_rule_of_before_about_a_group_that_is_gone_fits_nothing(boss: User) -> None:
    team = Group.objects.create(name="team")
    rule = make_rule("Team", requester_group=team, requirements=TWO)
    policy_actions.delete_rule(acting(boss), rule.pk)
    team.delete()
    assert lone_changes.rulebooks_before(boss) == [("boss", [])]


def window(**fields: object) -> FreezeWindow:
    now = timezone.now()
    times = {"starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(hours=1)}
    return FreezeWindow.objects.create(**{"name": "Release", **times, **fields})


def shortens(boss: User, freeze: FreezeWindow) -> None:
    freeze.ends_at = timezone.now() - timedelta(minutes=1)
    proposals.save_freeze(acting(boss), freeze)


def frees_a_region(boss: User, freeze: FreezeWindow) -> None:
    freeze.DestinationRegion = "ap-*"
    proposals.save_freeze(acting(boss), freeze)


LIFTS: dict[str, Callable[[User, FreezeWindow], object]] = {
    "ended": lambda boss, freeze: proposals.end_freeze(acting(boss), freeze),
    "deleted": lambda boss, freeze: proposals.delete_freeze(acting(boss), freeze),
    "shorter": shortens,
    "narrower": frees_a_region,
}


@pytest.mark.parametrize("how", LIFTS)
def test_a_freeze_lifted_alone_holds_its_lifters_copies_as_before(how: str, boss: User, account: Account) -> None:
    freeze, ann = window(), User.objects.get(username="ann")
    LIFTS[how](boss, freeze)
    approve(ann, ask(boss, account, "lifters"))
    approve(ann, ask(make_person("rita", "requester"), account, "others"))
    held = ImageCopy.objects.get(Name="lifters")
    assert held.wait
    assert held.wait.code == Code.FROZEN
    assert held.wait.data["window"] == "Release, which boss lifted and nobody else has confirmed"
    assert ImageCopy.objects.get(Name="others").wait is None
    now = timezone.now()
    assert holds.hold_for(held, holds.windows_at(held.request, now=now), now=now)
    call_command("confirm_person", "boss", stdout=StringIO())
    assert holds.hold_for(held, holds.windows_at(held.request, now=now), now=now) is None


def test_a_lifted_freeze_holds_no_longer_than_it_would_have_nor_elsewhere(boss: User, account: Account) -> None:
    other = Account.objects.create(name="other", account_id="444455556666")
    policy_actions.delete_freeze(acting(boss), window(account=other).pk)
    policy_actions.delete_freeze(acting(boss), window().pk)
    now = timezone.now()
    ours = (boss.pk, account.pk)
    assert [each.account_id for each in lone_changes.windows_before({ours}, now=now)[ours]] == [None]
    assert lone_changes.windows_before({ours}, now=now + timedelta(hours=2)) == {ours: []}


def test_a_freeze_that_is_over_or_made_larger_is_not_kept(boss: User) -> None:
    now = timezone.now()
    over = window(name="Over", starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1))
    policy_actions.delete_freeze(acting(boss), over.pk)
    longer = window()
    longer.ends_at += timedelta(hours=1)
    policy_actions.save_freeze(acting(boss), longer)
    assert not Grant.objects.exists()
