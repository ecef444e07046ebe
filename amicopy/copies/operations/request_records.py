"""Requests as they are stored, for whoever verifies an export: content, decisions and copies, to be compared with the
events by `verify_amicopy.py`."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from django.db.models import Max, QuerySet

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.content import hashed
from amicopy.copies.core.models import CopyRequest

BATCH = 200


def records(visible: QuerySet[CopyRequest], numbers: Collection[int]) -> Iterator[str]:
    """A line of JSON for each of these requests that is visible, in their order."""
    ordered = sorted(numbers)
    for start in range(0, len(ordered), BATCH):
        rows = visible.filter(pk__in=ordered[start : start + BATCH]).select_related("account")
        for row in rows.prefetch_related("decisions").order_by("pk"):
            yield json.dumps(record_of(row), ensure_ascii=False, separators=(",", ":"), default=str) + "\n"


def record_of(request: CopyRequest) -> dict[str, Any]:
    """What is stored of a request now; `event` is its newest event, read last: what comes after that isn't in here."""
    copies = list(request.copies_of_round())
    record = {
        "request": request.pk,
        "requester": request.requester_id,
        "state": request.state,
        "round": request.round,
        "reason": request.reason,
        "content_hash": request.content_hash,
        "content": hashed(request.content(copies), version=request.hash_version),
        "decisions": [
            {
                "kind": row.kind,
                "round": row.round,
                "decided_by": row.decided_by_id,
                "on_behalf_of": row.on_behalf_of_id,
                "decided_at": row.decided_at.isoformat(),
                "reason": row.reason,
                "content_hash": row.content_hash,
            }
            for row in request.decisions.all()
        ],
        "copies": [
            {
                "copy": copy.pk,
                "DestinationRegion": copy.DestinationRegion,
                "parameters": copy.parameters,
                "state": copy.state,
                "ImageId": copy.ImageId,
            }
            for copy in copies
        ],
    }
    newest = AuditEvent.objects.filter(request=request.pk).aggregate(newest=Max("pk"))["newest"]
    return {**record, "event": newest or 0}
