"""The queue of whoever decides: what waits for them, for others, and what they decided; and many decisions at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.models import Account, CopyRequest, CopyRequestQuerySet
from amicopy.copies.core.states import RequestState
from amicopy.copies.requests import verbs
from amicopy.web import approval_queue, conditional_polls, queue_entries
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.capped_counts import counts
from amicopy.web.pagination import Page, page_by
from amicopy.web.queue_entries import Entry, Problem, drawn, entries_of
from amicopy.web.request_filters import MOST_COUNTED, Search, requesters, row_number
from amicopy.web.typed_reason import reason_of
from amicopy.web.views.requests import region_choices

# As many on a page as anybody decides in one sitting.
PAGE = 50
# What a decision on many is called: what the button does, what it has done, how it looks.
_WORDS = {
    "approve": {"verb": "Approve", "done_words": "approved", "look": "primary", "reason_optional": True},
    "reject": {"verb": "Reject", "done_words": "rejected", "look": "danger", "reason_optional": False},
}
QUEUES = {"mine": "Waiting for you", "others": "Waiting for others", "decided": "Decided by you"}


def check_may_see(user: User) -> None:
    """Raises NotAllowed for whoever decides nothing."""
    if not user.has_perm("copies.decide_request"):
        raise permissions.NotAllowed("You can't decide on requests. Ask an administrator for the approver role.")


@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """One of the queues, narrowed by the filters in the address; `open` is the request whose panel is shown."""
    return queue_page(request, opened=row_number(request.GET.get("open")) if "open" in request.GET else None)


def queue_page(
    request: HttpRequest, *, opened: int | None = None, problem: Problem | None = None, status: int = 200
) -> HttpResponse:
    """The page of a queue; `problem` is what kept a decision from being taken."""
    user = signed_in(request)
    check_may_see(user)
    queue = request.GET.get("queue", "")
    queue = queue if queue in QUEUES else "mine"
    search = Search.of(request.GET)
    waits = approval_queue.wanted(request)
    rows_in = {
        "mine": approval_queue.waiting_for(waits),
        "others": approval_queue.waiting_for_others(waits),
        "decided": approval_queue.decided_by(user),
    }
    found = search.apply(rows_in[queue], user)
    page = _page(found, queue, user, request.GET)
    if not page.rows and ("after" in request.GET or "before" in request.GET):
        # All that was there is decided; what is left is before it.
        return redirect(reverse("approvals") + search.address(queue=queue))
    entries = entries_of(user, page.rows)
    numbers_shown = [entry["row"].pk for entry in entries]
    conditional_polls.tag(request, _stamps(numbers_shown))
    place = _place(request.GET) | {"more": "1" if page.following else ""}
    accounts = list(Account.objects.order_by("name"))
    counted = counts(user, {name: (rows, MOST_COUNTED + 1) for name, rows in (rows_in | {"total": found}).items()})
    context = {
        "queue": queue,
        "queues": [
            {
                "name": name,
                "words": words,
                "address": f"?queue={name}" if name != "mine" else "?",
                "count": counted[name],
                "here": name == queue,
            }
            for name, words in QUEUES.items()
        ],
        "total": counted["total"],
        "mine": queue == "mine",
        "nothing": _nothing(search, queue),
        "previous": search.address(queue=queue, before=str(page.previous)) if page.previous else "",
        "following": search.address(queue=queue, after=str(page.following)) if page.following else "",
        "search": search,
        "regions": region_choices(accounts),
        "accounts": [(each.account_id, each.name) for each in accounts],
        "people": [(name, name) for name in requesters()],
    }
    shown = _shown(request, entries, queue=queue, search=search, place=place, opened=opened, problem=problem)
    return render(request, "approvals.html", context | shown, status=status)


def _nothing(search: Search, queue: str) -> dict[str, str]:
    """What an empty queue says, and where to go from there, if anywhere."""
    if search.narrowed:
        return {
            "title": "No request matches these filters",
            "words": "Widen them, or look at all that waits.",
            "action": "Clear filters",
            "address": f"?queue={queue}",
        }
    return {
        "mine": {
            "title": "Nothing waits for you",
            "words": "A new request shows up here as soon as somebody submits it.",
            "action": "Show all requests",
            "address": reverse("requests"),
        },
        "others": {
            "title": "Nothing waits for others",
            "words": "Your own requests, and those you’ve decided on while more approvals are needed, wait here.",
        },
        "decided": {
            "title": "No decisions yet",
            "words": "Each request you approve, reject or send back is listed here.",
        },
    }[queue]


def _live_stamps(request: HttpRequest) -> conditional_polls.Stamps:
    return _stamps(_numbers(request.GET.get("ids", "").split(",")))


@require_GET
@conditional_polls.polled(_live_stamps)
def live_approvals(request: HttpRequest) -> HttpResponse:
    """The entries a page shows as they are now, in its order, so that nothing moves under a reason being typed."""
    opened = row_number(request.GET.get("open")) if "open" in request.GET else None
    return queue_fragment(request, request.GET, opened=opened)


def queue_fragment(
    request: HttpRequest,
    asked: QueryDict,
    *,
    opened: int | None = None,
    after: int | None = None,
    problem: Problem | None = None,
    said: str = "",
) -> HttpResponse:
    """The entries that a page shows as they are now: `asked` says which, in which queue. `after` opens what comes next
    after that request, and `said` is what was done."""
    user = signed_in(request)
    check_may_see(user)
    numbers = _numbers(asked.get("ids", "").split(","))
    conditional_polls.tag(request, _stamps(numbers))
    found = {row.pk: row for row in drawn(CopyRequest.objects.visible_to(user).filter(pk__in=numbers))}
    entries = entries_of(user, [found[number] for number in numbers if number in found])
    queue = asked.get("queue", "")
    search = Search.of(asked)
    queue, place = queue if queue in QUEUES else "mine", _place(asked)
    if after is not None:
        opened = queue_entries.next_after(entries, after) or after
    context = _shown(request, entries, queue=queue, search=search, place=place, opened=opened, problem=problem)
    context["said"] = said
    if queue == "mine" and not place["more"]:
        # Of the same kind the oldest come first: what is new comes after the last page, or among those that have to be
        # looked at closely.
        others = approval_queue.waiting_for(approval_queue.wanted(request)).exclude(pk__in=numbers)
        context["newer"] = len(_page(search.apply(others, user), queue, user, asked).rows)
    return render(request, "_approvals.html", context)


@require_POST
def decide_many(request: HttpRequest) -> HttpResponse:
    """The picked requests with what each one sends; confirmed, the same decision on all, each with its outcome."""
    user = signed_in(request)
    check_may_see(user)
    kind = "reject" if request.POST.get("bulk") == "reject" else "approve"
    numbers = _numbers(request.POST.getlist("pick"))
    rows = list(
        drawn(CopyRequest.objects.visible_to(user).filter(pk__in=numbers)).order_by("-risky", "submitted_at", "pk")
    )
    if not rows:
        return redirect("approvals")
    context: dict[str, Any] = {"kind": kind, **_WORDS[kind], "entries": entries_of(user, rows)}
    queue_entries.fill(context["entries"])
    for entry in context["entries"]:
        entry["counts"] = entry["may_decide"] and (kind == "reject" or entry["may_approve"])
    if "confirm" not in request.POST:
        return render(request, "approvals_bulk.html", context)
    reason = reason_of(request)
    if kind == "reject" and not reason:
        context["error"] = "Enter why these requests are rejected."
        return render(request, "approvals_bulk.html", context, status=422)
    seen = {row.pk: request.POST.get(f"seen-{row.pk}", "") for row in rows}
    by_number = {row.pk: row for row in rows}
    results = verbs.decide_many(actor_of(request), seen, kind=kind, reason=reason)
    outcomes = [{"row": by_number[result.number], "words": result.words, "done": result.done} for result in results]
    done_count = sum(result.done for result in results)
    return render(request, "approvals_done.html", {**_WORDS[kind], "outcomes": outcomes, "done": done_count})


def _page(rows: CopyRequestQuerySet, queue: str, user: User, query: QueryDict) -> Page:
    """The page of a queue that an address asks for: of what is pending what has to be looked at closely
    first, and of the same kind the oldest; of decisions the latest."""
    if queue == "decided":
        anchors = approval_queue.decided_by(user)
        return page_by(drawn(rows), "my_decision_at", down=True, query=query, size=PAGE, anchors=anchors)
    return page_by(drawn(rows), "submitted_at", down=False, query=query, size=PAGE, above="risky")


def _place(asked: QueryDict) -> dict[str, str]:
    """Which page of a queue it is, as its addresses say it; `more` when another one follows."""
    return {name: asked.get(name, "") for name in ("after", "before", "more")}


def _shown(
    request: HttpRequest,
    entries: list[Entry],
    *,
    queue: str,
    search: Search,
    place: Mapping[str, str],
    opened: int | None,
    problem: Problem | None,
) -> dict[str, Any]:
    """What page and fragment both show."""
    paused = request.GET.get("live") == "off"
    ids = ",".join(str(entry["row"].pk) for entry in entries)
    typing = bool(getattr(request, "htmx", False))
    queue_entries.open_one(entries, problem.number if problem else opened, typing=typing)
    here = {"queue": queue, "after": place["after"], "before": place["before"]}
    for entry in entries:
        number = str(entry["row"].pk)
        entry["address"] = search.address(**here, open=number)
        entry["live_address"] = search.address(ids=ids, queue=queue, open=number, **place)
        entry["problem"] = problem if problem and problem.number == entry["row"].pk else None
    opened_now = next((str(entry["row"].pk) for entry in entries if entry["opened"]), "0" if opened == 0 else "")
    undoable = [entry for entry in entries if entry["undo_until"]]
    return {
        "entries": entries,
        "queue": queue,
        "grouped": queue != "decided",
        "over": queue == "decided",
        "closely": sum(entry["row"].risky for entry in entries),
        "routine": sum(not entry["row"].risky for entry in entries),
        "undo": max(undoable, key=lambda entry: entry["own_decision"].decided_at, default=None),
        "live": not paused and queue != "decided",
        "paused": paused,
        "asked": {"ids": ids, "queue": queue, **place},
        "live_address": search.address(ids=ids, queue=queue, open=opened_now, **place),
        "pause_address": search.address(**here, live="off"),
        "page_address": search.address(**here),
        "close_address": search.address(**here, open="0"),
        "now": timezone.now(),
    }


def _numbers(texts: Sequence[str]) -> list[int]:
    numbers = [row_number(text) for text in texts[:200]]
    return [number for number in numbers if number is not None]


def _stamps(numbers: Sequence[int]) -> conditional_polls.Stamps:
    shown, pending = CopyRequest.objects.filter(pk__in=numbers), CopyRequest.objects.filter(state=RequestState.PENDING)
    return {
        "queue_rows": numbers,
        "queue_shown": shown.aggregate(versions=Sum("version"), vote=Max("decisions")),
        "queue_newest": pending.aggregate(newest=Max("pk")),
    }
