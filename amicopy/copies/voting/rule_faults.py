"""What is wrong with the groups that rules name: one that is gone, or that nobody is in who would count."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from django.contrib.auth.models import Group, User

from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.voting import team_power, voters

Code = Literal["gone", "empty", "nobody"]


@dataclass(frozen=True)
class Fault:
    """A group that a rule names: `gone`; `empty`, without anybody who may approve; or `nobody`, for requests of a group
    that has no member."""

    rule: str
    group: str
    code: Code


def of_rules(rules: Collection[ApprovalRule]) -> list[list[Fault]]:
    """The faults of each of these rules, in their order; three statements for all."""
    there = set(Group.objects.values_list("name", flat=True))
    approving = {name for names in voters.groups_of(voters.deciders()).values() for name in names}
    peopled = set(User.objects.filter(is_active=True, groups__isnull=False).values_list("groups__name", flat=True))
    return [_of_rule(rule, there, approving, peopled) for rule in rules]


def _of_rule(rule: ApprovalRule, there: set[str], approving: set[str], peopled: set[str]) -> list[Fault]:
    asked = team_power.names_of(rule.requirements)
    found = [Fault(rule.name, name, "gone") for name in asked if name not in there]
    found += [Fault(rule.name, name, "empty") for name in asked if name in there and name not in approving]
    group = rule.requester_group
    if group and group.name not in peopled:
        found.append(Fault(rule.name, group.name, "nobody"))
    return found
