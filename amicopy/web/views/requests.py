"""The list of requests, one request with its live progress, and the verbs on it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import ptag

from amicopy.audit.models import AuditEvent
from amicopy.copies import permissions, steering, workflow
from amicopy.copies.calls import InvalidRequest
from amicopy.copies.explaining import explain
from amicopy.copies.models import CopyRequest, ImageCopy
from amicopy.copies.parameters import shown
from amicopy.copies.states import COPY_UNFINISHED, CopyState, RequestState
from amicopy.copies.transitions import InvalidTransition
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.status import overall, seconds_left

PAGE = 25
VIEWS: dict[str, tuple[str, Q]] = {
    "all": ("All", Q()),
    "waiting": ("Waiting for approval", Q(state=RequestState.PENDING)),
    "running": ("In progress", Q(state=RequestState.APPROVED)),
    "attention": ("Needs attention", Q(state__in=(RequestState.FAILED, RequestState.PARTIAL, "CHANGES_REQUESTED"))),
}


@require_GET
def request_list(request: HttpRequest) -> HttpResponse:
    """The requests the person may see, newest first, narrowed by the filters in the address."""
    visible = CopyRequest.objects.visible_to(signed_in(request))
    view = request.GET.get("view", "all")
    found = _filtered(visible, request.GET.get("q", ""), request.GET.get("region", ""))
    if view == "mine":
        found = found.filter(requester=signed_in(request))
    else:
        found = found.filter(VIEWS.get(view, VIEWS["all"])[1])
    found = found.select_related("requester", "account").prefetch_related("copies")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "view": view if view in VIEWS or view == "mine" else "all",
        "views": [(name, words) for name, (words, _) in VIEWS.items()] + [("mine", "Mine")],
        "q": request.GET.get("q", ""),
        "region": request.GET.get("region", ""),
        "regions": ImageCopy.objects.filter(request__in=visible)
        .order_by()
        .values_list("DestinationRegion", flat=True)
        .distinct(),
        "live": request.GET.get("live") != "off" and any(_is_live(row) for row in page),
        "any": visible.exists(),
    }
    template = "requests/_list.html" if _is_fragment(request) else "requests/list.html"
    return render(request, template, context)


def _filtered(requests: QuerySet[CopyRequest], text: str, region: str) -> QuerySet[CopyRequest]:
    text = text.strip().replace("\0", "")[:128]
    if text:
        found = Q(Name__icontains=text) | Q(SourceImageId=text) | Q(copies__ImageId=text) | Q(requester__username=text)
        number = text.removeprefix("#")
        if number.isdecimal() and len(number) < 18:
            found |= Q(pk=int(number))
        requests = requests.filter(found).distinct()
    if region:
        requests = requests.filter(copies__DestinationRegion=region.replace("\0", "")[:32]).distinct()
    return requests


def _is_live(row: CopyRequest) -> bool:
    return row.state in {RequestState.PENDING, RequestState.APPROVED}


def _is_fragment(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def find(request: HttpRequest, number: int) -> CopyRequest:
    """A request the person may see. Raises Http404 for any other, existing or not."""
    rows = CopyRequest.objects.visible_to(signed_in(request)).select_related("requester", "account", "decided_by")
    found = rows.filter(pk=number).first() if number < 2**63 else None
    if found is None:
        raise Http404(f"There is no request #{number} that you may see.")
    return found


def _version(request: HttpRequest, number: int) -> str | None:
    if not _is_fragment(request) or number >= 2**63:
        return None
    visible = CopyRequest.objects.visible_to(signed_in(request)).filter(pk=number)
    version = visible.values_list("version", flat=True).first()
    return None if version is None else str(version)


@require_GET
@ptag(_version)
def request_detail(request: HttpRequest, number: int) -> HttpResponse:
    """One request; asked for by htmx, only the part that changes by itself, and nothing at all while it is the same."""
    row = find(request, number)
    context = progress_context(request, row)
    if _is_fragment(request):
        return render(request, "requests/_progress.html", context)
    user = signed_in(request)
    context |= {
        "may_decide": row.state == RequestState.PENDING and permissions.may_decide(user, row),
        "own": row.requester_id == user.pk,
        "may_withdraw": row.state in {RequestState.PENDING, RequestState.CHANGES_REQUESTED}
        and permissions.may_withdraw(user, row),
        "calls": [(copy, shown(copy.parameters)) for copy in context["copies"]],
        "decisions": row.decisions.select_related("decided_by"),
    }
    return render(request, "requests/detail.html", context)


def progress_context(request: HttpRequest, row: CopyRequest) -> dict[str, Any]:
    """What page and fragment both show."""
    copies = list(row.copies.filter(round=row.round).order_by("position"))
    for copy in copies:
        copy.request = row
    manage = permissions.may_manage_copies(signed_in(request), row)
    cancellable = [copy for copy in copies if copy.state in steering.CANCELLABLE]
    failed = [copy for copy in copies if copy.state == CopyState.FAILED]
    sizes = [sum(snapshot["VolumeSize"] for snapshot in copy.snapshots) for copy in copies]
    return {
        "row": row,
        "copies": copies,
        "cards": [
            {
                "copy": copy,
                "left": seconds_left(copy),
                "explanation": explain(copy) if copy.state == CopyState.FAILED else None,
                "took": (copy.finished_at - copy.called_at).total_seconds()
                if copy.finished_at and copy.called_at
                else None,
            }
            for copy in copies
        ],
        "overall": overall(copies),
        "gib": sum(sizes),
        "live": request.GET.get("live") != "off"
        and (row.state == RequestState.PENDING or any(copy.state in COPY_UNFINISHED for copy in copies)),
        "may_cancel": manage and bool(cancellable),
        "may_retry": manage and bool(failed) and row.state != RequestState.CANCELLED,
        "timeline": AuditEvent.objects.filter(request=row.pk).exclude(action="copy.waiting").order_by("id")[:200],
    }


def _verb(
    request: HttpRequest, number: int, do: Callable[[], object], done: str, back: str = "request"
) -> HttpResponse:
    """Runs one verb and goes back with its outcome as a message; a refusal is a message too, never an error page."""
    find(request, number)
    try:
        do()
        messages.success(request, done)
    except (InvalidTransition, permissions.NotAllowed) as refused:
        messages.error(request, str(refused))
    except InvalidRequest as invalid:
        messages.error(request, " ".join(error.message for error in invalid.errors))
    if back == "approvals" or request.POST.get("back") == "approvals":
        return redirect("approvals")
    return redirect("request", number)


@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    seen, reason = request.POST.get("content_hash", ""), request.POST.get("reason", "")
    actor = actor_of(request)
    return _verb(
        request,
        number,
        lambda: workflow.approve(actor, number, seen_hash=seen, reason=reason.replace("\0", "")),
        f"Request #{number} is approved. Its copies start by themselves.",
    )


@require_POST
def reject(request: HttpRequest, number: int) -> HttpResponse:
    reason, actor = request.POST.get("reason", "").replace("\0", ""), actor_of(request)
    return _verb(
        request, number, lambda: workflow.reject(actor, number, reason=reason), f"Request #{number} is rejected."
    )


@require_POST
def request_changes(request: HttpRequest, number: int) -> HttpResponse:
    reason, actor = request.POST.get("reason", "").replace("\0", ""), actor_of(request)
    return _verb(
        request,
        number,
        lambda: workflow.request_changes(actor, number, reason=reason),
        f"Request #{number} went back for changes.",
    )


@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    return _verb(request, number, lambda: workflow.withdraw(actor, number), f"Request #{number} is withdrawn.")


@require_POST
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    actor, copy_id = actor_of(request), _copy_id(request)
    return _verb(
        request,
        number,
        lambda: steering.cancel(actor, number, copy_id=copy_id),
        "Cancelled. Images and snapshots that were begun are being removed.",
    )


@require_POST
def retry(request: HttpRequest, number: int) -> HttpResponse:
    actor, copy_id = actor_of(request), _copy_id(request)
    return _verb(
        request,
        number,
        lambda: steering.retry(actor, number, copy_id=copy_id),
        "Queued again, with a new token. The approval still counts.",
    )


def _copy_id(request: HttpRequest) -> int | None:
    text = request.POST.get("copy", "")
    return int(text) if text.isdecimal() and len(text) < 18 else None


@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """What waits for a decision: the person's to decide first, then what others have to."""
    user = signed_in(request)
    if not user.has_perm("copies.decide_request"):
        raise permissions.NotAllowed("You can't decide on requests. Ask an administrator for the approver role.")
    rows = (
        CopyRequest.objects.visible_to(user)
        .filter(state=RequestState.PENDING)
        .select_related("requester", "account")
        .prefetch_related("copies", "decisions")
        .order_by("submitted_at")
    )
    entries = [
        {
            "row": row,
            "may_decide": permissions.may_decide(user, row)
            and not any(decision.decided_by_id == user.pk for decision in row.decisions.all()),
            "own": row.requester_id == user.pk,
            "calls": [(copy, shown(copy.parameters)) for copy in row.copies.all() if copy.round == row.round],
        }
        for row in rows[:100]
    ]
    return render(request, "approvals.html", {"entries": entries})
