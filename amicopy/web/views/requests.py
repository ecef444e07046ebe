"""The list of requests, and its rows, which keep themselves current."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Max, Prefetch, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_GET

from amicopy.aws.partitions import titles
from amicopy.copies.core import permissions
from amicopy.copies.core.models import Account, CopyRequest, CopyRequestQuerySet, ImageCopy
from amicopy.copies.core.states import REQUEST_OPEN
from amicopy.web import conditional_polls
from amicopy.web.actor import signed_in
from amicopy.web.capped_counts import counts
from amicopy.web.models import SavedView
from amicopy.web.pagination import PAGE, page_of
from amicopy.web.request_filters import ENDED, MINE, MOST_COUNTED, OUTCOMES, VIEWS, Search, requesters, row_number

# What a row of the list shows of its copies.
COPY_COLUMNS = (
    "request",
    "round",
    "position",
    "destination",
    "state",
    "progress",
    "snapshots",
    "wait_code",
    "wait_data",
    "called_at",
)


@require_GET
def request_list(request: HttpRequest) -> HttpResponse:
    """The requests the person may see, narrowed, sorted and paged by the address."""
    user = signed_in(request)
    visible = CopyRequest.objects.visible_to(user)
    search = Search.of(request.GET)
    found = search.apply(visible, user)
    page = page_of(drawn(found), sort=search.sort, query=request.GET)
    everyone = user.has_perm("copies.view_all_requests")
    accounts = list(Account.objects.all())
    saved = list(SavedView.objects.filter(person=user))
    saved_now = next((view for view in saved if view.address == search.address()), None)
    any_there = bool(page.rows) or visible.exists()
    newest = _newest() if page.previous is None and search.sort == "newest" else None
    views = _views(mine=everyone and user.has_perm("copies.submit_request"))
    most = MOST_COUNTED + 1
    counted = counts(
        user, {view.view: (view.apply(visible, user), most) for view, _ in views} | {"total": (found, most)}
    )
    rows = rows_context(request, page.rows, search, newest=newest)
    stamps = stamps_of([row.pk for row in page.rows])
    conditional_polls.tag(request, stamps)
    return render(
        request,
        "requests/list.html",
        rows
        | {
            "views": [
                {
                    "name": view.view,
                    "words": words,
                    "address": view.address(),
                    "count": counted[view.view],
                    "here": view.view == search.view and saved_now is None,
                }
                for view, words in views
            ],
            "total": counted["total"],
            "previous": search.address(before=str(page.previous)) if page.previous else "",
            "following": search.address(after=str(page.following)) if page.following else "",
            "regions": region_choices(accounts),
            "accounts": [(each.account_id, each.name) for each in accounts],
            "people": [("me", "Me"), *((name, name) for name in requesters())] if everyone else [],
            "saved": saved,
            "saved_now": saved_now,
            "may_save": permissions.has_role(user) and (search.narrowed or search.sort != "newest"),
            "ended": _ended_choices(search),
            "outcomes": [(name, words) for name, (words, _) in OUTCOMES.items()],
            "everyone": everyone,
            "nothing": _nothing(search, any_there=any_there),
        },
    )


def region_choices(accounts: Iterable[Account]) -> list[tuple[str, str]]:
    """The Regions copies in these accounts can go to, with their titles."""
    found = {(code, title) for account in accounts for code, title in titles(account.partition).items()}
    return [(code, f"{code}, {title}") for code, title in sorted(found)]


def _ended_choices(search: Search) -> list[tuple[str, str]]:
    """The times a copy may have ended in; with the day an address names, which no list has."""
    choices = [(name, words) for name, (words, _) in ENDED.items()]
    return [*choices, (search.ended, search.ended)] if search.ended and search.ended not in ENDED else choices


def _nothing(search: Search, *, any_there: bool) -> dict[str, Any]:
    """What an empty list says, and where to go from there."""
    if search.narrowed:
        named = f" named or numbered “{search.q}”" if search.q else ""
        goes = format_html(' goes to <span class="nowrap">{}</span>', search.region) if search.region else ""
        return {
            "title": "No request matches these filters",
            "words": format_html("Nothing{}{} here. Widen the filters, or ask for the copy yourself.", named, goes),
            "action": "Clear filters",
            "address": Search(view=search.view, sort=search.sort).address() or "?",
        }
    if any_there:
        return {
            "title": "Nothing here now",
            "words": "No request is in this view at the moment.",
            "action": "Show all requests",
            "address": "?",
        }
    return {
        "title": "No copies yet",
        "words": "A copy request names an AMI, where it should go and why. Once it’s approved, amicopy makes the "
        "copies and shows them here.",
    }


def _live_stamps(request: HttpRequest) -> conditional_polls.Stamps:
    return stamps_of(_numbers(request))


@require_GET
@conditional_polls.polled(_live_stamps)
def live_rows(request: HttpRequest) -> HttpResponse:
    """The rows a page shows, in its order, as they are now; and how many newer ones fit its filters.

    Rows change in place: none comes or goes because its state no longer fits the view.
    """
    user = signed_in(request)
    numbers, search = _numbers(request), Search.of(request.GET)
    visible = CopyRequest.objects.visible_to(user)
    found = {row.pk: row for row in drawn(visible.filter(pk__in=numbers))}
    newest = row_number(request.GET.get("newest"))
    context = rows_context(request, [found[number] for number in numbers if number in found], search, newest=newest)
    if newest is not None:
        context["newer"] = search.apply(visible, user).filter(pk__gt=newest)[: PAGE + 1].count()
    return render(request, "requests/_list.html", context)


def drawn(rows: CopyRequestQuerySet) -> CopyRequestQuerySet:
    """The rows with what a list shows of them, in a fixed number of statements."""
    copies = ImageCopy.objects.only(*COPY_COLUMNS).order_by("position")
    return (
        rows.select_related("requester__service")
        .prefetch_related("requester__service__owners")
        .prefetch_related(Prefetch("copies", copies))
    )


def rows_context(
    request: HttpRequest, rows: list[CopyRequest], search: Search, *, newest: int | None
) -> dict[str, Any]:
    """What page and fragment both show."""
    paused = request.GET.get("live") == "off"
    ids = ",".join(str(row.pk) for row in rows)
    more = {"newest": str(newest)} if newest is not None else {}
    return {
        "rows": rows,
        "search": search,
        "heads": [
            _head("name", "Request", "w-name", _sort(search, "name", "-name", down_first=False)),
            _head("route", "Route", "hide-narrow w-route"),
            _head("status", "Status", "w-status", _sort(search, "status", "-status", down_first=False)),
            _head("person", "Requested by", "hide-narrow w-who", _sort(search, "person", "-person", down_first=False)),
            _head("number", "Submitted", "hide-narrow", _sort(search, "newest", "oldest", down_first=True)),
        ],
        "live": not paused and any(row.state in REQUEST_OPEN for row in rows),
        "paused": paused,
        "live_address": search.address(ids=ids, **more),
        "pause_address": search.address(live="off"),
        "page_address": search.address(),
        "clear_address": Search(view=search.view, sort=search.sort).address(),
        "now": timezone.now(),
    }


def _head(name: str, words: str, classes: str, sort: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The head of a column; without `sort` it can't be sorted by."""
    return {"name": name, "words": words, "class": classes, "sort": sort}


