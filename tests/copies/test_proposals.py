"""Rules, freeze windows, roles and accounts change by two people, and what one person can't get around."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.actor import Actor
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import ApprovalRule, FreezeWindow
from amicopy.copies.core.proposal_models import TITLES, Proposal
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import accounts, people, proposal_decisions, proposals, proposed_changes
from amicopy.copies.operations.proposals import Outcome
from amicopy.copies.requests import verbs
from amicopy.copies.voting import second_person
from amicopy.notify.models import Kind, Message
from tests.copies.conftest import acting, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db
State = Proposal.State


def have_addresses() -> None:
    for user in User.objects.all():
        user.email = f"{user.username}@people.example"
        user.save()


def last_events(count: int) -> list[str]:
    return list(AuditEvent.objects.order_by("-pk").values_list("action", flat=True)[:count])[::-1]


def waiting(outcome: Outcome) -> Proposal:
    assert outcome.proposal is not None
    return outcome.proposal


def test_a_rule_waits_for_another_administrator_and_counts_once_they_confirm(boss: User, second: User) -> None:
    proposal = waiting(proposals.save_rule(acting(boss), ApprovalRule(name="Nobody", requirements=[])))
    assert not ApprovalRule.objects.exists()
    assert last_events(1) == ["proposal.made"]
    assert AuditEvent.objects.latest("pk").data["changes"]["name"] == [None, "Nobody"]
    with pytest.raises(NotAllowed, match="You proposed it"):
        proposal_decisions.confirm(acting(boss), proposal.pk)
    with pytest.raises(NotAllowed, match="administrator role"):
        proposal_decisions.confirm(acting(make_person("asks", "requester")), proposal.pk)
    assert proposal_decisions.confirm(acting(second), proposal.pk).state == State.CONFIRMED
    assert ApprovalRule.objects.get().name == "Nobody"
    assert last_events(2) == ["rule.created", "proposal.confirmed"]
    made = AuditEvent.objects.get(action="rule.created")
    assert (made.actor, made.data["confirmed_by"], made.data["proposal"]) == ("boss", "second", proposal.pk)
    with pytest.raises(InvalidTransition, match="confirmed already"):
        proposal_decisions.confirm(acting(second), proposal.pk)


def changes_of_a_rule(actor_of_boss: User) -> list[Callable[[], Outcome]]:
    rules = [make_rule(name, order=order) for order, name in enumerate(("first", "second"), start=1)]
    now = timezone.now()
    window = FreezeWindow.objects.create(name="Now", starts_at=now - timedelta(1), ends_at=now + timedelta(1))
    account = Account.objects.create(name="shared", account_id="444455556666")
    actor = acting(actor_of_boss)
    rules[0].name = "changed"
    window.DestinationRegion = "eu-*"
    account.role_arn = "arn:aws:iam::444455556666:role/amicopy"
    off = make_person("off", "requester")
    User.objects.filter(pk=off.pk).update(is_active=False)
    seen = accounts.seen_of(Account.objects.get(pk=account.pk))
    other = Account(name="third", account_id="777788889999")
    return [
        lambda: proposals.save_rule(actor, ApprovalRule(name="new")),
        lambda: proposals.save_rule(actor, rules[0]),
        lambda: proposals.switch_rule(actor, rules[1], on=False),
        lambda: proposals.move_rule(actor, ApprovalRule.objects.get(pk=rules[1].pk), up=True),
        lambda: proposals.delete_rule(actor, ApprovalRule.objects.get(pk=rules[1].pk)),
        lambda: proposals.save_freeze(actor, window),
        lambda: proposals.end_freeze(actor, FreezeWindow.objects.get()),
        lambda: proposals.delete_freeze(actor, FreezeWindow.objects.get()),
        lambda: proposals.set_roles(actor, off.pk, ["requester", "approver"]),
        lambda: proposals.switch_person(actor, off.pk, on=True),
        lambda: proposals.save_account(actor, other, groups=[]),
        lambda: proposals.save_account(actor, account, groups=[], seen=seen),
    ]


@pytest.mark.parametrize("number", range(12))
def test_each_change_that_gives_power_waits_and_is_done_when_confirmed(boss: User, second: User, number: int) -> None:
    change = changes_of_a_rule(boss)[number]
    events = AuditEvent.objects.count()
    proposal = waiting(change())
    assert AuditEvent.objects.count() == events + 1, "Trying it left nothing."
    assert proposed_changes.CHANGES[proposal.kind].look(proposal.target) == proposal.before
    assert proposal.kind in TITLES
    assert proposal.changes
    done = proposal_decisions.confirm(acting(second), proposal.pk)
    assert done.state == State.CONFIRMED, done.why
    event = AuditEvent.objects.exclude(action__startswith="proposal.").latest("pk")
    assert (event.actor_id, event.data["confirmed_by_id"]) == (boss.pk, second.pk)


def test_every_kind_of_change_has_its_title() -> None:
    assert set(TITLES) == set(proposed_changes.CHANGES)


def test_what_takes_power_away_or_gives_none_is_done_at_once(boss: User, second: User) -> None:
    actor, now = acting(boss), timezone.now()
    rule = make_rule("off", enabled=False)
    make_rule("on", order=2)
    other = make_person("other", "requester", "auditor")
    account = Account.objects.create(name="shared", account_id="444455556666")
    requesters = Group.objects.get(name="requester")
    window = FreezeWindow(name="Now", starts_at=now, ends_at=now + timedelta(hours=1))
    done = [
        proposals.save_rule(actor, ApprovalRule(name="drafted", enabled=False)),
        proposals.move_rule(actor, rule, up=False),
        proposals.delete_rule(actor, rule),
        proposals.save_freeze(actor, window),
        proposals.add_person(actor, name="nobody-yet", email="", roles=[]),
        proposals.set_roles(actor, other.pk, ["requester"]),
        proposals.switch_person(actor, other.pk, on=False),
        proposals.save_account(actor, account, groups=[requesters], seen=accounts.seen_of(account)),
    ]
    longer = FreezeWindow.objects.get()
    longer.ends_at += timedelta(hours=1)
    done.append(proposals.save_freeze(actor, longer))
    account.enabled = False
    done.append(
        proposals.save_account(actor, account, groups=[requesters], seen=accounts.seen_of(Account.objects.get()))
    )
    assert [each.proposal for each in done] == [None] * len(done)
    assert not any(each.alone for each in done)
    assert not Proposal.objects.exists()
    other.refresh_from_db()
    assert not other.is_active


def test_of_roles_the_taken_ones_go_at_once_and_the_given_ones_wait(boss: User, second: User) -> None:
    other = make_person("other", "auditor")
    proposal = waiting(proposals.set_roles(acting(boss), other.pk, ["approver", "requester"]))
    assert not other.groups.exists()
    assert (proposal.values, proposal.after["roles"]) == (
        {"give": ["approver", "requester"]},
        ["approver", "requester"],
    )
    proposal_decisions.confirm(acting(second), proposal.pk)
    assert set(other.groups.values_list("name", flat=True)) == {"approver", "requester"}


def test_a_newcomer_is_there_at_once_and_their_roles_wait(boss: User, second: User) -> None:
    outcome = proposals.add_person(acting(boss), name="newcomer", email="", roles=["approver"])
    newcomer = User.objects.get(pk=outcome.target or 0)
    assert not newcomer.groups.exists()
    proposal_decisions.confirm(acting(second), waiting(outcome).pk)
    assert newcomer.groups.get().name == "approver"
    with pytest.raises(ValidationError):
        proposals.add_person(acting(boss), name="newcomer", email="", roles=["approver"])


def test_what_is_wrong_is_said_before_anything_waits(boss: User, second: User) -> None:
    with pytest.raises(ValidationError, match="Enter 1 to 10"):
        proposals.save_rule(acting(boss), ApprovalRule(name="x", requirements=[{"group": "approver", "count": 11}]))
    with pytest.raises(NotAllowed):
        proposals.save_rule(acting(make_person("asks", "requester")), ApprovalRule(name="x"))
    assert not Proposal.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_target_that_changed_since_is_left_alone(boss: User, second: User) -> None:
    rule = make_rule("Large", requirements=[{"group": "approver", "count": 2}])
    weaker = ApprovalRule.objects.get()
    weaker.requirements = []
    proposal = waiting(proposals.save_rule(acting(boss), weaker))
    ApprovalRule.objects.filter(pk=rule.pk).update(larger_than=100)
    done = proposal_decisions.confirm(acting(second), proposal.pk)
    assert (done.state, done.why) == (State.LAPSED, "Large has changed since it was proposed.")
    assert ApprovalRule.objects.get().requirements
    assert last_events(1) == ["proposal.lapsed"]


def test_a_proposer_who_lost_their_role_or_a_group_that_is_gone_ends_it(boss: User, second: User) -> None:
    one = waiting(proposals.save_rule(acting(boss), ApprovalRule(name="one")))
    Group.objects.create(name="security")
    asks = [{"group": "security", "count": 1}]
    two = waiting(proposals.save_rule(acting(second), ApprovalRule(name="two", requirements=asks)))
    Group.objects.get(name="security").delete()
    assert "no security" in proposal_decisions.confirm(acting(boss), two.pk).why
    boss.groups.clear()
    assert proposal_decisions.confirm(acting(second), one.pk).why == "boss may not change this any more."
    assert not ApprovalRule.objects.exists()


def test_a_target_has_one_open_proposal_and_the_same_sent_twice_is_one(boss: User, second: User) -> None:
    rule = make_rule("Large")
    waiting(proposals.delete_rule(acting(boss), rule))
    with pytest.raises(InvalidTransition, match="boss proposed a change of it: “Delete rule “Large””"):
        proposals.switch_rule(acting(second), rule, on=False)
    for _ in range(2):
        proposals.save_rule(acting(boss), ApprovalRule(name="new"))
    assert Proposal.objects.count() == 2


def test_it_is_withdrawn_by_its_proposer_and_rejected_with_a_reason_by_another(boss: User, second: User) -> None:
    rule = make_rule("Large")
    proposal = waiting(proposals.delete_rule(acting(boss), rule))
    with pytest.raises(NotAllowed, match="Only the person who proposed"):
        proposal_decisions.withdraw(acting(second), proposal.pk)
    assert proposal_decisions.withdraw(acting(boss), proposal.pk).state == State.WITHDRAWN
    again = waiting(proposals.delete_rule(acting(boss), rule))
    with pytest.raises(InvalidRequest):
        proposal_decisions.reject(acting(second), again.pk, reason=" ")
    with pytest.raises(NotAllowed):
        proposal_decisions.reject(acting(boss), again.pk, reason="Mine")
    assert proposal_decisions.reject(acting(second), again.pk, reason="We need it").why == "We need it"
    assert ApprovalRule.objects.get() == rule
    assert AuditEvent.objects.latest("pk").data["reason"] == "We need it"


def test_the_database_too_refuses_a_proposer_who_confirms(boss: User, second: User) -> None:
    proposal = waiting(proposals.save_rule(acting(boss), ApprovalRule(name="x")))
    with pytest.raises(IntegrityError), transaction.atomic():
        Proposal.objects.filter(pk=proposal.pk).update(state="confirmed", decided_by=boss, decided_at=timezone.now())


def test_the_others_are_told_of_it_and_its_proposer_of_the_decision(boss: User, second: User) -> None:
    have_addresses()
    proposal = waiting(proposals.save_rule(acting(boss), ApprovalRule(name="x")))
    told = Message.objects.get()
    assert (told.kind, told.person, told.path) == (Kind.PROPOSAL, second, "/changes/")
    assert "Add rule “x”" in told.subject
    proposal_decisions.confirm(acting(second), proposal.pk)
    assert Message.objects.exclude(pk=told.pk).get().person == boss


def test_the_only_administrator_changes_at_once_and_the_history_says_so(boss: User) -> None:
    outcome = proposals.save_rule(acting(boss), ApprovalRule(name="Nobody", requirements=[]))
    assert outcome == Outcome(ApprovalRule.objects.get().pk, alone=True)
    assert AuditEvent.objects.latest("pk").data["at_once"] == "there is only one administrator"
    # A person who can't sign in yet isn't a second one.
    people.add_administrator(acting(boss), name="newcomer", email="")
    assert proposals.switch_rule(acting(boss), ApprovalRule.objects.get(), on=False).alone


def test_somebody_of_ones_own_making_is_no_second_person(boss: User) -> None:
    def let_in(by: User, name: str) -> User:
        added = User.objects.get(
            pk=proposals.add_person(acting(by), name=name, email="", roles=["administrator"]).target or 0
        )
        people.password_link(acting(by), added.pk)
        added.set_password("a-long-password-1")
        added.save()
        return added

    puppet = let_in(boss, "puppet")
    assert proposals.save_rule(acting(boss), ApprovalRule(name="a")).alone
    # Nor is who came from them.
    other = waiting(proposals.add_person(acting(puppet), name="other", email="", roles=["administrator"]))
    assert not second_person.confirmers(boss, "copies.manage_people").exists()
    with pytest.raises(NotAllowed, match="What puppet may do comes from boss"):
        proposal_decisions.confirm(acting(boss), other.pk)
    proposal_decisions.confirm_at_the_machine(Actor(name="confirm_change", source="command"), other.pk)
    assert not second_person.confirmers(boss, "copies.manage_people").exists()


def test_who_pushes_the_others_out_is_not_the_only_administrator(boss: User, second: User) -> None:
    people.set_roles(acting(boss), second.pk, [])
    assert waiting(proposals.save_rule(acting(boss), ApprovalRule(name="a")))
    people.set_roles(acting(boss), second.pk, ["administrator"])
    people.switch(acting(boss), second.pk, on=False)
    assert waiting(proposals.save_rule(acting(boss), ApprovalRule(name="b")))


def test_who_takes_over_another_account_cannot_confirm_with_it(boss: User, second: User) -> None:
    proposal = waiting(proposals.save_rule(acting(boss), ApprovalRule(name="a")))
    people.set_email(acting(boss), second.pk, "mine@people.example")
    with pytest.raises(NotAllowed, match="What second may do comes from boss"):
        proposal_decisions.confirm(acting(second), proposal.pk)
    assert waiting(proposals.save_rule(acting(boss), ApprovalRule(name="b")))


def test_a_rule_that_asks_nobody_is_not_for_its_only_writer_nor_for_whom_they_added(
    boss: User, account: Account
) -> None:
    make_person("approver", "approver")
    proposals.save_rule(acting(boss), ApprovalRule(name="Nobody", requirements=[]))
    puppet = User.objects.get(
        pk=proposals.add_person(acting(boss), name="p", email="", roles=["requester"]).target or 0
    )
    for by in (boss, puppet):
        row = verbs.submit(acting(by), account=account, reason="PLAT-1", calls=[make_call()])
        assert row.state == "PENDING"
    by_another = make_person("requester", "requester")
    row = verbs.submit(acting(by_another), account=account, reason="PLAT-1", calls=[make_call()])
    assert row.state == "APPROVED"
    make_person("second", "administrator")
    assert second_person.automatic_approval_applies(boss)


def test_whoever_operates_the_machine_sees_what_waits_and_confirms_it(boss: User, second: User) -> None:
    people.switch(acting(boss), second.pk, on=False)
    proposal = waiting(proposals.save_rule(acting(boss), ApprovalRule(name="a")))
    out = StringIO()
    call_command("confirm_change", stdout=out)
    assert f"{proposal.pk}: Add rule “a”, proposed by boss" in out.getvalue()
    call_command("confirm_change", str(proposal.pk), stdout=out)
    assert ApprovalRule.objects.get().name == "a"
    assert AuditEvent.objects.latest("pk").source == "command"
    for number in (proposal.pk, 999_999):
        with pytest.raises(CommandError):
            call_command("confirm_change", str(number))


def test_switched_off_one_administrator_is_enough_and_that_is_said_loudly(
    boss: User, second: User, settings: Settings
) -> None:
    call_command("check", "--deploy", "--tag", "security", fail_level="CRITICAL")
    settings.TWO_PERSON_CHANGES = False
    assert proposals.save_rule(acting(boss), ApprovalRule(name="a")) == Outcome(ApprovalRule.objects.get().pk)
    err = StringIO()
    try:
        call_command("check", "--deploy", "--tag", "security", stderr=err)
    except SystemCheckError as found:
        err.write(str(found))
    assert "TWO_PERSON_CHANGES is off" in err.getvalue()


def test_breaking_the_glass_tells_every_administrator(boss: User, second: User, account: Account) -> None:
    requester = make_person("requester", "requester")
    make_person("approver", "approver")
    hero = make_person("hero", "break-glass")
    row = verbs.submit(acting(requester), account=account, reason="PLAT-1", calls=[make_call()])
    have_addresses()
    verbs.break_glass(acting(hero), row.pk, reason="Outage", seen_hash=row.content_hash)
    told = Message.objects.filter(kind=Kind.EMERGENCY)
    assert {message.person for message in told} == {boss, second}
    assert "alone, without 1 approval" in told[0].text
    assert "Outage" in told[0].text
