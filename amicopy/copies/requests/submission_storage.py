"""Storing what was handed in, once nothing speaks against it: rows, frozen calls and events, in one transaction."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import IntegrityError
from django.db.models import F

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core.models import CopyRequest, ImageCopy, RequestSet
from amicopy.copies.core.states import RequestState
from amicopy.copies.lifecycle import notifications, source_binding
from amicopy.copies.requests.decide import approve_if_satisfied
from amicopy.copies.requests.frozen_calls import store_calls
from amicopy.copies.requests.submission import Submission
from amicopy.copies.requests.submission_checks import claim_names
from amicopy.copies.voting.facts import Facts
from amicopy.notify.models import Endpoint

T = TypeVar("T")


def store_request(
    actor: Actor,
    user: User,
    handed_in: Submission,
    submission: uuid.UUID,
    *,
    correlation: str = "",
    webhook: Endpoint | None = None,
    in_set: RequestSet | None = None,
    seen: Facts,
) -> CopyRequest:
    """Stores a new request of a person with its frozen calls, and tells of it; `seen` are its facts as `refuse` found
    them. Raises InvalidRequest for a name that somebody took a moment ago."""
    claim_names(handed_in)
    frozen = handed_in.marked(submission)
    told = frozen.told(seen)
    columns = frozen.columns(seen, told)
    request = CopyRequest.objects.create(
        account=handed_in.account,
        requester=user,
        submission=submission,
        correlation=correlation,
        webhook=webhook,
        in_set=in_set,
        created_at=columns["submitted_at"],
        **columns,
    )
    copies = store_calls(request, frozen)
    event = record(
        "request.submitted",
        actor=actor,
        request=request.pk,
        requester=user.pk,
        account=handed_in.account.account_id,
        image_id=request.SourceImageId,
        new=RequestState.PENDING,
        data={
            **event_data(request, frozen),
            **_told(correlation, webhook.name if webhook else "", in_set),
        },
    )
    notifications.ask(event, request, told, copies)
    if handed_in.continues is not None:
        _tell_of(request, "request.continued", handed_in.continues, actor=actor)
    if handed_in.mends is not None:
        _tell_of(request, "request.mended", handed_in.mends.request, actor=actor, copy=handed_in.mends)
    # Until this transaction ends nobody else sees it, so that it is as good as locked, and nobody has voted.
    approve_if_satisfied(request, actor=actor, given={}, copies=copies)
    return request


def twice(store: Callable[[], T]) -> T:
    """Runs it again after a constraint refused: the same form sent twice at the same instant, or a token taken a moment
    ago, is now seen by the checks."""
    try:
        return store()
    except IntegrityError:
        return store()


def event_data(request: CopyRequest, handed_in: Submission, columns: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the event of a submission says; `columns` are those that the request is about to have."""
    columns, calls = columns or vars(request), handed_in.calls
    start = columns["start_not_before"]
    return {
        "reason": columns["reason"],
        "content_hash": columns["content_hash"],
        "plan": columns["plan"],
        "rules": columns["rules"],
        "source_seen": columns["source_seen"],
        "keys_seen": source_binding.keys_seen(columns["lookups"], calls),
        "start_not_before": start.isoformat() if start else "",
        "continues": columns["continues"].pk if columns.get("continues") else request.continues_id,
        "mends": columns["mends"].pk if columns.get("mends") else request.mends_id,
        "by_machine": columns["by_machine"],
        "estimate": columns["estimate"],
        **({"submitted_anyway": columns["anyway"]} if columns["anyway"] else {}),
        **({"steps": handed_in.approved_steps} if handed_in.steps else {}),
        **({"existing": True} if handed_in.existing else {}),
        "calls": [{"DestinationRegion": call.DestinationRegion, "parameters": dict(call.parameters)} for call in calls],
    }


def _tell_of(
    request: CopyRequest, action: str, original: CopyRequest, *, actor: Actor, copy: ImageCopy | None = None
) -> None:
    """Writes into the history of the request that another one follows from that it does, and lets its page know."""
    CopyRequest.objects.filter(pk=original.pk).update(version=F("version") + 1)
    record(
        action,
        actor=actor,
        request=original.pk,
        copy=copy.pk if copy else None,
        requester=original.requester_id,
        account=original.account.account_id,
        region=copy.DestinationRegion if copy else "",
        data={"by": request.pk},
    )


def _told(correlation: str, webhook: str, in_set: RequestSet | None) -> dict[str, Any]:
    """What a program said of itself and which set it belongs to, for the event; no part of what is approved."""
    said = {"correlation": correlation, "webhook": webhook, "set": in_set.pk if in_set else ""}
    return {name: value for name, value in said.items() if value}
