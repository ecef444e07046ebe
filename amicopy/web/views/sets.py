"""A set: requests that were handed in together, followed on one page and decided together or one by one."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amicopy.copies.core.models import CopyRequest, RequestSet
from amicopy.copies.core.states import RequestState
from amicopy.web import approval_queue, conditional_polls
from amicopy.web.actor import signed_in
from amicopy.web.request_filters import Search
from amicopy.web.views.requests import drawn, rows_context, stamps_of


@require_GET
def set_page(request: HttpRequest, number: int) -> HttpResponse:
    """The requests of a set that the person sees, which keep themselves current, and what they may do with all."""
    user = signed_in(request)
    made = RequestSet.objects.select_related("requester").filter(pk=number).first()
    rows = list(drawn(CopyRequest.objects.visible_to(user).filter(in_set=number).order_by("pk"))) if made else []
    if made is None or not rows:
        raise Http404
    conditional_polls.tag(request, stamps_of([row.pk for row in rows]))
    waiting = approval_queue.waiting_for(approval_queue.wanted(request))
    context: dict[str, Any] = {
        "made": made,
        "total": len(rows),
        "copies": sum(len([copy for copy in row.copies.all() if copy.round == row.round]) for row in rows),
        "pending": sum(row.state == RequestState.PENDING for row in rows),
        "own": made.requester_id == user.pk,
        "reason": rows[0].reason if len({row.reason for row in rows}) == 1 else "",
        "to_decide": list(waiting.filter(in_set=number).values_list("pk", flat=True)),
        **rows_context(request, rows, Search(set=str(number)), newest=None),
    }
    return render(request, "requests/set.html", context)
