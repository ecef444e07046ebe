"""The audit history: a list narrowed by filters in the address, and one event with its neighbours."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_GET

from amicopy.audit.actions import ACTIONS
from amicopy.audit.models import AuditEvent
from amicopy.web.actor import signed_in

PAGE = 50
BIG = 2**63
TEXTS = {"actor": "actor", "action": "action", "account": "account", "region": "region", "image": "image_id"}


def visible(request: HttpRequest) -> QuerySet[AuditEvent]:
    """The events the person may see: all with the permission for that, otherwise those of their own requests and
    acts."""
    user = signed_in(request)
    if user.has_perm("audit.view_all"):
        return AuditEvent.objects.all()
    return AuditEvent.objects.filter(Q(requester=user.pk) | Q(actor_id=user.pk))


@require_GET
def event_list(request: HttpRequest) -> HttpResponse:
    """Newest first, a page at a time by key, so that new events never shift a page under its reader."""
    events, problems = _filtered(visible(request), request)
    before = _number(request.GET.get("before", ""))
    if before is not None:
        events = events.filter(pk__lt=before)
    elif request.GET.get("before"):
        problems.append("The page in the address isn't valid. This is the first one.")
    found = list(events.order_by("-id")[: PAGE + 1])
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        "events": found[:PAGE],
        "older": found[PAGE - 1].pk if len(found) > PAGE else None,
        "query": query.urlencode(),
        "filters": {name: request.GET.get(name, "") for name in (*TEXTS, "request", "copy", "since", "until", "q")},
        "actions": sorted(ACTIONS.items(), key=lambda item: item[1]),
        "problems": problems,
        "filtered": any(query.values()),
    }
    return render(request, "audit/list.html", context)


def _filtered(events: QuerySet[AuditEvent], request: HttpRequest) -> tuple[QuerySet[AuditEvent], list[str]]:
    problems: list[str] = []
    for name, column in TEXTS.items():
        value = _clean(request, name)
        if value:
            events = events.filter(**{column: value})
    for name in ("request", "copy"):
        value = _clean(request, name)
        if value:
            number = _number(value.removeprefix("#"))
            if number is None:
                problems.append(f"A {name} has a whole number. {value[:40]!r} isn't one.")
                events = events.none()
            else:
                events = events.filter(**{name: number})
    for name, lookup in (("since", "at__gte"), ("until", "at__lte")):
        value = _clean(request, name)
        if value:
            moment = _moment(value)
            if moment is None:
                problems.append(f"Enter a date such as 2026-11-24. {value[:40]!r} isn't one.")
                events = events.none()
            else:
                events = events.filter(**{lookup: moment})
    text = _clean(request, "q")
    if text:
        events = events.filter(
            Q(actor__icontains=text)
            | Q(image_id=text)
            | Q(aws_request_id=text)
            | Q(error_code__icontains=text)
            | Q(hash__startswith=text)
            | _correlation(text)
        )
    return events, problems


def _clean(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "").strip()[:200]


def _correlation(text: str) -> Q:
    try:
        return Q(correlation_id=UUID(text))
    except ValueError:
        return Q(pk__in=())


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal()) or len(text) > 19:
        return None
    number = int(text)
    return number if number < BIG else None


def _moment(text: str) -> datetime | None:
    try:
        day = parse_date(text)
        if day is not None:
            return datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())
        moment = parse_datetime(text)
    except ValueError:
        return None
    if moment is None:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.get_current_timezone())


@require_GET
def event_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One event, what was said in it, and the others of the same action."""
    event = visible(request).filter(pk=pk).first() if pk < BIG else None
    if event is None:
        raise Http404("There is no such event that you may see.")
    together = visible(request).filter(correlation_id=event.correlation_id).order_by("id")[:50]
    before = AuditEvent.objects.filter(hash=event.prev_hash).values_list("pk", flat=True).first()
    after = AuditEvent.objects.filter(prev_hash=event.hash).values_list("pk", flat=True).first()
    context = {"event": event, "together": together, "before": before, "after": after}
    return render(request, "audit/event.html", context)
