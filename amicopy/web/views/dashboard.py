"""The start page: what waits for the person, what is running, what failed, and how long it all takes."""

import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Min, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from amicopy.copies.core.copy_speed import size_of
from amicopy.copies.core.explanations import explain
from amicopy.copies.core.models import CopyRequest, CopyRequestQuerySet, Decision, ImageCopy
from amicopy.copies.core.progress import gib_done, overall
from amicopy.copies.core.reason_words import words_of
from amicopy.copies.core.reasons import NEEDS
from amicopy.copies.core.request_models import requesters_seen_by
from amicopy.copies.core.states import COPY_UNFINISHED, CopyState, RequestState
from amicopy.web import approval_queue, charts, conditional_polls, estimates
from amicopy.web.actor import signed_in
from amicopy.web.capped_counts import counts
from amicopy.web.kept_sums import FEW, kept
from amicopy.web.request_filters import MOST_COUNTED
from amicopy.web.status import first_wait
from amicopy.web.templatetags.amicopy import at_most_1000
from amicopy.web.views.costs import month_of
from amicopy.web.views.requests import drawn

WEEK = timedelta(days=7)
LATEST = 30
DAYS = 14
MOST = 5
# More copies in flight than this aren't told apart by Region, and how long a Region takes isn't said of more accounts.
MOST_IN_FLIGHT, MOST_PACES = 500, 3


def _stamps(request: HttpRequest) -> conditional_polls.Stamps:
    # What isn't open changes only by a retry or an end, which an open one shows too. Where so many are open that one of
    # them has always changed, all of them aren't looked at to see that: such a page is drawn with every poll.
    opened = CopyRequest.objects.filter(
        state__in=(RequestState.PENDING, RequestState.APPROVED), finished_at__isnull=True
    ).order_by()
    # One statement, which stops at so many: each poll asks it.
    seen = opened[: FEW + 1].aggregate(count=Count("pk"), versions=Sum("version"), numbers=Sum("pk"))
    last_vote = Decision.objects.order_by("-pk").values("pk")[:1]
    return {
        "dashboard_open": time.time() if seen["count"] > FEW else (seen["versions"], seen["numbers"]),
        "dashboard_newest": CopyRequest.objects.order_by("-pk").values_list("pk", Subquery(last_vote)).first(),
        "dashboard_day": timezone.localdate().isoformat(),
    }


@require_GET
@conditional_polls.polled(_stamps)
def dashboard(request: HttpRequest) -> HttpResponse:
    """What the person should know first; asked for by htmx, only the part that keeps itself current."""
    user = signed_in(request)
    visible = CopyRequest.objects.visible_to(user)
    copies = _copies_seen_by(user)
    paused = request.GET.get("live") == "off"
    decides = user.has_perm("copies.decide_request")
    waits = approval_queue.wanted(request)
    waiting_now = list(
        approval_queue.waiting_for(waits)
        .select_related("requester__service")
        .prefetch_related("requester__service__owners")[:MOST]
    )
    tiles = _tiles(user, visible, copies) | {
        "waiting": waits.count(MOST_COUNTED + 1),
        "oldest": waiting_now[0].submitted_at if waiting_now else None,
    }
    by_day, tiles["done_gib"] = _arrived(user, copies, count=tiles["done"])
    context = {
        "decides": decides,
        "may_start": user.has_perm("copies.submit_request") and not decides,
        "everyone": user.has_perm("copies.view_all_requests"),
        "tiles": tiles,
        "lead": _lead(tiles, decides=decides) if tiles["there"] else "Nothing has been copied yet.",
        "todo": waiting_now if decides else _own_open(user, visible),
        "failures": _failures(copies, tiles),
        "regions": _regions(user, copies, count=tiles["in_flight"]),
        "costs": month_of(user, copies=tiles["there"]),
        "minutes": _minutes(copies),
        "volume": _volume(by_day),
        "days": DAYS,
        "live": not paused,
        "paused": paused,
        "now": timezone.now(),
    }
    template = "_dashboard.html" if getattr(request, "htmx", False) else "dashboard.html"
    return render(request, template, context)


def _copies_seen_by(user: User) -> QuerySet[ImageCopy]:
    """The copies the person may see. Of earlier rounds only cancelled ones are left, which no part here shows."""
    seen = requesters_seen_by(user)
    return ImageCopy.objects.all() if seen is None else ImageCopy.objects.filter(request__requester__in=seen)