def _sort(search: Search, first: str, second: str, *, down_first: bool) -> dict[str, str]:
    """A column's link, which turns the order round when it is this column's already, and its `aria-sort`."""
    words = ("descending", "ascending") if down_first else ("ascending", "descending")
    now = dict(zip((first, second), words, strict=True)).get(search.sort, "")
    return {"address": search.address(sort=second if search.sort == first else first), "now": now}


def _views(*, mine: bool) -> list[tuple[Search, str]]:
    """The built-in views. Whoever sees only their own requests has no use for one of them, nor has who makes none."""
    views = [(Search(view=name), words) for name, (words, _) in VIEWS.items()]
    return [*views, (Search(view=MINE[0]), MINE[1])] if mine else views


def _newest() -> int:
    return CopyRequest.objects.aggregate(newest=Max("pk"))["newest"] or 0


def _numbers(request: HttpRequest) -> list[int]:
    """The rows a poll asks for, at most a page of them."""
    numbers = [row_number(text) for text in request.GET.get("ids", "").split(",")[:PAGE]]
    return [number for number in numbers if number is not None]


def stamps_of(numbers: list[int]) -> conditional_polls.Stamps:
    """Versions only grow, so their sum over the same rows changes with any of them."""
    shown = CopyRequest.objects.filter(pk__in=numbers).aggregate(versions=Sum("version"))
    return {"list_rows": numbers, "list_versions": shown, "list_newest": _newest()}
