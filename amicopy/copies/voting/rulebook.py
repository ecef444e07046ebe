"""From rules to the plan of a request: for each destination the first rule that fits, and all of them together.

Nobody's own rules let their copies run, or ask less of them: where the requester has changed the rules and nobody
else has confirmed that, a rule that asks for nobody asks for one approval, and what the rules of before ask for is
asked for, too. Dry runs make nothing, and may do without anybody. Nothing is done to an AMI that exists without an
approval, whatever rule fits it.

What amicopy doesn't know counts against the request: while a condition can't be told, its rule asks for its approvals
and the search goes on below it. So neither an outage of the look-ups nor one more destination gets round a rule.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from amicopy.copies.core.calls import Call
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.voting import demands, fact_words
from amicopy.copies.voting.facts import Facts, encrypted
from amicopy.copies.voting.votes import Plan, merged

DEFAULT_PLAN: Plan = [{"permission": "copies.decide_request", "count": 1}]
DEFAULT_NAME = "No rule fits: one approval"
DEFAULT_DRY_RUN_NAME = "No rule fits: dry runs need nobody"


@dataclass(frozen=True)
class Verdict:
    """Whether a rule applies to a destination: yes, no, or None when a condition can't be told; `why` in words."""

    rule: str
    rule_id: int | None
    destination: str
    applies: bool | None
    why: tuple[str, ...]
    requirements: Plan
    # Of the rule as it was looked at; empty where there is no rule.
    version: str = ""
    # What it wants whoever approves to have shown, see `demands`.
    at_decision: Mapping[str, Any] = field(default_factory=dict)
    # Whether it lets an AMI be made public.
    allows_public: bool = False


@dataclass(frozen=True)
class Plans:
    """`plan` is what the request needs; `rules` those that ask, for the request's own record: [{"id", "name",
    "version", "destinations", "requirements"}, ...], with "at_decision" where one wants something of who approves;
    `verdicts` say how it came about, in the order of looking."""

    plan: Plan
    rules: list[dict[str, Any]]
    verdicts: tuple[Verdict, ...]


def plan_for(calls: Sequence[Call], facts: Facts, rules: Iterable[ApprovalRule] | None = None) -> Plans:
    """The approvals a request with these calls needs, under these rules or else the enabled ones of the database."""
    if rules is None:
        rules = ApprovalRule.objects.filter(enabled=True).select_related("account", "requester_group")
    in_order = [rule for rule in rules if rule.enabled]
    verdicts = [verdict for call in calls for verdict in _verdicts(call, facts, in_order)]
    verdicts += _of_before(calls, facts, verdicts)
    asked: dict[tuple[int | None, str], dict[str, Any]] = {}
    for verdict in verdicts:
        if verdict.applies is False:
            continue
        entry = asked.setdefault(
            (verdict.rule_id, verdict.rule),
            {
                "id": verdict.rule_id,
                "name": verdict.rule,
                "version": verdict.version,
                "destinations": [],
                "requirements": verdict.requirements,
                **({"at_decision": dict(verdict.at_decision)} if verdict.at_decision else {}),
            },
        )
        entry["destinations"].append(verdict.destination)
    found = list(asked.values())
    return Plans(merged([entry["requirements"] for entry in found]), found, tuple(verdicts))


def _of_before(calls: Sequence[Call], facts: Facts, now: Iterable[Verdict]) -> list[Verdict]:
    """What the rules asked for before the requester changed them alone, as far as that is asked for no more."""
    asked = {(each.destination, each.rule_id, each.version) for each in now if each.applies is not False}
    return [
        replace(verdict, rule=f"{verdict.rule} (before {by} changed the rules)")
        for by, rules in facts.rulebooks_before
        for call in calls
        for verdict in _verdicts(call, facts, rules)
        if verdict.applies is not False and (verdict.destination, verdict.rule_id, verdict.version) not in asked
    ]


def _verdicts(call: Call, facts: Facts, rules: Iterable[ApprovalRule]) -> Iterable[Verdict]:
    for rule in rules:
        answers = [(condition(rule, call, facts), condition.__name__) for condition in CONDITIONS]
        no = [name for answer, name in answers if answer is False]
        unknown = [name for answer, name in answers if answer is None]
        applies = False if no else None if unknown else True
        why = tuple(SAID[name][0 if applies is False else 1] for name in (no or unknown))
        requirements: Plan = list(rule.requirements)
        # A rule that asks for nobody was made for copies: an AMI that exists may be in use.
        if not requirements and not call.dry_run and (call.existing or facts.own_rules):
            requirements = DEFAULT_PLAN
        yield Verdict(
            rule.name,
            rule.pk,
            call.destination,
            applies,
            why,
            requirements,
            rule.version,
            demands.of_rule(rule),
            rule.allows_public,
        )
        if applies:
            return
    if call.dry_run:
        yield Verdict(DEFAULT_DRY_RUN_NAME, None, call.destination, True, (), [])
    else:
        yield Verdict(DEFAULT_NAME, None, call.destination, True, (), DEFAULT_PLAN)


def account(rule: ApprovalRule, call: Call, facts: Facts) -> bool:
    return rule.account_id is None or rule.account_id == facts.account.pk


def region(rule: ApprovalRule, call: Call, facts: Facts) -> bool:
    return region_fits(rule.DestinationRegion, call.DestinationRegion)


