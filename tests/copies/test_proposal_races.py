"""Two administrators at the same instant, on one proposal or one target: one is told, and nothing is done twice."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.operations import proposal_decisions, proposals
from tests.copies.conftest import acting, make_person, make_rule
from tests.copies.test_approval_races import REFUSED, ROUNDS, at_once, side_by_side

pytestmark = [pytest.mark.django_db(transaction=True), side_by_side]
State = Proposal.State


@pytest.fixture
def three(db: None) -> list[User]:
    return [make_person(name, "administrator") for name in ("one", "two", "three")]


def refused(outcomes: list[object]) -> int:
    assert all(isinstance(each, (Proposal, proposals.Outcome, *REFUSED)) for each in outcomes), outcomes
    return sum(isinstance(each, REFUSED) for each in outcomes)


def test_two_confirm_at_the_same_instant_and_it_is_done_once(three: list[User]) -> None:
    for index in range(ROUNDS):
        made = proposals.save_rule(acting(three[0]), ApprovalRule(name=f"Rule {index}")).proposal
        assert made
        number = made.pk

        def confirm(by: User, pk: int = number) -> Proposal:
            return proposal_decisions.confirm(acting(by), pk)

        assert refused(at_once(lambda: confirm(three[1]), lambda: confirm(three[2]))) == 1
        assert AuditEvent.objects.filter(action="rule.created", data__name=f"Rule {index}").count() == 1


def test_it_is_confirmed_or_withdrawn_and_never_both(three: list[User]) -> None:
    for index in range(ROUNDS):
        made = proposals.save_rule(acting(three[0]), ApprovalRule(name=f"Rule {index}")).proposal
        assert made
        number = made.pk

        def decide(verb: Callable[..., Proposal], by: User, pk: int = number) -> Proposal:
            return verb(acting(by), pk)

        outcomes = at_once(
            lambda: decide(proposal_decisions.confirm, three[1]), lambda: decide(proposal_decisions.withdraw, three[0])
        )
        assert refused(outcomes) == 1
        there = ApprovalRule.objects.filter(name=f"Rule {index}").exists()
        assert there == (Proposal.objects.get(pk=number).state == State.CONFIRMED)


def test_a_target_gets_one_proposal(three: list[User]) -> None:
    for index in range(ROUNDS):
        rule, other = make_rule(f"Rule {index}", order=index), make_person(f"other-{index}", "auditor")

        def delete(by: User, row: ApprovalRule = rule) -> proposals.Outcome:
            return proposals.delete_rule(acting(by), row)

        def give(by: User, role: str, person: User = other) -> proposals.Outcome:
            return proposals.set_roles(acting(by), person.pk, [role])

        assert refused(at_once(lambda: delete(three[0]), lambda: delete(three[1]))) == 1
        outcomes = at_once(lambda: give(three[0], "requester"), lambda: give(three[1], "approver"))
        assert refused(outcomes) == 1
        assert Proposal.objects.filter(state=State.WAITING, target__in=(rule.pk, other.pk)).count() == 2


def test_roles_are_confirmed_while_somebody_else_proposes_others(three: list[User]) -> None:
    for index in range(ROUNDS):
        other = make_person(f"other-{index}", "auditor")
        made = proposals.set_roles(acting(three[0]), other.pk, ["auditor", "requester"]).proposal
        assert made
        number = made.pk

        def confirm(pk: int = number) -> Proposal:
            return proposal_decisions.confirm(acting(three[1]), pk)

        def propose(person: User = other) -> proposals.Outcome:
            return proposals.set_roles(acting(three[2]), person.pk, ["auditor", "approver"])

        refused(at_once(confirm, propose))
        assert Proposal.objects.get(pk=number).state in (State.CONFIRMED, State.LAPSED)
