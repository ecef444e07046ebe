"""Service accounts: users without sign-in, in the hands of their owners, and what programs ask for as them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.models import AuditEvent
from amicopy.aws.errors import Rejected
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, ApprovalRule, CopyRequest, Decision, ImageCopy
from amicopy.copies.core.permissions import NotAllowed, named
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.engine import gate
from amicopy.copies.operations import confirmations, people, proposal_decisions, proposals, services, tokens
from amicopy.copies.requests import cancel_retry, verbs
from amicopy.copies.voting import power, voters
from amicopy.notify.models import Message
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db
ADDRESS = "192.0.2.7"


@pytest.fixture
def owner(db: None) -> User:
    """An approver who owns the service."""
    return make_person("owner", "approver", "requester")


@pytest.fixture
def ann(db: None) -> User:
    """An approver who has nothing to do with it."""
    return make_person("ann", "approver")


@pytest.fixture
def pipeline(boss: User, owner: User, ann: User) -> User:
    """A service of the owner's, made by the boss, which may ask."""
    user = services.add(acting(boss), name="pipeline", owners=[owner])
    return people.set_roles(acting(boss), user.pk, ["requester"])


def token_of(service: User, owner: User, *scopes: str) -> str:
    made = tokens.make(acting(owner), name="nightly", scopes=scopes or ["read", "request"], days=30, service=service.pk)
    return made[1]


def program(text: str) -> Actor:
    return tokens.actor_with(tokens.used(text, address=ADDRESS), address=ADDRESS)


def ask(service: User, owner: User, account: Account, **more: Any) -> CopyRequest:
    """Asks with a token of the owner's."""
    actor = program(token_of(service, owner))
    return verbs.submit(actor, account=account, reason="PLAT-1", calls=[make_call(**more)])


def test_the_history_names_token_service_and_owner(pipeline: User, owner: User, account: Account) -> None:
    row = ask(pipeline, owner, account)
    event = AuditEvent.objects.get(action="request.submitted")
    assert (event.actor, event.source) == ("pipeline", "api")
    assert (event.data["token"]["name"], event.data["token"]["owner"]) == ("nightly", "owner")
    assert (row.requester, row.by_machine, event.data["by_machine"]) == (pipeline, True, True)
    made = AuditEvent.objects.get(action="token.made")
    assert (made.actor, made.data["service"], made.data["owner"]) == ("owner", "pipeline", "owner")
    assert named(row.requester) == "pipeline (service of owner)"


def test_owner_and_maker_do_not_decide_and_somebody_else_does(
    pipeline: User, owner: User, boss: User, ann: User, account: Account
) -> None:
    row = ask(pipeline, owner, account)
    with pytest.raises(NotAllowed, match="You own the service account that asked"):
        approve(owner, row)
    with pytest.raises(NotAllowed, match="You own the service account"):
        verbs.reject(acting(owner), row.pk, reason="No")
    with pytest.raises(NotAllowed, match="What pipeline may do comes from boss"):
        approve(boss, row)
    assert voters.who_can_help(row) == [ann]
    assert approve(ann, row).state == "APPROVED"


def test_the_maker_decides_once_somebody_else_than_an_owner_confirmed(
    pipeline: User, owner: User, boss: User, account: Account
) -> None:
    people_manager = make_person("second", "administrator")
    people.set_roles(acting(people_manager), owner.pk, ["approver", "administrator"])
    confirmations.confirm_by_operator(acting(boss), "owner")
    with pytest.raises(NotAllowed, match="owner owns the service account pipeline"):
        confirmations.confirm(acting(owner), pipeline.pk)
    confirmations.confirm(acting(people_manager), pipeline.pk)
    row = ask(pipeline, owner, account)
    assert approve(boss, row).state == "APPROVED"
    # That the owner has it in their hands is never confirmed away.
    assert Grant.objects.filter(person=pipeline, kind="owner", confirmed_at=None).count() == 1
    with pytest.raises(NotAllowed, match="nothing to confirm"):
        confirmations.confirm(acting(people_manager), pipeline.pk)


