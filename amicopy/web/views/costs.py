"""What copies cost, as far as a person may see them: by team, Region and month, and copy by copy."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from amicopy.copies.core import actual_cost, cost_words, prices
from amicopy.copies.core.models import CopyCost, CopyRequest
from amicopy.copies.core.roles import ROLES
from amicopy.copies.voting import budgets
from amicopy.copies.voting.budgets import Spent
from amicopy.web.actor import signed_in
from amicopy.web.costs import gib

MONTHS = 6
MOST = 100
# Of each on the dashboard.
FEW = 3
TEAM = "copy__request__requester__groups__name"
REGION = "copy__DestinationRegion"


@require_GET
def costs(request: HttpRequest) -> HttpResponse:
    """A month, this one unless `month` names another as 2026-11; narrowed by `team` and `region`."""
    months = _months(timezone.now())
    asked = request.GET.get("month", "")
    begin, end = next((each for each in months if f"{each[0]:%Y-%m}" == asked), months[0])
    team, region = request.GET.get("team", "")[:150], request.GET.get("region", "")[:32]
    visible = _of(CopyRequest.objects.visible_to(signed_in(request)))
    shown = visible.filter(**{TEAM: team} if team else {}, **{REGION: region} if region else {})
    of_month = shown.filter(approved_at__gte=begin, approved_at__lt=end)
    rows = of_month.select_related("copy__request__requester").order_by("-approved_at", "-pk")[:MOST]
    found = prices.current()
    context = {
        "month": begin,
        "months": [_line(f"{each[0]:%B %Y}", f"{each[0]:%Y-%m}", budgets.spent(shown, *each)) for each in months],
        "teams": by(visible, TEAM, begin, end),
        "regions": by(visible, REGION, begin, end),
        "total": _line("", "", budgets.spent(shown, begin, end)),
        "rows": [_copy(row) for row in rows],
        "more": of_month.count() > MOST,
        "team": team,
        "region": region,
        "sources": found.sources,
        "everyone": signed_in(request).has_perm("copies.view_all_requests"),
    }
    return render(request, "costs/list.html", context)


def by(costs: QuerySet[CopyCost], column: str, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """A month's sums by team or Region, the dearest first; what somebody of two teams asked for is in both, and what
    somebody of none asked for in neither."""
    found = costs.filter(approved_at__lt=end).order_by(column).values_list(column, flat=True).distinct()
    # A database that excludes roles would exclude everybody who has one.
    names = [name for name in found if name and name not in ROLES]
    sums = [(name, budgets.spent(costs.filter(**{column: name}), begin, end)) for name in names[:MOST]]
    sums.sort(key=lambda each: (-each[1].total, each[0]))
    return [_line(name, name, spent) for name, spent in sums if spent.total or spent.unknown]


def month_of(requests: QuerySet[CopyRequest]) -> dict[str, Any] | None:
    """This month of what these requests cost, with the dearest teams and Regions; None while nothing does."""
    month, rows = budgets.month_of(timezone.now()), _of(requests)
    total = budgets.spent(rows, *month)
    if not total.total and not total.unknown:
        return None
    return {
        "total": _line("", "", total),
        "teams": by(rows, TEAM, *month)[:FEW],
        "regions": by(rows, REGION, *month)[:FEW],
    }


def _of(requests: QuerySet[CopyRequest]) -> QuerySet[CopyCost]:
    return budgets.counted().filter(copy__request__in=requests, copy__round=F("copy__request__round"))


def _months(now: datetime) -> list[tuple[datetime, datetime]]:
    """The last months, the newest first."""
    found = [budgets.month_of(now)]
    while len(found) < MONTHS:
        found.append(budgets.month_of(found[-1][0] - timedelta(days=1)))
    return found


def _line(words: str, key: str, spent: Spent) -> dict[str, Any]:
    currency = prices.current().currency
    return {
        "words": words,
        "key": key,
        "once": cost_words.money(spent.once, currency),
        "storage": cost_words.money(spent.month, currency),
        "total": cost_words.money(spent.total, currency),
        "unknown": spent.unknown,
    }


def _copy(row: CopyCost) -> Mapping[str, Any]:
    there = row.kept_from is not None
    once = actual_cost.band(row) if there else actual_cost.estimated(row.estimated_once)
    month = actual_cost.month_band(row) if there else actual_cost.estimated(row.estimated_month)
    return {
        "copy": row.copy,
        "there": there,
        "size": gib(row.bytes),
        "once": cost_words.words(once, row.currency),
        "month": cost_words.words(month, row.currency),
    }
