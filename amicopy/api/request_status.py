"""The status of a request, for programs that ask until it is final: few statements, 304 while nothing changed, and held
back for who prefers to wait for a change, see `waits`."""

from typing import Annotated

from django.conf import settings
from django.http import HttpResponse, HttpResponseNotModified
from django.urls import reverse
from django.utils.http import parse_etags
from ninja import Header
from pydantic import BaseModel, Field

from amicopy.api import waits
from amicopy.api.operations import operation
from amicopy.api.problems import not_found
from amicopy.api.request_queries import BIG
from amicopy.api.steps import StepStatus, statuses
from amicopy.api.token_auth import TokenRequest
from amicopy.copies.core import permissions
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.progress import overall
from amicopy.copies.core.states import OUTCOMES, REQUEST_OPEN, CopyState, Outcome, RequestState
from amicopy.copies.core.token_models import ApiToken, Scope

# What is read of a request: programs ask often, and each column costs them.
READ = CopyRequest.objects.select_related("account").only(
    *("requester", "state", "version", "round", "by_machine", "correlation", "account__account_id")
)


class CopyStatus(BaseModel):
    """How far one copy is."""

    account: str
    DestinationRegion: str
    destination: str
    state: CopyState
    ImageId: str | None
    progress: int
    steps: list[StepStatus] = Field(
        description="Those after the copy, in their order; a request one of whose steps failed is PARTIAL."
    )


class StatusOut(BaseModel):
    """How far a request is. Nothing happens any more by itself once it is final; a person may still retry or renew."""

    number: int
    status_url: str
    correlation: str
    state: RequestState
    final: bool
    outcome: Outcome | None = Field(description="Null until it is final.")
    progress: int = Field(description="Percent over all copies, weighted by size.")
    images: dict[str, dict[str, str]] = Field(
        description="The ids of finished AMIs, by account and then by Region, Local Zone or Outpost."
    )
    copies: list[CopyStatus]


@operation("GET", "/requests/{int:number}/status", Scope.READ, StatusOut, refuses=(404,), empty=(304,))
def read_status(
    request: TokenRequest,
    number: int,
    response: HttpResponse,
    if_none_match: Annotated[str, Header("", alias="If-None-Match", description="The ETag of the answer before.")],
    prefer: Annotated[
        str, Header("", alias="Prefer", description="wait=30: answer after a change, or so many seconds.")
    ],
) -> StatusOut | HttpResponse:
    """How far a request is: always 200, whatever became of it; 304 to If-None-Match while nothing changed. Where it is
    preferred, the answer comes when something has changed; at once when the request is final or changed before."""
    row = _find(request.auth, number)
    tag = f'"{row.pk}.{row.version}"'
    known = tag in parse_etags(if_none_match)
    if row.state in REQUEST_OPEN and (known or not if_none_match):
        waits.want(request, row)
    headers = {**_headers(tag), **waits.applied(request)}
    if known:
        return HttpResponseNotModified(headers=headers)
    for name, value in headers.items():
        response[name] = value
    copies, account = list(row.copies_of_round()), row.account.account_id
    steps = statuses(copies)
    done = {copy.destination: copy.ImageId for copy in copies if copy.state == CopyState.AVAILABLE}
    return StatusOut(
        number=row.pk,
        status_url=settings.SITE_URL + reverse("api:read_status", args=[row.pk]),
        correlation=row.correlation,
        state=RequestState(row.state),
        final=row.state not in REQUEST_OPEN,
        outcome=OUTCOMES.get(row.state),
        progress=overall(copies),
        images={account: done} if done else {},
        copies=[
            CopyStatus(
                account=account,
                DestinationRegion=copy.DestinationRegion,
                destination=copy.destination,
                state=CopyState(copy.state),
                ImageId=copy.ImageId or None,
                progress=copy.progress,
                steps=steps.get(copy.pk, []),
            )
            for copy in copies
        ],
    )


def _find(token: ApiToken, number: int) -> CopyRequest:
    """As `request_queries.find`; a person's own request is found without asking for their permissions."""
    try:
        row = READ.get(pk=number if number < BIG else 0)
    except CopyRequest.DoesNotExist:
        row = None
    reached = row is not None and (not token.accounts or row.account.account_id in token.accounts)
    if row is None or not reached or not permissions.may_see(token.person, row):
        raise not_found(f"There is no request #{number} that this token reaches.")
    return row


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Prefer"}