def test_no_owner_of_before_confirms_it_nor_who_counts_as_one_with_one(
    pipeline: User, owner: User, boss: User, ann: User
) -> None:
    """What the page offers, what the words name and what the verb does are the same."""
    for user in (owner, make_person("friend")):
        user.groups.add(*boss.groups.all())
    friend, second = User.objects.get(username="friend"), make_person("second", "administrator")
    Grant.objects.create(person=friend, kind="password", given_by=owner, given_at=timezone.now())
    services.set_owners(acting(boss), pipeline.pk, [ann])
    grants = power.open_grants(pipeline)
    for user, words in (
        (owner, "can't confirm pipeline. owner owns the service account pipeline, or did"),
        (friend, "pipeline is, or was, a service account of owner. What friend may do comes from owner"),
    ):
        assert not confirmations.could(user, pipeline, grants)
        with pytest.raises(NotAllowed, match=re.escape(words)):
            confirmations.confirm(acting(user), pipeline.pk)
    assert confirmations.could(second, pipeline, grants)
    assert power.could_confirm(pipeline, grants) == [second]
    confirmations.confirm(acting(second), pipeline.pk)


def test_given_away_it_still_asks_somebody_where_its_owner_of_before_writes_the_rules_alone(
    pipeline: User, owner: User, boss: User, ann: User, account: Account
) -> None:
    make_rule("Nobody", requirements=[])
    make_person("third", "approver")
    confirmations.confirm_by_operator(Actor(name="operator", source="command"), "pipeline")
    services.set_owners(acting(boss), pipeline.pk, [boss])
    services.set_owners(acting(boss), pipeline.pk, [ann])
    row = ask(pipeline, ann, account)
    assert (row.state, row.plan) == ("PENDING", [{"permission": "copies.decide_request", "count": 1}])


def test_who_counts_as_one_with_an_owner_counts_as_one_with_the_service(
    pipeline: User, owner: User, ann: User, account: Account
) -> None:
    Grant.objects.create(person=ann, kind="password", given_by=owner, given_at=timezone.now())
    third = make_person("third", "approver")
    row = ask(pipeline, owner, account)
    with pytest.raises(
        NotAllowed, match=r"pipeline is, or was, a service account of owner\. What ann may do comes from owner"
    ):
        approve(ann, row)
    assert voters.who_can_help(row) == [third]


def test_two_owners_of_a_service_still_decide_on_each_others_own_requests(
    pipeline: User, owner: User, ann: User, boss: User, account: Account
) -> None:
    services.set_owners(acting(boss), pipeline.pk, [owner, ann])
    row = verbs.submit(acting(owner), account=account, reason="PLAT-1", calls=[make_call()])
    assert approve(ann, row).state == "APPROVED"


def test_a_handed_vote_of_an_owner_does_not_count(pipeline: User, owner: User, ann: User, account: Account) -> None:
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    make_person("third", "approver")
    row = ask(pipeline, owner, account)
    stand_in = make_person("stand-in", "approver")
    handed = {"giver": owner, "receiver": stand_in, "created_at": timezone.now()}
    stand_in.delegations_held.create(**handed, until=timezone.now() + timedelta(days=1))
    approve(ann, row)
    approve(stand_in, row)
    assert {each.decided_by.username for each in Decision.objects.all()} == {"ann", "stand-in"}
    assert not Decision.objects.filter(on_behalf_of__isnull=False).exists()


def test_an_owner_of_before_decides_on_nothing_either(
    pipeline: User, owner: User, ann: User, boss: User, account: Account
) -> None:
    row = ask(pipeline, owner, account)
    services.set_owners(acting(boss), pipeline.pk, [ann])
    make_person("third", "approver")
    with pytest.raises(NotAllowed, match="owner owns the service account pipeline, or did"):
        approve(owner, row)


def test_the_gate_holds_when_an_owner_approved_past_the_verbs(
    pipeline: User, owner: User, ann: User, account: Account
) -> None:
    row = ask(pipeline, owner, account)
    approve(ann, row)
    Decision.objects.update(decided_by=owner)
    event = AuditEvent.objects.get(action="request.approved")
    copy = ImageCopy.objects.get()
    assert event.data["votes"] == {str(ann.pk): ["approver"]}
    with pytest.raises(Rejected):
        gate.check(copy, copy.attempts.get())


