"""A set: requests that were handed in together, followed on one page and decided together or one by one."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amicopy.copies.core.models import CopyRequest, RequestSet
from amicopy.copies.core.states import RequestState
from amicopy.copies.voting import voters
from amicopy.web import conditional_polls, costs
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
    pending = [row for row in rows if row.state == RequestState.PENDING]
    context: dict[str, Any] = {
        "made": made,
        "total": len(rows),
        "copies": sum(len([copy for copy in row.copies.all() if copy.round == row.round]) for row in rows),
        "pending": len(pending),
        "own": made.requester_id == user.pk,
        "reason": rows[0].reason if len({row.reason for row in rows}) == 1 else "",
        "cost": costs.together(rows),
        "to_decide": sorted(voters.waiting_for(user, pending)),
        **rows_context(request, rows, Search(set=str(number)), newest=None),
    }
    return render(request, "requests/set.html", context)
