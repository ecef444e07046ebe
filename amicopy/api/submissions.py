"""Asking for copies: checked without being stored, and submitted, by what the form is checked and submitted by."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from ninja.responses import Status
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field, StrictInt

from amicopy.api.members import CopyImage, Destination, Strict, Text, calls_of, pointer_of
from amicopy.api.operations import operation
from amicopy.api.problems import Problem, Wrong
from amicopy.api.shown import RequestWithCopies
from amicopy.api.token_auth import TokenRequest, actor_of
from amicopy.audit.actor import Actor
from amicopy.copies import rules
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import Call, FieldError, InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.token_models import ApiToken, Scope
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.requests import verbs
from amicopy.copies.rules.requests import MOST_DESTINATIONS, has_at_most_50_destinations

BIG = 2**63
LONGEST_CORRELATION = 200
LONGEST_WEBHOOK = 64


def moment(value: Any) -> Any:
    """A time as text with its zone, such as 2026-12-01T08:00:00Z, in UTC."""
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            raise ValueError
        return datetime.fromisoformat(value).astimezone(UTC) if _has_zone(value) else value
    except (ValueError, OverflowError):
        raise ValueError("Enter a time with its zone, such as 2026-12-01T08:00:00Z.") from None


def _has_zone(value: str) -> bool:
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError
    return True


def _short(value: str) -> str:
    if len(value) > LONGEST_CORRELATION:
        raise ValueError(f"Shorten it to {LONGEST_CORRELATION} characters. This has {len(value):,}.")
    return value


def _webhook(value: str) -> str:
    if len(value) > LONGEST_WEBHOOK:
        raise ValueError(f"A webhook's name has up to {LONGEST_WEBHOOK} characters. This has {len(value):,}.")
    return value


Number = Annotated[StrictInt, Field(ge=1, lt=BIG)]


class NewRequest(Strict):
    """What is asked for: one image, one or more destinations, and why."""

    account: Text = Field(description="The 12 digits of the AWS account to copy into.")
    reason: Text = Field(description="Why the copy is needed, for who decides.")
    correlation: Annotated[Text, AfterValidator(_short)] = Field(
        default="",
        description="What you call it, such as a workflow's id; said back in answers and webhooks.",
        json_schema_extra={"maxLength": LONGEST_CORRELATION},
    )
    webhook: Annotated[Text, AfterValidator(_webhook)] = Field(
        default="",
        description="The name of a webhook that administrators opened for requests; it is told of this one.",
        json_schema_extra={"maxLength": LONGEST_WEBHOOK},
    )
    copy_image: CopyImage  # type: ignore[valid-type]  # made from the table of members
    destinations: list[Destination]  # type: ignore[valid-type]
    start_not_before: Annotated[AwareDatetime | None, BeforeValidator(moment)] = Field(
        default=None, description="Copies wait for this time."
    )
    continues: Number | None = Field(default=None, description="The finished request these are more destinations of.")
    mends: Number | None = Field(default=None, description="The failed copy of another request to ask for again.")


class Checked(BaseModel):
    """What the rules say to a request that wasn't stored."""

    valid: bool
    errors: list[dict[str, str]] = Field(description="What would be refused: pointer and detail, as in a problem.")
    warnings: list[dict[str, str]] = Field(description="What may surprise, without being refused.")


@dataclass(frozen=True)
class _Read:
    """A body as the verbs take it, with what was found out at AWS meanwhile."""

    account: Account
    calls: Sequence[Call]
    lookups: snapshot.Kept


@operation("POST", "/requests", Scope.REQUEST, RequestWithCopies, status=201, refuses=(409, 413, 415, 422))
def create_request(request: TokenRequest, body: NewRequest, response: HttpResponse) -> Status[RequestWithCopies]:
    """Asks for copies. Answers with the request as it is then: it waits for approval, or its copies are queued."""
    row = ask(request.auth, actor_of(request), body, submission=request.kept.submission if request.kept else None)
    response["Location"] = reverse("api:read_request", args=[row.pk])
    return Status(201, RequestWithCopies.of(row))


@operation("POST", "/requests/validate", Scope.REQUEST, Checked, refuses=(409, 413, 415, 422))
def validate_request(request: TokenRequest, body: NewRequest) -> Checked:
    """Says what the rules say to a request, and stores nothing."""
    return check(request.auth, body)


def ask(token: ApiToken, actor: Actor, body: NewRequest, *, submission: uuid.UUID | None = None) -> CopyRequest:
    """Asks for copies with a token; the same submission again is the same request. Raises Problem and NotAllowed."""
    read = _read(token, body)
    try:
        return verbs.submit(
            actor,
            account=read.account,
            reason=body.reason,
            calls=read.calls,
            lookups=read.lookups,
            start_not_before=body.start_not_before,
            continues=body.continues,
            mends=body.mends,
            correlation=body.correlation,
            webhook=body.webhook,
            submission=submission,
        )
    except InvalidRequest as invalid:
        raise _refusal(invalid.errors, body) from invalid


def check(token: ApiToken, body: NewRequest) -> Checked:
    """What the rules say to a request of a token; stores nothing. Raises Problem and NotAllowed."""
    read = _read(token, body)
    errors = verbs.check_submission(
        account=read.account,
        reason=body.reason,
        calls=read.calls,
        requester=token.person,
        lookups=read.lookups,
        start_not_before=body.start_not_before,
    )
    account = read.account
    found = rules.warnings(read.calls, account_id=account.account_id, partition=account.partition, lookups=read.lookups)
    return Checked(valid=not errors, errors=_said(errors, body), warnings=_said(found, body))


def _read(token: ApiToken, body: NewRequest) -> _Read:
    permissions.check_submit(token.person)
    account = {each.account_id: each for each in _accounts(token)}.get(body.account)
    calls = calls_of(body.copy_image, body.destinations)
    errors = [] if account else [FieldError("account", "Choose the AWS account to copy into.")]
    # More aren't worth a look at each.
    errors += has_at_most_50_destinations(calls) if len(calls) > MOST_DESTINATIONS else []
    if account is None or errors:
        raise _refusal(errors, body)
    looks = async_queries.Looks(token.person.pk, last=True)
    with async_queries.waiting() as until:
        return _Read(account, calls, snapshot.gather(account, calls, until=until, ask=looks.begin))


def _accounts(token: ApiToken) -> QuerySet[Account]:
    """The accounts in which a token may ask for copies."""
    accounts = Account.objects.open_to(token.person)
    return accounts.filter(account_id__in=token.accounts) if token.accounts else accounts


def _refusal(errors: Sequence[FieldError], body: NewRequest) -> Problem:
    wrong = [Wrong(pointer_of(error, body.destinations), error.message) for error in errors]
    return Problem(422, "invalid-request", "The request was refused. Nothing was stored.", wrong)


def _said(found: Sequence[FieldError], body: NewRequest) -> list[dict[str, str]]:
    return [{"pointer": pointer_of(each, body.destinations), "detail": each.message} for each in found]
