"""The queue of whoever decides: what waits for them, for others, and what they decided; and many decisions at once."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max, Prefetch, Sum
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.models import Account, CopyRequest, CopyRequestQuerySet, Decision
from amicopy.copies.core.states import RequestState
from amicopy.copies.requests import verbs
from amicopy.copies.voting import demands, left_out, voters, votes
from amicopy.web import approval_queue, conditional_polls
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.pagination import Page, page_by
from amicopy.web.request_filters import Search, count_of, requesters, row_number
from amicopy.web.review_summary import edits_of, found_of, names_of
from amicopy.web.status import current
from amicopy.web.views.request_actions import reason_of
from amicopy.web.views.request_detail import calls_of
from amicopy.web.views.requests import region_choices

# An expiry this close is said in words of warning.
SOON = timedelta(days=2)
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
    """One of the queues, narrowed by the filters in the address."""
    user = signed_in(request)
    check_may_see(user)
    queue = request.GET.get("queue", "")
    queue = queue if queue in QUEUES else "mine"
    search = Search.of(request.GET)
    numbers = approval_queue.waiting_numbers(user)
    rows_in = {
        "mine": approval_queue.waiting_for(user, numbers),
        "others": approval_queue.waiting_for_others(user, numbers),
        "decided": approval_queue.decided_by(user),
    }
    found = search.apply(rows_in[queue], user)
    page = _page(found, queue, user, request.GET)
    if not page.rows and ("after" in request.GET or "before" in request.GET):
        # All that was there is decided; what is left is before it.
        return redirect(reverse("approvals") + search.address(queue=queue))
    stamps = _stamps([row.pk for row in page.rows])
    conditional_polls.tag(request, stamps)
    place = _place(request) | {"more": "1" if page.following else ""}
    accounts = list(Account.objects.order_by("name"))
    total = count_of(found)
    context = {
        "queue": queue,
        "queues": [
            {
                "name": name,
                "words": words,
                "address": f"?queue={name}" if name != "mine" else "?",
                "count": count_of(rows_in[name]),
                "here": name == queue,
            }
            for name, words in QUEUES.items()
        ],
        "total": total,
        "mine": queue == "mine",
        "nothing": _nothing(search, queue),
        "previous": search.address(queue=queue, before=str(page.previous)) if page.previous else "",
        "following": search.address(queue=queue, after=str(page.following)) if page.following else "",
        "search": search,
        "regions": region_choices(accounts),
        "accounts": [(each.account_id, each.name) for each in accounts],
        "people": [(name, name) for name in requesters()],
    }
    shown = _shown(request, user, page.rows, queue=queue, search=search, place=place)
    return render(request, "approvals.html", context | shown)


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
    user = signed_in(request)
    check_may_see(user)
    numbers = _numbers(request.GET.get("ids", "").split(","))
    found = {row.pk: row for row in _drawn(CopyRequest.objects.visible_to(user).filter(pk__in=numbers))}
    rows = [found[number] for number in numbers if number in found]
    queue = request.GET.get("queue", "")
    search = Search.of(request.GET)
    queue, place = queue if queue in QUEUES else "mine", _place(request)
    context = _shown(request, user, rows, queue=queue, search=search, place=place)
    if queue == "mine" and not place["more"]:
        # The oldest come first: what is new comes after the last page.
        others = approval_queue.waiting_for(user, approval_queue.waiting_numbers(user)).exclude(pk__in=numbers)
        context["newer"] = len(_page(search.apply(others, user), queue, user, request.GET).rows)
    return render(request, "_approvals.html", context)


@require_POST
def decide_many(request: HttpRequest) -> HttpResponse:
    """The picked requests with what each one sends; confirmed, the same decision on all, each with its outcome."""
    user = signed_in(request)
    check_may_see(user)
    kind = "reject" if request.POST.get("bulk") == "reject" else "approve"
    numbers = _numbers(request.POST.getlist("pick"))
    rows = list(_drawn(CopyRequest.objects.visible_to(user).filter(pk__in=numbers)).order_by("submitted_at", "pk"))
    if not rows:
        return redirect("approvals")
    context: dict[str, Any] = {"kind": kind, **_WORDS[kind], "entries": _entries(user, rows)}
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
    """The page of a queue that an address asks for: of what is pending the oldest first, of decisions the latest."""
    if queue == "decided":
        anchors = approval_queue.decided_by(user)
        return page_by(_drawn(rows), "my_decision_at", down=True, query=query, size=PAGE, anchors=anchors)
    return page_by(_drawn(rows), "submitted_at", down=False, query=query, size=PAGE)


def _place(request: HttpRequest) -> dict[str, str]:
    """Which page of a queue it is, as its addresses say it; `more` when another one follows."""
    return {name: request.GET.get(name, "") for name in ("after", "before", "more")}


def _drawn(rows: CopyRequestQuerySet) -> CopyRequestQuerySet:
    decisions = Decision.objects.select_related("decided_by", "on_behalf_of")
    return rows.select_related("requester__service", "account").prefetch_related(
        "requester__service__owners", "copies", Prefetch("decisions", decisions)
    )


def _shown(
    request: HttpRequest,
    user: User,
    rows: Sequence[CopyRequest],
    *,
    queue: str,
    search: Search,
    place: Mapping[str, str],
) -> dict[str, Any]:
    """What page and fragment both show."""
    paused = request.GET.get("live") == "off"
    ids = ",".join(str(row.pk) for row in rows)
    entries = _entries(user, rows)
    for entry in entries:
        # The only one is shown as far as deciding on it takes.
        opened = len(entries) == 1 and entry["may_decide"]
        entry |= {
            "changes_open": opened and bool(entry["found"].changes),
            "calls_open": opened and not entry["found"].changes,
        }
    return {
        "entries": entries,
        "queue": queue,
        "over": queue == "decided",
        "live": not paused and queue != "decided",
        "paused": paused,
        "live_address": search.address(ids=ids, queue=queue, **place),
        "pause_address": search.address(queue=queue, live="off", after=place["after"], before=place["before"]),
        "page_address": search.address(queue=queue, after=place["after"], before=place["before"]),
        "now": timezone.now(),
    }


def _entries(user: User, rows: Sequence[CopyRequest]) -> list[dict[str, Any]]:
    """Each request with what the person can do about it and what others have done."""
    pending_rows = [row for row in rows if row.state == RequestState.PENDING]
    mine, given = voters.votes_of(user, pending_rows), voters.counted(pending_rows)
    not_counted = left_out.not_counted_beside(user, pending_rows, given) | left_out.not_counted(user, pending_rows)
    shown = [(row, sorted(current(row), key=lambda copy: copy.position)) for row in rows]
    names, entries = names_of(shown), []
    for row, copies in shown:
        decisions = approval_queue.decisions_that_stand(row)
        pending = row.pk in given
        vote = mine.get(row.pk)
        entries.append(
            {
                "row": row,
                "copies": copies,
                "calls": calls_of(copies),
                "may_approve": vote is not None,
                "may_decide": pending
                and permissions.may_decide(user, row)
                and not approval_queue.voted(user, decisions, row),
                "own": row.requester_id == user.pk,
                "decisions": decisions,
                "not_counted": not_counted.get(row.pk, ""),
                "needed": votes.words(votes.missing(row.plan, given[row.pk].groups)) if pending else "",
                "rules": ", ".join(rule["name"] for rule in row.rules),
                "asked_by": ", ".join(vote.asked_by(row.rules)) if vote else "",
                "wants": demands.of(row.rules).words if vote else "",
                "for_whom": vote.owner.get_username() if vote and vote.owner.pk != user.pk else "",
                "pending": pending,
                "found": found_of(row, copies, names),
                "expires_soon": row.expires_at is not None and row.expires_at - timezone.now() < SOON,
                "edits": edits_of(row, copies),
            }
        )
    return entries


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
