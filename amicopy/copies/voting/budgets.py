"""What teams spend a month on copies, against their budgets. A budget stops nothing: pages say it, and rules may ask.

A team's month is what AWS would bill for its copies at most: what was approved in the month, once, and a month of
storage for every copy that is kept. A team is a group that is no role; a person may be in several, and counts for each.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from amicopy.copies.core.cost import Estimate
from amicopy.copies.core.models import Budget, CopyCost
from amicopy.copies.core.states import CopyState

# What became nothing costs nothing that is known.
NOT_THERE = (CopyState.FAILED, CopyState.CANCELLED, CopyState.CHECKED)


@dataclass(frozen=True)
class Spent:
    """A month of some copies: what is known of it, and of how many copies it isn't."""

    once: Decimal
    month: Decimal
    unknown: int

    @property
    def total(self) -> Decimal:
        return self.once + self.month


def counted() -> QuerySet[CopyCost]:
    """The copies that cost something: approved, and neither failed nor cancelled."""
    return CopyCost.objects.exclude(copy__state__in=NOT_THERE)


def spent(costs: QuerySet[CopyCost], begin: datetime, end: datetime) -> Spent:
    """What these copies cost from `begin` to `end`, a month: as it was where that is known, else as estimated."""
    once, month = Coalesce("once", "estimated_once"), Coalesce("month", "estimated_month")
    approved = Q(approved_at__gte=begin, approved_at__lt=end)
    kept = Q(approved_at__lt=end) & (Q(kept_until__isnull=True) | Q(kept_until__gte=begin))
    found = costs.annotate(o=once, m=month).aggregate(
        once=Sum("o", filter=approved),
        month=Sum("m", filter=kept),
        unknown=Count("pk", filter=(approved & Q(o__isnull=True)) | (kept & Q(m__isnull=True))),
    )
    return Spent(found["once"] or Decimal(0), found["month"] or Decimal(0), found["unknown"])


def spent_by(
    costs: QuerySet[CopyCost], months: Sequence[tuple[datetime, datetime]]
) -> dict[tuple[int, str], list[Spent]]:
    """The same for each of several months, by who asked and the Region it went to; in one statement."""
    sums: dict[str, Sum | Count] = {}
    for at, (begin, end) in enumerate(months):
        approved = Q(approved_at__gte=begin, approved_at__lt=end)
        kept = Q(approved_at__lt=end) & (Q(kept_until__isnull=True) | Q(kept_until__gte=begin))
        sums |= {
            f"once_{at}": Sum("o", filter=approved),
            f"month_{at}": Sum("m", filter=kept),
            f"unknown_{at}": Count("pk", filter=(approved & Q(o__isnull=True)) | (kept & Q(m__isnull=True))),
        }
    priced = costs.annotate(o=Coalesce("once", "estimated_once"), m=Coalesce("month", "estimated_month"))
    key = ("copy__request__requester", "copy__DestinationRegion")
    return {
        (requester, region): [Spent(*_amounts(values[3 * at : 3 * at + 3])) for at in range(len(months))]
        for requester, region, *values in priced.order_by().values_list(*key).annotate(**sums)
    }


def _amounts(values: Sequence[Any]) -> tuple[Decimal, Decimal, int]:
    once, month, unknown = values
    return once or Decimal(0), month or Decimal(0), unknown


def total_of(parts: Iterable[Spent]) -> Spent:
    """Several of them together."""
    found = list(parts)
    return Spent(
        sum((each.once for each in found), Decimal(0)),
        sum((each.month for each in found), Decimal(0)),
        sum(each.unknown for each in found),
    )


def month_of(moment: datetime) -> tuple[datetime, datetime]:
    """The first moment of its month and of the next one, in the current time zone."""
    begin = timezone.localtime(moment).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = (begin.year + 1, 1) if begin.month == 12 else (begin.year, begin.month + 1)
    return begin, begin.replace(year=year, month=month)


def of_team(team_pk: int) -> QuerySet[CopyCost]:
    """The copies that people of a team asked for, as it is now."""
    return counted().filter(copy__request__requester__groups=team_pk)


def against(requester: User, estimate: Estimate) -> list[dict[str, Any]]:
    """What the budgets of a person's teams say to a request, for its own record: {"team", "amount", "spent", "with",
    "over"}. `with` and `over` are None where the request's cost isn't known, unless the team is above it already."""
    budgets = Budget.objects.filter(team__in=requester.groups.all()).select_related("team")
    return [_against(budget, estimate) for budget in budgets]


def _against(budget: Budget, estimate: Estimate) -> dict[str, Any]:
    before = spent(of_team(budget.team_id), *month_of(timezone.now())).total
    total = (estimate.once + estimate.month).high
    after = None if total is None else before + total
    over: bool | None = (after if after is not None else before) > budget.amount
    if after is None and not over:
        over = None
    return {
        "team": budget.team.name,
        "amount": budget.amount,
        "spent": str(before.quantize(Decimal("0.01"))),
        "with": None if after is None else str(after.quantize(Decimal("0.01"))),
        "over": over,
    }


def over(said: Collection[dict[str, Any]]) -> bool | None:
    """Whether a request would bring a team above its budget; None where that can't be told."""
    answers = {each["over"] for each in said}
    return True if True in answers else None if None in answers else False
