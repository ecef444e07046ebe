"""What uses a team, and whether being in it, or out of it, gives somebody power.

Being in a team is power where its members are asked for approvals, where a rule or an account treats them otherwise
than others, where they own a service account, and while somebody's vote is handed to them. Being out of it is power
where a rule or a budget is for its members. Rules name the teams they ask by name, and so do the plans of requests and
the changes that wait: a name that no team has any more counts, too, so that nobody gets in by taking it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Count

from amicopy.copies.core.models import Account, Budget, CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule, Delegation
from amicopy.copies.core.power_models import Grant, ServiceAccount
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.core.states import RequestState
from amicopy.copies.voting import voters

# Their plans are looked at before a copy is made; those that have ended can be set to work again.
OPEN = (RequestState.PENDING, RequestState.APPROVED)
LOOKED_AT = (*OPEN, RequestState.PARTIAL, RequestState.FAILED)


@dataclass
class Uses:
    """What uses a team, by name; `others` counts what is kept elsewhere, by what it is called."""

    rules: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    # Who handed it their vote, for as long as that counts.
    givers: list[str] = field(default_factory=list)
    budget: bool = False
    # Requests that wait for its approval, or were approved by it and aren't done.
    requests: bool = False
    # Titles of the changes that wait for another administrator.
    changes: list[str] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    joining_gives_power: bool = False
    leaving_gives_power: bool = False

    @property
    def power(self) -> bool:
        """Whether who is in it is for administrators to say, two of them where it gives power."""
        return self.joining_gives_power or self.leaving_gives_power

    @property
    def words(self) -> list[str]:
        """Each use in words, such as "rule “Production”"."""
        found = [f"rule “{name}”" for name in self.rules]
        found += [f"account {name}" for name in self.accounts]
        found += [f"service account {name}" for name in self.services]
        found += [f"the vote of {name}, handed over for a time" for name in self.givers]
        found += ["its budget"] if self.budget else []
        found += ["requests that are under way"] if self.requests else []
        found += [f"the change “{title}” that waits" for title in self.changes]
        return found + [f"{count} of the {noun}" for noun, count in sorted(self.others.items())]


def uses(group: Group) -> Uses:
    """What uses one team."""
    return uses_of([group])[group.pk]


def uses_of(groups: Collection[Group]) -> dict[int, Uses]:
    """What uses each of these teams, by number; as many statements for one as for all."""
    found = {group.pk: Uses() for group in groups}
    named = {group.name: found[group.pk] for group in groups}
    for rule in ApprovalRule.objects.all():
        for use in _named(named, names_of(rule.requirements)):
            use.rules.append(rule.name)
            use.joining_gives_power = True
        if rule.requester_group_id in found:
            use = found[rule.requester_group_id]
            use.rules += [] if rule.name in use.rules else [rule.name]
            use.joining_gives_power = use.leaving_gives_power = True
    for pk, name in Account.objects.filter(requester_groups__in=found).values_list("requester_groups", "name"):
        found[pk].accounts.append(name)
        found[pk].joining_gives_power = True
    for pk in Budget.objects.filter(team__in=found).values_list("team", flat=True):
        found[pk].budget = found[pk].leaving_gives_power = True
    for pk, name in ServiceAccount.objects.filter(teams__in=found).values_list("teams", "user__username"):
        found[pk].services.append(name)
        found[pk].joining_gives_power = True
    handed = voters.running().filter(group__in=found).values_list("group", "giver__username").distinct()
    for pk, name in handed.order_by("giver__username"):
        found[pk].givers.append(name)
        found[pk].joining_gives_power = True
    for state in LOOKED_AT:
        for use in _named(named, _names_in_plans(state)):
            use.joining_gives_power = True
            use.requests = use.requests or state in OPEN
    for proposal in Proposal.objects.filter(state=Proposal.State.WAITING).order_by("pk"):
        numbers = _numbers_in(proposal.values)
        in_it = [*_named(named, names_of(proposal.values.get("requirements", ())))]
        in_it += [use for pk, use in found.items() if pk in numbers and use not in in_it]
        if proposal.subject == "team" and proposal.target in found:
            found[proposal.target].changes.append(proposal.title)
        for use in in_it:
            use.changes.append(proposal.title)
            use.joining_gives_power = use.leaving_gives_power = True
    for row in _rules_before():
        for use in _named(named, names_of(row["requirements"])):
            use.joining_gives_power = True
        if row["requester_group_id"] in found:
            use = found[row["requester_group_id"]]
            use.joining_gives_power = use.leaving_gives_power = True
    for noun, pk, count in _others(found):
        found[pk].others[noun] = count
    return found


def names_asked() -> set[str]:
    """The names of all groups that rules, requests or waiting changes ask for approvals from, whether they are there or
    not."""
    asked = [rule.requirements for rule in ApprovalRule.objects.only("requirements")]
    waiting = Proposal.objects.filter(state=Proposal.State.WAITING).values_list("values", flat=True)
    asked += [values.get("requirements", ()) for values in waiting]
    asked += [row["requirements"] for row in _rules_before()]
    found = {name for requirements in asked for name in names_of(requirements)}
    return found.union(*(_names_in_plans(state) for state in LOOKED_AT))


def names_of(requirements: Collection[Mapping[str, Any]]) -> list[str]:
    """The groups that these requirements name."""
    return [each["group"] for each in requirements if "group" in each]


def _named(named: Mapping[str, Uses], names: Collection[str]) -> Iterator[Uses]:
    yield from (named[name] for name in dict.fromkeys(names) if name in named)


def _names_in_plans(state: str) -> set[str]:
    plans = (
        CopyRequest.objects.filter(state=state, finished_at__isnull=True)
        .order_by()
        .values_list("plan", flat=True)
        .distinct()
    )
    return {name for plan in plans for name in names_of(plan)}


def _numbers_in(values: Mapping[str, Any]) -> set[int]:
    """The groups that the values of a proposal name by number."""
    one = {values[name] for name in ("requester_group_id", "team_id") if values.get(name)}
    return {*one, *values.get("groups", ()), *values.get("teams", ())}


def _rules_before() -> list[dict[str, Any]]:
    """The rules that still hold for whoever changed them alone."""
    kept = Grant.objects.filter(kind=Grant.Kind.RULES, confirmed_at__isnull=True, before__isnull=False)
    return [row for before in kept.values_list("before", flat=True) for row in before or ()]


def _others(groups: Collection[int]) -> Iterator[tuple[str, int, int]]:
    """What else hangs on these groups: the noun, the group, and how many."""
    counts: dict[tuple[str, int], int] = defaultdict(int)
    for relation in Group._meta.get_fields(include_hidden=True):
        model = relation.related_model
        if not relation.auto_created or not relation.one_to_many or not isinstance(model, type):
            continue
        if model._meta.auto_created or model in (ApprovalRule, Budget, Delegation):
            continue
        column = relation.field.name  # type: ignore[union-attr]
        rows = model._default_manager.filter(**{f"{column}__in": groups}).order_by()
        for pk, count in rows.values_list(column).annotate(count=Count("pk")):
            counts[str(model._meta.verbose_name_plural), pk] += count
    yield from ((noun, pk, count) for (noun, pk), count in counts.items())
