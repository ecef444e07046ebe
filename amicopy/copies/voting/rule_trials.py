"""Rules tried before they are saved: who would be asked about a request, why, and whether anybody could give it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User

from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.voting import rulebook, voters
from amicopy.copies.voting.facts import Facts, facts_of
from amicopy.copies.voting.rulebook import Plans, Verdict
from amicopy.copies.voting.votes import Plan


@dataclass(frozen=True)
class Case:
    """What rules are tried on. `requester` is None where only facts are given: then nobody is left out of those who
    could approve."""

    calls: Sequence[Call]
    facts: Facts
    requester: User | None = None


@dataclass(frozen=True)
class Trial:
    """What some rules ask of a case. `missing` is what nobody could ever give, empty when all can be had."""

    plans: Plans
    missing: Plan

    @property
    def by_destination(self) -> list[tuple[list[str], list[Verdict]]]:
        """The verdicts in the order of looking, once for all destinations they are the same for."""
        of_each: dict[str, list[Verdict]] = {}
        for verdict in self.plans.verdicts:
            of_each.setdefault(verdict.destination, []).append(verdict)
        alike: dict[tuple[tuple[str, int | None, bool | None], ...], tuple[list[str], list[Verdict]]] = {}
        for destination, verdicts in of_each.items():
            key = tuple((verdict.rule, verdict.rule_id, verdict.applies) for verdict in verdicts)
            alike.setdefault(key, ([], verdicts))[0].append(destination)
        return list(alike.values())


def case_of(request: CopyRequest) -> Case:
    """A request that was made already, with the groups its requester has now."""
    return Case(request.calls(), facts_of(request), request.requester)


def try_rules(case: Case, rules: Sequence[ApprovalRule]) -> Trial:
    """What these rules ask of the case, switched off ones left out."""
    plans = rulebook.plan_for(case.calls, case.facts, rules)
    return Trial(plans, voters.impossible(plans.plan, requester=case.requester))


def saved_rules() -> list[ApprovalRule]:
    """The rules in their order, as they are now."""
    return list(ApprovalRule.objects.select_related("account", "requester_group"))


def rules_with(edited: ApprovalRule) -> list[ApprovalRule]:
    """The rules as they would be once this one is saved: in its place, or at the end when it is new."""
    rules = saved_rules()
    if edited.pk is None:
        return [*rules, edited]
    return [edited if rule.pk == edited.pk else rule for rule in rules]