def test_no_rule_of_an_owners_lets_it_run_without_anybody(pipeline: User, owner: User, account: Account) -> None:
    make_rule("Nobody", requirements=[])
    Grant.objects.create(kind="rules", given_by=owner, given_at=timezone.now())
    row = ask(pipeline, owner, account)
    assert (row.state, row.plan) == ("PENDING", [{"permission": "copies.decide_request", "count": 1}])


def test_it_has_no_way_in(pipeline: User, boss: User, owner: User) -> None:
    assert not pipeline.has_usable_password()
    with pytest.raises(NotAllowed, match="nobody signs in as it"):
        people.password_link(acting(boss), pipeline.pk)
    with pytest.raises(NotAllowed, match="amicopy writes to its owners"):
        people.set_email(acting(boss), pipeline.pk, "pipeline@people.example")
    for role in ("approver", "administrator", "break-glass"):
        with pytest.raises(NotAllowed, match="can only have the roles requester and auditor"):
            people.set_roles(acting(boss), pipeline.pk, ["requester", role])


def test_given_a_role_behind_amicopy_it_still_decides_nothing(pipeline: User, owner: User, account: Account) -> None:
    pipeline.groups.add(*make_person("all", "approver", "administrator").groups.all())
    user = User.objects.get(pk=pipeline.pk)
    assert "decide" not in tokens.scopes_for(user)
    row = verbs.submit(acting(owner), account=account, reason="PLAT-1", calls=[make_call()])
    assert user not in voters.deciders()
    with pytest.raises(NotAllowed, match="doesn't count"):
        approve(user, row)
    by_ann = verbs.submit(acting(make_person("asks", "requester")), account=account, reason="x", calls=[make_call()])
    with pytest.raises(NotAllowed, match="isn't needed"):
        approve(user, by_ann)


def test_tokens_are_made_by_owners_alone_and_stop_with_them(pipeline: User, owner: User, ann: User, boss: User) -> None:
    for other in (ann, boss):
        with pytest.raises(NotAllowed, match="service accounts that you own"):
            token_of(pipeline, other)
    with pytest.raises(InvalidRequest):
        token_of(pipeline, owner, "decide")
    text = token_of(pipeline, owner)
    assert tokens.used(text, address=ADDRESS).person == pipeline
    for user, words in ((owner, "The owner who made this token"), (pipeline, "The service account whose token")):
        people.switch(acting(boss), user.pk, on=False)
        with pytest.raises(tokens.Refused, match=words):
            tokens.used(text, address=ADDRESS)
        people.switch(acting(boss), user.pk, on=True)
    services.set_owners(acting(boss), pipeline.pk, [ann])
    with pytest.raises(tokens.Refused, match="revoked"):
        tokens.used(text, address=ADDRESS)
    assert AuditEvent.objects.filter(action="token.revoked", data__service="pipeline").count() == 1


@pytest.mark.parametrize("owners", [[], ["nobody"], ["pipeline"]])
def test_owners_are_people_who_are_switched_on(pipeline: User, boss: User, owners: list[str]) -> None:
    make_person("nobody")
    User.objects.filter(username="nobody").update(is_active=False)
    with pytest.raises(ValidationError):
        services.set_owners(acting(boss), pipeline.pk, list(User.objects.filter(username__in=owners)))
    with pytest.raises(NotAllowed, match="whom nobody owns"):
        services.set_owners(acting(boss), make_person("ann").pk, [make_person("owner")])


def test_roles_and_owners_take_two_administrators_where_there_are_two(owner: User, ann: User, boss: User) -> None:
    second = make_person("second", "administrator")
    User.objects.update(last_login=timezone.now())
    outcome = proposals.add_service(acting(boss), name="pipeline", owners=[owner], roles=["requester"])
    service = User.objects.get(username="pipeline")
    assert outcome.proposal is not None
    assert not service.groups.exists()
    proposal_decisions.confirm(acting(second), outcome.proposal.pk)
    assert [group.name for group in service.groups.all()] == ["requester"]
    # Somebody more waits, somebody less is done at once.
    more = proposals.set_owners(acting(boss), service.pk, [owner, boss])
    assert more.proposal is not None
    assert services.owners_of(service.pk) == ["owner"]
    with pytest.raises(NotAllowed):
        proposal_decisions.confirm(acting(boss), more.proposal.pk)
    assert proposal_decisions.confirm(acting(second), more.proposal.pk).state == Proposal.State.CONFIRMED
    assert services.owners_of(service.pk) == ["boss", "owner"]
    assert proposals.set_owners(acting(boss), service.pk, [owner]).proposal is None
    assert services.owners_of(service.pk) == ["owner"]


