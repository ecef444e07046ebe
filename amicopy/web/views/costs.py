"""What copies cost, as far as a person may see them: by team, Region and month, and copy by copy."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from amicopy.copies.core import actual_cost, cost_words, prices
from amicopy.copies.core.models import CopyCost
from amicopy.copies.core.request_models import requesters_seen_by
from amicopy.copies.core.roles import ROLES
from amicopy.copies.voting import budgets
from amicopy.copies.voting.budgets import Spent
from amicopy.web.actor import signed_in
from amicopy.web.costs import gib
from amicopy.web.kept_sums import FEW as FEW_KEPT
from amicopy.web.kept_sums import kept

MONTHS = 6
MOST = 100
# Of each on the dashboard.
FEW = 3
TEAM = "copy__request__requester__groups__name"
REGION = "copy__DestinationRegion"
Months = Sequence[tuple[datetime, datetime]]


@dataclass(frozen=True)
class Sums:
    """What copies cost by who asked and by Region, a sum a month; and the teams of those who asked."""

    by_key: Mapping[tuple[int, str], list[Spent]]
    teams: Mapping[int, list[str]]

    def total(self, month: int, *, team: str = "", region: str = "") -> Spent:
        """A month of all of it, or of a team's or a Region's part."""
        return budgets.total_of(
            spent[month]
            for (requester, place), spent in self.by_key.items()
            if (not team or team in self.teams.get(requester, ())) and (not region or place == region)
        )

    def by_team(self, month: int) -> list[dict[str, Any]]:
        """By team, the dearest first; what somebody of two teams asked for is in both, and what somebody of none asked
        for in neither."""
        names = sorted({name for requester, _ in self.by_key for name in self.teams.get(requester, ())})
        return _dearest((name, self.total(month, team=name)) for name in names[:MOST])

    def by_region(self, month: int) -> list[dict[str, Any]]:
        """By Region, the dearest first."""
        return _dearest((name, self.total(month, region=name)) for name in sorted({key[1] for key in self.by_key}))


@require_GET
def costs(request: HttpRequest) -> HttpResponse:
    """A month, this one unless `month` names another as 2026-11; narrowed by `team` and `region`."""
    user, months = signed_in(request), _months(timezone.now())
    asked = request.GET.get("month", "")
    at = next((at for at, (begin, _) in enumerate(months) if f"{begin:%Y-%m}" == asked), 0)
    begin, end = months[at]
    # No database has a NUL in a text, and PostgreSQL refuses to look for one.
    team, region = (request.GET.get(name, "")[:150].replace("\0", "") for name in ("team", "region"))
    sums = sums_of(user, months, copies=_seen_by(user).order_by()[: FEW_KEPT + 1].count())
    shown = _seen_by(user).filter(**{TEAM: team} if team else {}, **{REGION: region} if region else {})
    of_month = shown.filter(approved_at__gte=begin, approved_at__lt=end)
    rows = list(of_month.select_related("copy__request__requester").order_by("-approved_at", "-pk")[: MOST + 1])
    found = prices.current()
    context = {
        "month": begin,
        "months": [
            _line(f"{each[0]:%B %Y}", f"{each[0]:%Y-%m}", sums.total(index, team=team, region=region))
            for index, each in enumerate(months)
        ],
        "teams": sums.by_team(at),
        "regions": sums.by_region(at),
        "total": _line("", "", sums.total(at, team=team, region=region)),
        "rows": [_copy(row) for row in rows[:MOST]],
        "more": len(rows) > MOST,
        "team": team,
        "region": region,
        "sources": found.sources,
        "everyone": user.has_perm("copies.view_all_requests"),
    }
    return render(request, "costs/list.html", context)


def sums_of(user: User, months: Months, *, copies: int) -> Sums:
    """The sums of what this person may see; of many copies as they were within the last minute."""
    rows, seen = _seen_by(user), requesters_seen_by(user)
    name = f"costs:{seen}:{months[0][0].isoformat()}:{len(months)}"
    by_key = kept(name, copies, lambda: budgets.spent_by(rows, months))
    # A database that excludes roles would exclude everybody who has one.
    teams: dict[int, list[str]] = {}
    members = User.groups.through.objects.filter(user__in={requester for requester, _ in by_key}).order_by(
        "group__name"
    )
    for person, group in members.values_list("user", "group__name"):
        if group not in ROLES:
            teams.setdefault(person, []).append(group)
    return Sums(by_key, teams)


def month_of(user: User, *, copies: int) -> dict[str, Any] | None:
    """This month of what the person may see, so many copies or more, with the dearest teams and Regions; None while
    nothing costs anything."""
    sums = sums_of(user, [budgets.month_of(timezone.now())], copies=copies)
    total = sums.total(0)
    if not total.total and not total.unknown:
        return None
    return {"total": _line("", "", total), "teams": sums.by_team(0)[:FEW], "regions": sums.by_region(0)[:FEW]}


def _dearest(sums: Iterable[tuple[str, Spent]]) -> list[dict[str, Any]]:
    found = sorted(sums, key=lambda each: (-each[1].total, each[0]))
    return [_line(name, name, spent) for name, spent in found if spent.total or spent.unknown]


def _seen_by(user: User) -> QuerySet[CopyCost]:
    """What counts of what the person may see. Of earlier rounds only what was cancelled is left, which doesn't."""
    seen, rows = requesters_seen_by(user), budgets.counted()
    return rows if seen is None else rows.filter(copy__request__requester__in=seen)


def _months(now: datetime) -> Months:
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
