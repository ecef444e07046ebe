"""Reading what was asked for: lists by key, one request, its copies, attempts and events."""

from typing import Annotated, Any

from ninja import Query
from pydantic import BaseModel, Field

from amicopy.api.operations import operation
from amicopy.api.problems import not_found
from amicopy.api.shown import AttemptOut, CopyOut, EventOut, RequestOut, RequestWithCopies, copies_of
from amicopy.api.strict import DIGITS
from amicopy.api.token_auth import TokenRequest, visible_to
from amicopy.audit.event_queries import within
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import RequestState
from amicopy.copies.core.token_models import Scope

BIG = 2**63
Limit = Annotated[int, Query(25, ge=1, le=100, description="How many at most."), DIGITS]
Cursor = Annotated[str | None, Query(None, pattern="^[0-9]{1,18}$", description="What the page before says as next.")]


class RequestPage(BaseModel):
    """Some requests, newest first."""

    items: list[RequestOut]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


class EventPage(BaseModel):
    """Some events of a request, newest first."""

    items: list[EventOut]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


@operation("GET", "/requests", Scope.READ, RequestPage, refuses=(422,))
def list_requests(
    request: TokenRequest,
    limit: Limit,
    cursor: Cursor,
    state: Annotated[RequestState | None, Query(None)],
    account: Annotated[str | None, Query(None, pattern="^[0-9]{12}$")],
    correlation: Annotated[str | None, Query(None, pattern="^[^\\x00]{1,200}$")],
) -> RequestPage:
    """The requests the token reaches, newest first."""
    rows = (
        visible_to(request.auth)
        .select_related("account", "requester__service", "decided_by", "webhook")
        .prefetch_related("requester__service__owners")
        .order_by("-pk")
    )
    equal = {"state": state, "account__account_id": account, "correlation": correlation}
    rows = rows.filter(**{name: value for name, value in equal.items() if value})
    found = list((rows.filter(pk__lt=int(cursor)) if cursor else rows)[: limit + 1])
    return RequestPage(items=[RequestOut.of(row) for row in found[:limit]], next=_next(found, limit))


@operation("GET", "/requests/{int:number}", Scope.READ, RequestWithCopies, refuses=(404,))
def read_request(request: TokenRequest, number: int) -> RequestWithCopies:
    """A request with its copies."""
    return RequestWithCopies.of(find(request, number))


@operation("GET", "/requests/{int:number}/copies", Scope.READ, list[CopyOut], refuses=(404,))
def list_copies(request: TokenRequest, number: int) -> list[CopyOut]:
    """The copies of every round, in their order; those of earlier rounds were never made."""
    return copies_of(find(request, number).copies.select_related("account").order_by("round", "position"))


@operation("GET", "/requests/{int:number}/copies/{int:copy_id}/attempts", Scope.READ, list[AttemptOut], refuses=(404,))
def list_attempts(request: TokenRequest, number: int, copy_id: int) -> list[AttemptOut]:
    """Every try at a copy."""
    rows = ImageCopy.objects.filter(request=find(request, number))
    found = rows.filter(pk=copy_id if copy_id < BIG else 0).first()
    if found is None:
        raise not_found(f"Request #{number} has no copy {copy_id}.")
    return [AttemptOut.of(row) for row in found.attempts.order_by("number")]


@operation("GET", "/requests/{int:number}/events", Scope.AUDIT, EventPage, refuses=(404, 422))
def list_events(request: TokenRequest, number: int, limit: Limit, cursor: Cursor) -> EventPage:
    """The history of a request, newest first."""
    events = AuditEvent.objects.filter(request=find(request, number).pk)
    rows = within(events, id__lt=int(cursor)) if cursor else events
    found = list(rows.order_by("-id")[: limit + 1])
    return EventPage(items=[EventOut.of(event) for event in found[:limit]], next=_next(found, limit))


def find(request: TokenRequest, number: int) -> CopyRequest:
    """A request that the token reaches. Raises Problem for any other, existing or not."""
    rows = (
        visible_to(request.auth)
        .select_related("account", "requester__service", "decided_by", "webhook")
        .prefetch_related("requester__service__owners")
    )
    row = rows.filter(pk=number if number < BIG else 0).first()
    if row is None:
        raise not_found(f"There is no request #{number} that this token reaches.")
    return row


def _next(found: list[Any], limit: int) -> str | None:
    return str(found[limit - 1].pk) if len(found) > limit else None
