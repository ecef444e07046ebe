"""The history as a file, for a token of scope audit: what the history's page exports, by the same code."""

from functools import partial
from typing import Annotated, Literal

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from ninja import Query
from pydantic import AwareDatetime, BeforeValidator, WithJsonSchema

from amicopy.api.operations import operation
from amicopy.api.problems import Problem, Wrong
from amicopy.api.strict import DIGITS
from amicopy.api.submissions import moment
from amicopy.api.token_auth import TokenRequest, actor_of, visible_to
from amicopy.audit import event_queries, exports
from amicopy.audit.actions import ACTIONS
from amicopy.audit.models import AuditEvent
from amicopy.copies.core import permissions
from amicopy.copies.core.token_models import ApiToken, Scope
from amicopy.copies.operations import request_records

Moment = Annotated[AwareDatetime | None, BeforeValidator(moment)]
# Columns are no longer, and a NUL is no text for a database.
Word = Annotated[str | None, Query(None, pattern="^[^\\x00]{1,150}$")]
ROW = Annotated[int | None, Query(None, ge=1, lt=2**63), DIGITS]


@operation("GET", "/audit/export", Scope.AUDIT, None, refuses=(422,), files=exports.CONTENT_TYPES.values())
def export_history(
    request: TokenRequest,
    format: Annotated[
        Literal["zip", "jsonl", "csv"],
        Query("zip", description="zip: with all that is needed to verify it, oldest first; the others newest first."),
    ],
    since: Annotated[Moment, Query(None, description="Events from this time on.")],
    until: Annotated[Moment, Query(None, description="Events up to this time.")],
    actor: Word,
    action: Annotated[Annotated[str, WithJsonSchema({"enum": [*ACTIONS]})], Query(None)],
    number: Annotated[ROW, Query(None, alias="request", description="A request's number.")],
    account: Annotated[str | None, Query(None, pattern="^[0-9]{12}$")],
    region: Word,
    image: Annotated[str | None, Query(None, pattern="^[^\\x00]{1,64}$", description="An AMI's ID.")],
) -> StreamingHttpResponse:
    """The events the token reaches that fit everything asked for, as a file. Each export is an event itself."""
    token = request.auth
    permissions.check_role(token.person)
    if action is not None and action not in ACTIONS:
        raise Problem(
            422, "invalid-request", "Nothing was exported.", [Wrong("", f"action: There is no event {action}.")]
        )
    found = event_queries.Filter(
        actor=actor or "",
        action=action or "",
        request=number,
        account=account or "",
        region=region or "",
        image_id=(image or "").lower(),
        since=since,
        until=until,
    )
    asked = {"actor": actor, "action": action, "request": number, "account": account, "region": region, "image": image}
    times = {name: when.isoformat() for name, when in (("since", since), ("until", until)) if when}
    filters = {**{name: str(value) for name, value in asked.items() if value}, **times}
    events, acting = found.apply(_events(token)), actor_of(request)
    if format == exports.PROOF:
        requests = partial(request_records.records, visible_to(token))
        pieces = exports.export_with_proof(events, filters=filters, requests=requests, actor=acting)
    else:
        pieces = exports.export(events, kind=format, filters=filters, actor=acting)
    answer = StreamingHttpResponse(pieces, content_type=exports.CONTENT_TYPES[format])
    answer["Content-Disposition"] = f'attachment; filename="{exports.file_name(timezone.now(), format)}"'
    return answer


def _events(token: ApiToken) -> QuerySet[AuditEvent]:
    """The events a token reaches: those its person may see, and of requests in the accounts it holds for."""
    events = event_queries.visible_to(token.person)
    return events.filter(request__in=visible_to(token).values("pk")) if token.accounts else events