def source_account(rule: ApprovalRule, call: Call, facts: Facts) -> bool | None:
    if not rule.SourceAccount:
        return True
    return None if facts.SourceAccount is None else facts.SourceAccount == rule.SourceAccount


def encryption(rule: ApprovalRule, call: Call, facts: Facts) -> bool | None:
    if not rule.encryption:
        return True
    will_be = encrypted(call, facts)
    return None if will_be is None else will_be == (rule.encryption == ApprovalRule.Encryption.ENCRYPTED)


def dry_run(rule: ApprovalRule, call: Call, facts: Facts) -> bool:
    if rule.dry_runs == ApprovalRule.DryRuns.BOTH:
        return True
    return call.dry_run == (rule.dry_runs == ApprovalRule.DryRuns.DRY_RUNS)


def size(rule: ApprovalRule, call: Call, facts: Facts) -> bool | None:
    if rule.larger_than is None and rule.at_most is None:
        return True
    if facts.size is None:
        return None
    large_enough = rule.larger_than is None or facts.size > rule.larger_than
    return large_enough and (rule.at_most is None or facts.size <= rule.at_most)


def requester_group(rule: ApprovalRule, call: Call, facts: Facts) -> bool:
    return rule.requester_group is None or rule.requester_group.name in facts.requester_groups


def asked_by(rule: ApprovalRule, call: Call, facts: Facts) -> bool:
    return not rule.asked_by or facts.by_machine == (rule.asked_by == ApprovalRule.AskedBy.MACHINES)


def facts_hold(rule: ApprovalRule, call: Call, facts: Facts) -> bool | None:
    """Whether one of the rule's facts holds; it can't be told while none does and one isn't known."""
    if not rule.facts:
        return True
    answers = [facts.holds(code, call) for code in rule.facts]
    if any(answers):
        return True
    return None if None in answers else False


def costs_more_a_month(rule: ApprovalRule, call: Call, facts: Facts) -> bool | None:
    return _over(rule.costs_more_a_month, facts.month)


def costs_more_once(rule: ApprovalRule, call: Call, facts: Facts) -> bool | None:
    return _over(rule.costs_more_once, facts.once)


def _over(limit: int | None, amount: Decimal | None) -> bool | None:
    """Whether a cost is above a rule's limit. One that isn't known can't be told, so that its rule asks all the same
    and the rules below it do, too."""
    if limit is None:
        return True
    return None if amount is None else amount > limit


Condition = Callable[[ApprovalRule, Call, Facts], bool | None]
CONDITIONS: tuple[Condition, ...] = (
    account,
    region,
    source_account,
    encryption,
    dry_run,
    size,
    requester_group,
    asked_by,
    facts_hold,
    costs_more_a_month,
    costs_more_once,
)
# Why a rule doesn't apply, and why it can't be told.
SAID: dict[str, tuple[str, str]] = {
    "account": ("another account", ""),
    "region": ("another Region", ""),
    "source_account": ("another source account", "the source's account isn't known"),
    "encryption": ("encryption differs", "the source's encryption isn't known"),
    "dry_run": ("not for this kind of call", ""),
    "size": ("another size", "the source's size isn't known"),
    "requester_group": ("the requester isn't in its group", ""),
    "asked_by": ("not for who asked, a person or a machine", ""),
    "costs_more_a_month": ("costs less a month", "what it costs a month isn't known, which counts as more"),
    "costs_more_once": ("costs less once", "what it costs once isn't known, which counts as more"),
    "facts_hold": ("none of its facts holds", "whether its facts hold isn't known"),
}


def conditions_in_words(rule: ApprovalRule) -> list[str]:
    """What a rule looks at, such as "into eu-*" and "larger than 500 GiB"; empty when it fits every copy."""
    found = [
        (rule.account, f"in account {rule.account.name}" if rule.account else ""),
        (rule.DestinationRegion, f"into {rule.DestinationRegion}"),
        (rule.SourceAccount, f"from account {rule.SourceAccount}"),
        (rule.encryption, str(rule.get_encryption_display()).lower()),
        (rule.larger_than is not None, f"larger than {rule.larger_than} GiB"),
        (rule.at_most is not None, f"at most {rule.at_most} GiB"),
        (rule.requester_group, f"asked for by {rule.requester_group.name}" if rule.requester_group else ""),
        (rule.asked_by, f"asked for by {str(rule.get_asked_by_display()).lower()}"),
        (rule.facts, f"where {' or '.join(map(fact_words.name_of, rule.facts))}"),
        (rule.costs_more_a_month is not None, f"above {rule.costs_more_a_month} USD a month"),
        (rule.costs_more_once is not None, f"above {rule.costs_more_once} USD once"),
        (rule.dry_runs != ApprovalRule.DryRuns.COPIES, str(rule.get_dry_runs_display()).lower()),
    ]
    return [words for wanted, words in found if wanted]


def wants_in_words(rule: ApprovalRule) -> str:
    """What a rule wants whoever approves to have shown; empty for nothing."""
    found = [
        f"signed in at most {rule.sign_in_minutes} min ago" if rule.sign_in_minutes else "",
        "with a second factor" if rule.second_factor else "",
    ]
    return ", ".join(filter(None, found))


def region_fits(patterns: str, name: str) -> bool:
    """Whether a Region is among patterns with commas between them, such as "eu-*, us-east-1"; no pattern fits all."""
    return not patterns or any(fnmatchcase(name, pattern.strip()) for pattern in patterns.split(","))