def _tiles(user: User, visible: CopyRequestQuerySet, copies: QuerySet[ImageCopy]) -> dict[str, Any]:
    since = timezone.now() - WEEK
    asked, sent_back = Q(state=RequestState.PENDING), Q(state=RequestState.CHANGES_REQUESTED)
    own = visible.filter(asked | sent_back, requester=user, finished_at__isnull=True).aggregate(
        asked=Count("pk", filter=asked),
        asked_since=Min("submitted_at", filter=asked),
        sent_back=Count("pk", filter=sent_back),
    )
    found = counts(
        user,
        {
            "there": (visible, FEW + 1),
            "running": (visible.filter(state=RequestState.APPROVED, finished_at__isnull=True), MOST_COUNTED + 1),
            "in_flight": (_unfinished(copies), MOST_COUNTED + 1),
            "stuck": (_stuck(copies), MOST_COUNTED + 1),
            "failed": (copies.filter(state=CopyState.FAILED, finished_at__gte=since), MOST_COUNTED + 1),
            "done": (copies.filter(state=CopyState.AVAILABLE, existing=False, finished_at__gte=since), 10000),
        },
    )
    return own | found


def _lead(tiles: Mapping[str, Any], *, decides: bool) -> str:
    """What the tiles say, in one sentence."""
    asked, sent_back, running, failed = (tiles[name] for name in ("asked", "sent_back", "running", "failed"))
    if decides:
        waiting = tiles["waiting"]
        first = f"{at_most_1000(waiting) if waiting else 'No'} request{' waits' if waiting == 1 else 's wait'} for you"
    else:
        first = f"{asked or 'None'} of your requests"
        if sent_back:
            were = "was" if sent_back == 1 else "were"
            first = f"{sent_back} of your requests {were} sent back for changes, {asked or 'none'}"
        first += f" {'waits' if asked == 1 else 'wait'} for approval"
    look = f"{failed} failed cop{'y needs' if failed == 1 else 'ies need'} a look"
    are = "is" if running == 1 else "are"
    stuck = tiles["stuck"]
    person = f" {stuck} cop{'y waits' if stuck == 1 else 'ies wait'} for a person." if stuck else ""
    last = look if failed else "nothing failed this week"
    return f"{first}, {running or 'none'} {are} in progress, and {last}.{person}"


def _own_open(user: User, visible: CopyRequestQuerySet) -> list[CopyRequest]:
    """What a requester waits for, or has to change; the latter first."""
    states = (RequestState.CHANGES_REQUESTED, RequestState.PENDING)
    return list(drawn(visible.filter(requester=user, state__in=states)).order_by("state", "-pk")[:MOST])


