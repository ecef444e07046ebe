"""The calls of a request as rows: image copies of its current round, and their attempts with a token each."""

import uuid

from django.utils import timezone

from amicopy.copies.core import marks, request_words
from amicopy.copies.core.installation import mark_values
from amicopy.copies.core.models import Attempt, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.lifecycle import source_binding
from amicopy.copies.requests.submission import Submission


def store_calls(request: CopyRequest, handed_in: Submission) -> list[ImageCopy]:
    """Freezes the marked calls as image copies of the current round, each with its first token, its key and its
    steps; returns them in their order."""
    calls = handed_in.calls
    keys, values = source_binding.keys_seen(request.lookups, calls), mark_values(request.submission, len(calls))
    copies = ImageCopy.objects.bulk_create(
        ImageCopy(
            request=request,
            round=request.round,
            position=position,
            account=request.account,
            DestinationRegion=call.DestinationRegion,
            destination=call.destination,
            Name=call.name,
            existing=call.existing,
            parameters=dict(call.parameters),
            mark=mark if marks.found_in(call.parameters, mark) else "",
            ClientToken=call.ClientToken,
            key_seen=key,
            state=CopyState.HELD,
            own_steps=handed_in.steps.own_of(position),
            approved_steps=steps,
        )
        for position, (call, key, mark, steps) in enumerate(
            zip(calls, keys, values, handed_in.approved_steps, strict=True)
        )
    )
    Attempt.objects.bulk_create(_attempt(copy, 1, copy.ClientToken) for copy in copies if not copy.existing)
    request_words.store(request, calls)
    return copies


def new_attempt(copy: ImageCopy, *, ClientToken: str = "") -> Attempt:
    """The next attempt at a copy, with a token of its own, stored before any call."""
    attempt = _attempt(copy, copy.attempts.count() + 1, ClientToken)
    attempt.save()
    return attempt


def _attempt(copy: ImageCopy, number: int, ClientToken: str) -> Attempt:
    return Attempt(
        copy=copy,
        number=number,
        account_id=copy.account_id,
        DestinationRegion=copy.DestinationRegion,
        ClientToken=ClientToken or str(uuid.uuid4()),
        created_at=timezone.now(),
    )
