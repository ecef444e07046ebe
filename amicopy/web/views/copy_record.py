"""The record of one copy, by its permanent address: the page, its bundle, and a new look at the AMI."""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from amicopy.audit import bundles, checks
from amicopy.audit.log import Entry
from amicopy.copies.core import permissions
from amicopy.copies.core.models import Attempt, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.operations import copy_looks, copy_records, request_records, step_records
from amicopy.web import copy_record, row_steps
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms import existing_form
from amicopy.web.gantt import gantt_of
from amicopy.web.request_filters import row_number
from amicopy.web.views.request_detail import find

# What verifies a bundle, a line each for what belongs together.
COMMAND = "python3 verify_amicopy.py \\\n  --key KEY BUNDLE.zip"


def _copy(request: HttpRequest, number: int, destination: str) -> ImageCopy:
    """The copy at an address, in the newest round or in the one that `round` says. Raises Http404 for any other."""
    row = find(request, number)
    copy = copy_records.find(row, destination, round_=row_number(request.GET.get("round")))
    if copy is None:
        raise Http404(f"Request #{number} has no copy to {destination}.")
    return copy


def _attempts(copy: ImageCopy) -> list[Attempt]:
    return list(copy.attempts.order_by("number"))


@require_GET
def record(request: HttpRequest, number: int, destination: str) -> HttpResponse:
    """Who asked, who approved, what exactly was sent, what came of it, and what it is now."""
    copy = _copy(request, number, destination)
    attempts, events = _attempts(copy), list(copy_records.events_of(copy))
    decisions, look = copy_records.decisions_of(copy), copy_looks.last_of(copy)
    answer, since = copy_record.answer_of(copy, decisions, attempts, look)
    seen = (copy_looks.as_dict(look) or {}).get("verification")
    context: dict[str, Any] = {
        "row": copy.request,
        "copy": copy,
        "slug": destination,
        "answer": answer,
        "since": since,
        "steps": copy_record.steps_of(copy, decisions, attempts, events, look),
        "properties": copy_record.rows_of(copy_records.properties_of(copy, attempts, seen)),
        "calls": copy_records.calls_of(copy, attempts),
        "decisions": decisions,
        "events": events,
        "look": look,
        "after": row_steps.of_records(
            step_records.of_copies([copy]).get(copy.pk, ()),
            manage=copy.round == copy.request.round and permissions.may_manage_copies(signed_in(request), copy.request),
        ),
        "drift": copy_record.drifted_of(copy),
        "may_look": bool(copy.ImageId) and not copy.unfinished and permissions.has_role(signed_in(request)),
        "gantt": None if copy.existing else _gantt(copy),
        "steps_only": existing_form.query_of(copy.account, copy.DestinationRegion, copy.ImageId)
        if copy.state == CopyState.AVAILABLE and permissions.may_submit(signed_in(request))
        else "",
        "rounds": [each for each in range(1, copy.request.round + 1) if each != copy.round],
        "permalink": request.build_absolute_uri(address_of(copy)),
        "may_bundle": permissions.has_role(signed_in(request)),
        "chain": checks.status() if signed_in(request).has_perm("audit.view_all") else None,
        "command": COMMAND,
        "now": timezone.now(),
    }
    return render(request, "requests/record.html", context)


def _gantt(copy: ImageCopy) -> Any:
    """The bars of all copies of the same round."""
    copies = list(copy.request.copies.filter(round=copy.round).order_by("position"))
    attempts: dict[int, list[Attempt]] = {}
    for attempt in Attempt.objects.filter(copy__in=copies).order_by("copy_id", "number"):
        attempts.setdefault(attempt.copy_id, []).append(attempt)
    return gantt_of(copies, attempts, timezone.now())


def address_of(copy: ImageCopy) -> str:
    """The permanent address of a copy's record."""
    address = reverse("copy-record", args=[copy.request_id, copy_records.slug(copy.destination)])
    return address if copy.round == copy.request.round else f"{address}?round={copy.round}"


@require_POST
def bundle(request: HttpRequest, number: int, destination: str) -> HttpResponseBase:
    """The record as a zip that verifies without amicopy; that somebody took it is an event."""
    copy = _copy(request, number, destination)
    permissions.check_role(signed_in(request))
    attempts, events = _attempts(copy), copy_records.events_of(copy)
    content = copy_records.record_of(
        copy, attempts=attempts, events=events, now=copy_looks.as_dict(copy_looks.last_of(copy))
    )
    visible = CopyRequest.objects.visible_to(signed_in(request))
    files = {
        "record.json": _as_json(content),
        "calls.json": _as_json(copy_records.calls_of(copy, attempts)),
        "requests.jsonl": "".join(request_records.records(visible, [copy.request_id])),
    }
    about = Entry(
        action=bundles.ACTION,
        actor=actor_of(request),
        request=copy.request_id,
        copy=copy.pk,
        requester=copy.request.requester_id,
        account=copy.account.account_id,
        region=copy.DestinationRegion,
        image_id=copy.ImageId,
    )
    answer = StreamingHttpResponse(bundles.bundle(events, files=files, about=about), content_type="application/zip")
    name = f"amicopy-copy-{copy.request_id}-{copy_records.slug(copy.destination)}.zip"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "private, no-store"
    return answer


@require_POST
def look(request: HttpRequest, number: int, destination: str) -> HttpResponse:
    """Has a worker look at the AMI; the page says what it found once it did."""
    copy = _copy(request, number, destination)
    permissions.check_role(signed_in(request))
    if copy_looks.want(copy):
        messages.success(request, "A worker looks at the AMI. Reload in a moment to see what it found.")
    else:
        messages.error(request, "There is nothing to look at. The copy isn’t finished, or it has no AMI.")
    return redirect(address_of(copy))


def _as_json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n"