def test_who_owns_it_counts_for_a_proposal_of_its_roles(owner: User, ann: User, boss: User) -> None:
    second = make_person("second", "administrator")
    User.objects.update(last_login=timezone.now())
    services.add(acting(boss), name="pipeline", owners=[owner, ann])
    service = User.objects.get(username="pipeline")
    waits = proposals.set_roles(acting(boss), service.pk, ["requester"]).proposal
    assert waits is not None
    services.set_owners(acting(boss), service.pk, [owner])
    assert proposal_decisions.confirm(acting(second), waits.pk).state == Proposal.State.LAPSED


def test_owners_hear_of_it_see_it_and_end_it(pipeline: User, owner: User, ann: User, account: Account) -> None:
    plain, asked = make_person("plain", "requester"), make_person("requester", "requester")
    for person in (owner, ann, plain):
        User.objects.filter(pk=person.pk).update(email=f"{person.username}@people.example")
    row = ask(pipeline, owner, account)
    message = Message.objects.get(person=ann)
    assert "pipeline (service of owner) asks for a copy" in message.text
    services.set_owners(acting(make_person("boss", "administrator")), pipeline.pk, [owner, plain])
    assert CopyRequest.objects.visible_to(plain).get() == row
    assert not CopyRequest.objects.visible_to(asked).exists()
    approve(ann, row)
    told = {each.person.username: each.text for each in Message.objects.filter(kind="decision") if each.person}
    assert set(told) == {"owner", "plain"}
    assert "ann approved the request of pipeline." in told["plain"]
    with pytest.raises(NotAllowed):
        cancel_retry.cancel(acting(asked), row.pk)
    cancel_retry.cancel(acting(plain), row.pk)
    row.refresh_from_db()
    assert row.state == "CANCELLED"


def test_rules_tell_machines_from_people(pipeline: User, owner: User, ann: User, account: Account) -> None:
    make_person("guard", "auditor", "approver")
    make_rule("Machines", order=1, asked_by="machines", requirements=[{"group": "auditor", "count": 1}])
    make_rule("People", order=2, asked_by="people", requirements=[{"group": "approver", "count": 1}])
    by_hand = verbs.submit(acting(owner), account=account, reason="PLAT-1", calls=[make_call()])
    own, text = tokens.make(acting(owner), name="own", scopes=["request"], days=1)
    with_token = verbs.submit(program(text), account=account, reason="PLAT-1", calls=[make_call()])
    by_service = ask(pipeline, owner, account)
    assert [rules[0]["name"] for rules in (by_hand.rules, with_token.rules, by_service.rules)] == [
        "People",
        "Machines",
        "Machines",
    ]
    # A person who sends it in again themselves asks as a person.
    verbs.request_changes(acting(ann), with_token.pk, reason="Name?")
    calls = [make_call(Name="another")]
    assert verbs.resubmit(acting(owner), with_token.pk, reason="PLAT-1", calls=calls).rules[0]["name"] == "People"
    assert own.made_by is None


def test_a_rule_proposed_before_it_could_tell_machines_is_added_all_the_same(boss: User) -> None:
    second = make_person("second", "administrator")
    User.objects.update(last_login=timezone.now())
    rule = ApprovalRule(order=1, name="Old", requirements=[{"group": "approver", "count": 1}])
    waits = proposals.save_rule(acting(boss), rule).proposal
    assert waits is not None
    del waits.values["asked_by"]
    Proposal.objects.filter(pk=waits.pk).update(values=waits.values)
    assert proposal_decisions.confirm(acting(second), waits.pk).state == Proposal.State.CONFIRMED
    assert ApprovalRule.objects.get().asked_by == ""
