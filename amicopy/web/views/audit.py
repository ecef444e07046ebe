"""The audit history: a list narrowed by filters in the address, its newer events, one event, one request's events."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from amicopy.audit import checks, event_queries, head_store
from amicopy.audit.actions import ACTIONS
from amicopy.audit.event_queries import Slice, count_newer, slice_of, visible_to
from amicopy.audit.models import AuditAnchor, AuditCheck, AuditEvent
from amicopy.copies.core import permissions
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.operations import copy_search
from amicopy.web import conditional_polls
from amicopy.web.actor import signed_in
from amicopy.web.audit_filters import NAMES, Question, question_of
from amicopy.web.event_details import differences_of, facts_of
from amicopy.web.request_filters import BIG, row_number
from amicopy.web.status import Status

PAGE = 50
# Names offered in the filter for people; any other can be typed.
MOST_NAMES = 200
# What is behind "More filters"; it stays open while one of them narrows.
MORE_FILTERS = ("request", "copy", "account", "region", "image")
FITS = Status("ok", "shield", "Content fits its hash")
DOESNT_FIT = Status("fail", "fail", "Content doesn’t fit its hash", "The event isn’t as it was written.")


@dataclass(frozen=True)
class Chain:
    """How the chain of events stood at the last check; `check` is None before the first."""

    status: Status
    check: AuditCheck | None
    holds: bool


@require_GET
def event_list(request: HttpRequest) -> HttpResponse:
    """Newest first, a page at a time by key, so that new events never shift a page under its reader."""
    user, question = signed_in(request), question_of(request.GET)
    context = _page(request, visible_to(user), question) | _around(user) | _copies(user, question)
    return render(request, "audit/list.html", context)


def _copies(user: User, question: Question) -> dict[str, Any]:
    """The copies that a question is about, which lead to their records."""
    visible = CopyRequest.objects.visible_to(user)
    found = copy_search.copies_of(visible, question.filter) if question.filter is not None else []
    return {"copies": found[: copy_search.MOST], "more_copies": len(found) > copy_search.MOST}


@require_GET
def request_events(request: HttpRequest, number: int) -> HttpResponse:
    """The events of one request, for whoever may see it."""
    user = signed_in(request)
    copy_request = get_object_or_404(CopyRequest.objects.visible_to(user), pk=number) if number < BIG else None
    if copy_request is None:
        raise Http404("There is no such request that you may see.")
    query = request.GET.copy()
    query["request"] = str(number)
    events = AuditEvent.objects.filter(request=number)
    context = _page(request, events, question_of(query)) | {"copy_request": copy_request}
    return render(request, "audit/request.html", context)


def _page(request: HttpRequest, events: QuerySet[AuditEvent], question: Question) -> dict[str, Any]:
    """One page of the events that fit, with the addresses of its neighbours."""
    before, after = row_number(request.GET.get("before")), row_number(request.GET.get("after"))
    problems = list(question.problems.values())
    if any(request.GET.get(name) and row_number(request.GET[name]) is None for name in ("before", "after")):
        problems.append("The page in the address isn't valid. This is the first one.")
    newest = _newest()
    found = Slice([], None, None)
    if question.filter is not None:
        found = slice_of(events, question.filter, before=before, after=after, size=PAGE)
        if before is None and after is not None and found.newer is None:
            # Going up ends on the newest page, and that is a full one.
            before = after = None
            found = slice_of(events, question.filter, size=PAGE)
    first = before is None and after is None
    paused = request.GET.get("live") == "off"
    stamps = _live_stamps(request)
    conditional_polls.tag(request, stamps)
    return {
        "question": question,
        # By names that no mapping has as a method.
        "typed": {name: question.typed.get(name, "") for name in NAMES},
        "more_filters": any(question.typed.get(name) for name in MORE_FILTERS),
        "events": found.events,
        "searched": event_queries.WINDOW if found.searched_to else None,
        "newer_address": question.address(after=str(found.newer)) if found.newer else "",
        "older_address": question.address(before=str(found.older)) if found.older else "",
        "newest_address": "" if first else question.address(),
        "problems": problems,
        "newest": newest,
        "newer": 0,
        "may_export": permissions.has_role(signed_in(request)),
        "live": first and not paused and question.filter is not None,
        "paused": first and paused,
        "ended": "Earlier events.",
        "now": timezone.now(),
        "live_address": question.address(newest=str(newest)),
        "pause_address": question.address(live="off"),
        "page_address": question.address(),
    }


def _around(user: User) -> dict[str, Any]:
    """What the page shows besides events: how the chain stands, what can be chosen, how long events are kept."""
    everything = user.has_perm("audit.view_all")
    people = User.objects.order_by("username").values_list("username", flat=True)[:MOST_NAMES] if everything else []
    return {
        "everything": everything,
        "chain": _chain(checks.status()) if everything else None,
        "stores": [_store(found) for found in head_store.findings()] if everything else [],
        "oldest": AuditEvent.objects.order_by("id").only("at").first(),
        "keys": settings.AUDIT_PUBLIC_KEYS if everything else [],
        "anchor": AuditAnchor.objects.order_by("-event_id").first(),
        "keep_days": settings.AUDIT_KEEP_DAYS,
        "actions": sorted(ACTIONS.items(), key=lambda item: item[1]),
        "people": people,
        "accounts": list(Account.objects.all()) if everything else [],
    }


def _chain(check: AuditCheck | None) -> Chain:
    if check is None:
        return Chain(Status("wait", "shield", "Not verified yet"), None, holds=False)
    if check.outcome == AuditCheck.Outcome.GOOD:
        return Chain(Status("ok", "shield", "Chain verified"), check, holds=True)
    return Chain(Status("fail", "fail", "Chain broken"), check, holds=False)


def _store(found: head_store.Finding) -> tuple[Status, str]:
    status = Status("ok", "shield", "Head kept") if found.ok else Status("warn", "warn", "Head not kept")
    return status, found.words


def _live_stamps(request: HttpRequest) -> conditional_polls.Stamps:
    return {"audit_newest": _newest()}


@require_GET
@conditional_polls.polled(_live_stamps)
def newer_events(request: HttpRequest) -> HttpResponse:
    """How many events came since a page was drawn and fit its filters. The page itself stays as it is."""
    user, question = signed_in(request), question_of(request.GET)
    newest = row_number(request.GET.get("newest"))
    count = 0
    if newest is not None and question.filter is not None:
        count = count_newer(visible_to(user), question.filter, than=newest, most=PAGE + 1)
    context = {
        "newer": count,
        "live": newest is not None,
        "now": timezone.now(),
        "live_address": question.address(newest=str(newest)),
        "pause_address": question.address(live="off"),
        "page_address": question.address(),
    }
    return render(request, "audit/_newer.html", context)


@require_GET
def event_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One event, what was said in it, and the others of the same action."""
    user = signed_in(request)
    events = visible_to(user)
    event = events.filter(pk=pk).first() if pk < BIG else None
    if event is None:
        archive = AuditAnchor.objects.filter(event_id__gte=min(pk, BIG - 1)).order_by("event_id").first()
        if archive is not None and user.has_perm("audit.view_all"):
            return render(request, "audit/archived.html", {"pk": pk, "archive": archive}, status=404)
        raise Http404("There is no such event that you may see.")
    together = list(events.filter(correlation_id=event.correlation_id).order_by("id")[: PAGE + 1])
    # Neighbours in the chain: whoever sees a part of the history sees only the hashes.
    before, after = _neighbour(events, hash=event.prev_hash), _neighbour(events, prev_hash=event.hash)
    context = {
        "event": event,
        "differences": differences_of(event),
        "facts": facts_of(event),
        "together": together[:PAGE],
        "more_together": len(together) > PAGE,
        "before": before,
        "after": after,
        "holds": FITS if event.holds else DOESNT_FIT,
        "archived_before": AuditAnchor.objects.filter(hash=event.prev_hash).first() if before is None else None,
    }
    return render(request, "audit/event.html", context)


def _neighbour(events: QuerySet[AuditEvent], **of: str) -> AuditEvent | None:
    return events.filter(**of).only("id", "hash", "action").first()


def _newest() -> int:
    return AuditEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0
