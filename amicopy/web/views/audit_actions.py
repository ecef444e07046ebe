"""What can be done with the history: taking a copy of it, and looking whether it holds."""

from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from amicopy.audit import checks, event_queries, exports
from amicopy.audit.log import record
from amicopy.audit.models import AuditCheck
from amicopy.copies.core import permissions
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.operations import request_records
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.audit_filters import question_of

# How long a person may wait for a look at the newest events; the daily walk looks at all of them.
VERIFY_SECONDS = 3.0


@require_POST
def export(request: HttpRequest) -> HttpResponseBase:
    """What the filters in the address show, all pages of it, as a file; each person's as much as they may see."""
    user, question, kind = signed_in(request), question_of(request.GET), request.POST.get("format", "")
    permissions.check_role(user)
    if question.filter is None or kind not in exports.CONTENT_TYPES:
        problems = list(question.problems.values()) or ["Export as CSV, as JSON Lines or with proof."]
        return render(request, "audit/not_exported.html", {"problems": problems, "question": question}, status=400)
    events, actor = question.filter.apply(event_queries.visible_to(user)), actor_of(request)
    if kind == exports.PROOF:
        requests = partial(request_records.records, CopyRequest.objects.visible_to(user))
        pieces = exports.export_with_proof(events, filters=question.typed, requests=requests, actor=actor)
    else:
        pieces = exports.export(events, kind=kind, filters=question.typed, actor=actor)
    answer = StreamingHttpResponse(pieces, content_type=exports.CONTENT_TYPES[kind])
    answer["Content-Disposition"] = f'attachment; filename="{exports.file_name(timezone.now(), kind)}"'
    answer["Cache-Control"] = "private, no-store"
    return answer


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Checks the events since the last good check at once, for a few seconds at most."""
    if not signed_in(request).has_perm("audit.view_all"):
        raise PermissionDenied("You can't verify the history. Ask an administrator for the auditor role.")
    actor = actor_of(request)
    check = checks.verify_new(seconds=VERIFY_SECONDS, actor=actor)
    with transaction.atomic():
        record(
            "audit.verified",
            actor=actor,
            data={"outcome": check.outcome, "events": check.events, "event": check.head_id, "finding": check.finding},
        )
    if check.outcome == AuditCheck.Outcome.BROKEN:
        messages.error(request, f"The history doesn't hold. {check.finding}")
    else:
        messages.success(request, f"The chain holds up to event {check.head_id}. {check.events:,} events are good.")
    return redirect(reverse("audit"))
