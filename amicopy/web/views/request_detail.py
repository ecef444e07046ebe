"""One request: the page, the part of it that keeps itself current, and its evidence for print."""

import time
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Case, Exists, OuterRef, Subquery, Sum, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from amicopy.audit.models import AuditEvent
from amicopy.copies.core import permissions
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import COPY_STARTABLE, RequestState
from amicopy.copies.lookups import closer_looks, snapshot
from amicopy.copies.requests import follow_ups
from amicopy.web import conditional_polls, costs, request_progress
from amicopy.web.actor import signed_in
from amicopy.web.call_members import calls_of
from amicopy.web.request_filters import BIG
from amicopy.web.review_summary import edits_of, found_of, names_of

REDRAWN_SECONDS = 300


def find(request: HttpRequest, number: int) -> CopyRequest:
    """A request the person may see. Raises Http404 for any other, existing or not."""
    found = CopyRequest.objects.filter(pk=number if number < BIG else 0).first()
    if found is None or not permissions.may_see(signed_in(request), found):
        raise Http404(f"There is no request #{number} that you may see.")
    return found


# What changes with a request: its version; its last event, for a vote that isn't the last one needed changes no state;
# and, where its copies wait for their turn, who else waits. Put together once: every poll asks the same, and putting a
# query together takes longer than asking it.
_WAITING = ImageCopy.objects.filter(state__in=COPY_STARTABLE).order_by()
_QUEUE = _WAITING.values(one=Value(1)).annotate(total=Sum("pk")).values("total")
_STAMPS = CopyRequest.objects.order_by().values_list(
    "version",
    Subquery(AuditEvent.objects.filter(request=OuterRef("pk")).order_by("-id").values("id")[:1]),
    Case(When(Exists(_WAITING.filter(request=OuterRef("pk"))), then=Subquery(_QUEUE))),
)
_ROLES = User.groups.through.objects.order_by("group").values_list("group", flat=True)


def _stamps(request: HttpRequest, number: int) -> conditional_polls.Stamps:
    user = signed_in(request)
    found = list(_STAMPS.filter(pk=number if number < BIG else 0))
    version, event, queue = found[0] if found else (None, None, None)
    return {
        "detail": (number, version, queue),
        # What grows old without anything happening, such as a copy that is overdue, is drawn again now and then.
        "detail_age": int(time.time() // REDRAWN_SECONDS),
        "detail_event": event,
        # What is shown goes by what the person may do, and that by their roles.
        "detail_roles": (user.is_superuser, list(_ROLES.filter(user=user.pk))),
    }


@require_GET
@conditional_polls.polled(_stamps)
def request_detail(request: HttpRequest, number: int) -> HttpResponse:
    """One request; asked for by htmx, only the part that changes by itself, and nothing at all while it is the same."""
    row = find(request, number)
    context = request_progress.context_of(request, row)
    if getattr(request, "htmx", False):
        if row.state == RequestState.PENDING:
            context |= found_context(signed_in(request), row, context["copies"])
        return render(request, "requests/_progress.html", context)
    visible = CopyRequest.objects.visible_to(signed_in(request))
    context |= found_context(signed_in(request), row, context["copies"])
    context |= {
        "calls": calls_of(context["copies"]),
        "may_clone": signed_in(request).has_perm("copies.submit_request"),
        "may_continue": follow_ups.may_continue(signed_in(request), row),
        "original": visible.filter(pk=row.continues_id).first() if row.continues_id else None,
        "continued_by": visible.filter(continues=row).order_by("pk"),
        "mended": ImageCopy.objects.filter(pk=row.mends_id, request__in=visible).first() if row.mends_id else None,
        "mended_by": visible.filter(mends__in=[copy.pk for copy in context["copies"]]).order_by("pk"),
    }
    return render(request, "requests/detail.html", context)


def found_context(user: User, row: CopyRequest, copies: Sequence[ImageCopy]) -> dict[str, Any]:
    """What the panel of what was found out shows; `looks` while something is missing and looked for. A poll brings it
    again while somebody has to decide."""
    return {
        "row": row,
        "copies": copies,
        "found": found_of(row, copies, names_of([(row, copies)])),
        "did_cost": costs.actual(copies) if row.state != RequestState.PENDING else None,
        "edits": edits_of(row, copies),
        "looks": row.state == RequestState.PENDING
        and row.look_again_at is not None
        and bool(snapshot.incomplete(row.lookups) or closer_looks.lacking(row.lookups)),
        "may_look": permissions.may_look_again(user, row),
    }


@require_GET
def evidence(request: HttpRequest, number: int) -> HttpResponse:
    """Everything about one request on a page made for print, with every audit event."""
    row = find(request, number)
    copies = list(row.copies_of_round())
    context = {
        "row": row,
        "copies": copies,
        "calls": calls_of(copies),
        "decisions": row.decisions.select_related("decided_by"),
        "events": AuditEvent.objects.filter(request=row.pk).order_by("id"),
        "now": timezone.now(),
    }
    return render(request, "requests/evidence.html", context)