def _failures(copies: QuerySet[ImageCopy], tiles: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What needs a look: copies that wait for a person, and those that failed of late."""
    rows = copies.filter(state=CopyState.FAILED, finished_at__gte=timezone.now() - WEEK)
    stuck = _stuck(copies).select_related("request").order_by("pk")[:MOST] if tiles["stuck"] else []
    waiting = [{"copy": copy, "title": words_of(copy.wait).title} for copy in stuck if copy.wait]
    failed = [
        {"copy": copy, "title": explain(copy, copy.request.lookups).title}
        for copy in (rows.select_related("request").order_by("-finished_at")[:MOST] if tiles["failed"] else [])
    ]
    return [*waiting, *failed][:MOST]


def _unfinished(copies: QuerySet[ImageCopy]) -> QuerySet[ImageCopy]:
    """What is under way or about to be. It has a next step, by which its index is found."""
    return copies.filter(state__in=COPY_UNFINISHED, next_step_at__isnull=False)


def _stuck(copies: QuerySet[ImageCopy]) -> QuerySet[ImageCopy]:
    """The copies that only a person can bring on."""
    return _unfinished(copies).filter(wait_code__in=tuple(NEEDS))


def _regions(user: User, copies: QuerySet[ImageCopy], *, count: int) -> list[dict[str, Any]]:
    """The Regions copies are on their way to, those with most left first; of many as they were within the last
    minute."""
    unfinished = _unfinished(copies).order_by()

    def by_region() -> list[dict[str, Any]]:
        rows: dict[str, list[ImageCopy]] = {}
        for copy in unfinished.defer("parameters", "verification")[:MOST_IN_FLIGHT]:
            rows.setdefault(copy.DestinationRegion, []).append(copy)
        found = [_region(region, rows[region]) for region in rows]
        return sorted(found, key=lambda each: (-each["count"], each["region"]))

    return kept(f"regions:{requesters_seen_by(user)}", count, by_region)


def _region(region: str, rows: Sequence[ImageCopy]) -> dict[str, Any]:
    copying = [copy for copy in rows if copy.state == CopyState.COPYING]
    # How fast an account's copies are is a statement each.
    few = len({copy.account_id for copy in copying}) <= MOST_PACES
    left = estimates.last_of(estimates.left(copy, usual=estimates.usual(copy)) for copy in copying) if few else None
    waits = first_wait(rows)
    return {
        "region": region,
        "count": len(rows),
        "percent": overall(rows),
        "gib_done": gib_done(rows),
        "left": estimates.words(left),
        "words": words_of(waits).sentence if waits else "" if copying else "Starting",
    }


def _minutes(copies: QuerySet[ImageCopy]) -> dict[str, Any] | None:
    """How long the last copies took; None while there are none."""
    ended = copies.filter(
        state__in=(CopyState.AVAILABLE, CopyState.FAILED), finished_at__isnull=False, called_at__isnull=False
    )
    rows = list(ended.defer("parameters", "verification").order_by("-finished_at")[:LATEST])
    rows.reverse()
    if not rows:
        return None
    taken = {
        copy: (copy.finished_at - copy.called_at).total_seconds()
        for copy in rows
        if copy.finished_at is not None and copy.called_at is not None
    }
    # Where all is over in moments, minutes would all be nought.
    unit, size = ("min", 60) if max(taken.values()) >= 2 * 60 else ("s", 1)
    bars = []
    for copy, seconds in taken.items():
        failed = copy.state == CopyState.FAILED
        words = (
            f"#{copy.request_id} to {copy.DestinationRegion}: "
            f"{'failed after ' if failed else ''}{seconds / size:.0f} {unit}"
        )
        address = f"{reverse('request', args=[copy.request_id])}#copy-{copy.pk}"
        bars.append(charts.Bar(seconds / size, words, bad=failed, address=address))
    chart = charts.bars(bars, with_median=True)
    failed_count = sum(bar.bad for bar in bars)
    middle = chart.middle[0] if chart.middle else "0"
    unit_words = "Minutes" if unit == "min" else "Seconds"
    longest = max(bar.value for bar in bars)
    summary = f"{unit_words} taken by the last {len(bars)} copies: median {middle}, longest {longest:.0f}"
    return {
        "chart": chart,
        "unit": unit,
        "unit_words": unit_words,
        "rows": bars,
        "count": len(bars),
        "summary": summary + (f", {failed_count} failed" if failed_count else ""),
        **_ends(rows[0], rows[-1]),
    }


def _ends(first: ImageCopy, last: ImageCopy) -> dict[str, str]:
    """What stands below the two ends of a chart: the days, or the times where all is of one day."""
    begin, end = (timezone.localtime(copy.finished_at) for copy in (first, last))
    if begin.date() == end.date():
        return {"first_words": f"{begin:%H:%M}", "last_words": f"{end:%-d %b, %H:%M}"}
    return {"first_words": f"{begin:%-d %b}", "last_words": f"{end:%-d %b}"}


def _arrived(user: User, copies: QuerySet[ImageCopy], *, count: int) -> tuple[dict[date, int], int]:
    """GiB that arrived on each of the last days, and in the last week; of many copies as it was within the last
    minute."""
    now, today = timezone.now(), timezone.localdate()
    rows = copies.filter(state=CopyState.AVAILABLE, existing=False, finished_at__gte=now - timedelta(days=DAYS))

    def sums() -> tuple[dict[date, int], int]:
        by_day, week = {today - timedelta(days=back): 0 for back in range(DAYS - 1, -1, -1)}, 0
        for copy in rows.only("snapshots", "finished_at").order_by("-finished_at")[:10000]:
            size, day = size_of(copy), timezone.localdate(copy.finished_at)
            if day in by_day:
                by_day[day] += size
            if copy.finished_at is not None and copy.finished_at >= now - WEEK:
                week += size
        return by_day, week

    return kept(f"arrived:{requesters_seen_by(user)}:{today}:{timezone.get_current_timezone_name()}", count, sums)


def _volume(by_day: Mapping[date, int]) -> dict[str, Any] | None:
    """GiB that arrived each day; None while nothing did."""
    total = sum(by_day.values())
    if not total:
        return None
    list_address = reverse("requests")
    rows = [
        charts.Bar(
            size,
            f"{day:%-d %b}: {size} GiB",
            address=f"{list_address}?ended={day.isoformat()}&outcome=available" if size else "",
        )
        for day, size in by_day.items()
    ]
    return {
        "chart": charts.bars(rows),
        "rows": rows,
        "summary": f"GiB that arrived on each of the last {DAYS} days: {total} in all, at most {max(by_day.values())}",
        "first_words": f"{min(by_day):%-d %b}",
        "last_words": "today",
    }
