"""Who has to approve a request, and whether that has happened."""

from collections.abc import Iterable, Sequence
from typing import Any

from amicopy.copies.calls import Call

Plan = list[dict[str, Any]]


def plan_for(calls: Sequence[Call]) -> Plan:
    """The approvals a request with these calls needs: one of anybody who may decide, none for a dry run."""
    if all(call.dry_run for call in calls):
        return []
    return [{"permission": "copies.decide_request", "count": 1}]


def satisfied(plan: Plan, approvals: Iterable[object]) -> bool:
    """Whether these approvals are enough for the plan."""
    given = len(list(approvals))
    return all(given >= int(requirement["count"]) for requirement in plan)
