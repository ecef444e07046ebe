"""Asking for copies: checked without being stored, and submitted, by what the form is checked and submitted by."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from django.http import HttpResponse
from django.urls import reverse
from ninja.responses import Status
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt
from pydantic.config import JsonDict

from amicopy.api.members import CopyImage, Destination, calls_of, pointer_of, steps_of
from amicopy.api.operations import operation
from amicopy.api.shown import RequestWithCopies
from amicopy.api.source_looks import Looked, look, reached_account, refusal, worded
from amicopy.api.steps import Steps, wanted_of
from amicopy.api.strict import Strict, Text, no_longer_than
from amicopy.api.token_auth import TokenRequest, actor_of
from amicopy.audit.actor import Actor
from amicopy.copies import rules
from amicopy.copies.core.calls import FieldError, InvalidRequest
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.steps.members import Members
from amicopy.copies.core.steps.wanted import WantedSteps, frozen
from amicopy.copies.core.token_models import ApiToken, Scope
from amicopy.copies.requests import verbs
from amicopy.copies.rules import steps as step_rules
from amicopy.copies.rules.requests import MOST_DESTINATIONS, has_at_most_50_destinations
from amicopy.copies.voting.fact_evidence import source_in

BIG = 2**63
LONGEST_CORRELATION = 200
# As the document says of a date-time; Python takes more, such as weeks.
RFC_3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")
LONGEST_WEBHOOK = 64


def moment(value: Any) -> Any:
    """A time as text with its zone, such as 2026-12-01T08:00:00Z, in UTC."""
    if value is None:
        return None
    try:
        if not isinstance(value, str) or not RFC_3339.fullmatch(value):
            raise ValueError
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("Enter a time with its zone, such as 2026-12-01T08:00:00Z.") from None


Number = Annotated[StrictInt, Field(ge=1, lt=BIG)]
Correlation = Annotated[
    Text,
    no_longer_than(LONGEST_CORRELATION, f"Shorten it to {LONGEST_CORRELATION} characters."),
    Field(
        description="What you call it, such as a workflow's id; said back in answers and webhooks.",
        json_schema_extra={"maxLength": LONGEST_CORRELATION},
    ),
]

Webhook = Annotated[
    Text,
    no_longer_than(LONGEST_WEBHOOK, f"A webhook's name has up to {LONGEST_WEBHOOK} characters."),
    Field(
        description="The name of a webhook that administrators opened for requests; it is told of this one.",
        json_schema_extra={"maxLength": LONGEST_WEBHOOK},
    ),
]


# Of the sandbox, which has this image.
EXAMPLE: JsonDict = {
    "account": "111122223333",
    "reason": "PLAT-1: week 47 image",
    "copy_image": {
        "SourceRegion": "us-east-1",
        "SourceImageId": "ami-0a7f3c92d41be6058",
        "Name": "golden-al2023-{region}-{date}",
        "CopyImageTags": True,
    },
    "destinations": [{"DestinationRegion": "eu-west-1"}, {"DestinationRegion": "us-west-2"}],
}


class Anyway(Strict):
    """What a body says when it asks for something in spite of what is known."""

    submit_anyway: StrictBool = Field(
        default=False, description="Ask for it although AWS said that something is in the way of a copy."
    )
    submit_anyway_reason: Text = Field(
        default="", description="Why; needed with submit_anyway where something is. Who decides reads it first."
    )

    @property
    def anyway(self) -> verbs.Anyway | None:
        """The same as the verbs take it."""
        return verbs.Anyway(self.submit_anyway_reason) if self.submit_anyway else None


class NewRequest(Anyway):
    """What is asked for: one image, one or more destinations, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    account: Text = Field(description="The 12 digits of the AWS account to copy into.")
    reason: Text = Field(description="Why the copy is needed, for who decides.")
    correlation: Correlation = ""
    webhook: Webhook = ""
    copy_image: CopyImage  # type: ignore[valid-type]  # made from the table of members
    destinations: list[Destination]  # type: ignore[valid-type]
    steps: Steps | None = Field(  # type: ignore[valid-type]  # made from the table of steps
        default=None, description="What is done to each AMI once it is there; a destination can have its own."
    )
    start_not_before: Annotated[AwareDatetime | None, BeforeValidator(moment)] = Field(
        default=None, description="Copies wait for this time."
    )
    continues: Number | None = Field(default=None, description="The finished request these are more destinations of.")
    mends: Number | None = Field(default=None, description="The failed copy of another request to ask for again.")


class Checked(BaseModel):
    """What the rules say to a request that wasn't stored."""

    valid: bool
    errors: list[dict[str, str]] = Field(
        description="What would be refused: pointer, detail and code, as in a problem."
    )
    warnings: list[dict[str, str]] = Field(description="What may surprise, without being refused.")


@operation("POST", "/requests", Scope.REQUEST, RequestWithCopies, status=201, refuses=(409, 413, 415, 422))
def create_request(request: TokenRequest, body: NewRequest, response: HttpResponse) -> Status[RequestWithCopies]:
    """Asks for copies. Answers with the request as it is then: it waits for approval, or its copies are queued."""
    looked = read(request.auth, body)
    row = ask(actor_of(request), body, looked, submission=request.kept.submission if request.kept else None)
    response["Location"] = reverse("api:read_request", args=[row.pk])
    # Both are at hand: nobody has to look them up for the answer.
    row.account, row.requester = looked.account, request.auth.person
    return Status(201, RequestWithCopies.of(row))


@operation("POST", "/requests/validate", Scope.REQUEST, Checked, refuses=(409, 413, 415, 422))
def validate_request(request: TokenRequest, body: NewRequest) -> Checked:
    """Says what the rules say to a request, and stores nothing."""
    return check(request.auth, body, read(request.auth, body))


def ask(actor: Actor, body: NewRequest, looked: Looked, *, submission: uuid.UUID | None = None) -> CopyRequest:
    """Asks for copies; the same submission again is the same request. Raises Problem and NotAllowed."""
    wanted, wrong = wanted_of(body.steps, steps_of(body.destinations))
    if wrong:
        raise refusal(wrong, looked, lambda error: pointer_of(error, body.destinations))
    try:
        return verbs.submit(
            actor,
            account=looked.account,
            reason=body.reason,
            calls=looked.calls,
            lookups=looked.lookups,
            start_not_before=body.start_not_before,
            continues=body.continues,
            mends=body.mends,
            correlation=body.correlation,
            webhook=body.webhook,
            submission=submission,
            anyway=body.anyway,
            steps=wanted,
        )
    except InvalidRequest as invalid:
        raise refusal(invalid.errors, looked, lambda error: pointer_of(error, body.destinations)) from invalid


def frozen_steps(wanted: WantedSteps, looked: Looked) -> list[dict[str, Members]]:
    """The steps after each call, as they would be approved."""
    source = str(source_in(looked.lookups).get("Name") or "")
    return frozen(wanted, looked.calls, now=datetime.now(UTC), source=source)


def checked(
    errors: list[FieldError], warnings: list[FieldError], looked: Looked, pointer: Callable[[FieldError], str]
) -> Checked:
    """The rules' words as a check answers them; `pointer` says where in the body each stands."""

    def said(found: list[FieldError]) -> list[dict[str, str]]:
        return [
            {"pointer": pointer(each), "detail": each.message, **({"code": each.code} if each.code else {})}
            for each in worded(found, looked)
        ]

    return Checked(valid=not errors, errors=said(errors), warnings=said(warnings))


def check(token: ApiToken, body: NewRequest, looked: Looked) -> Checked:
    """What the rules say to a request of a token; stores nothing. Raises NotAllowed."""
    account = looked.account
    wanted, wrong = wanted_of(body.steps, steps_of(body.destinations))
    after = frozen_steps(wanted, looked)
    errors = wrong + verbs.check_submission(
        account=account,
        reason=body.reason,
        calls=looked.calls,
        requester=token.person,
        lookups=looked.lookups,
        start_not_before=body.start_not_before,
        by_machine=True,
        in_the_way=rules.found_in_the_way(
            looked.calls, lookups=looked.lookups, account_id=account.account_id, partition=account.partition
        ),
        anyway=body.anyway,
        steps=() if wrong else after,
    )
    where: dict[str, Any] = {
        "account_id": account.account_id,
        "partition": account.partition,
        "lookups": looked.lookups,
    }
    found = rules.warnings(looked.calls, **where) + step_rules.warnings(looked.calls, after, **where)
    return checked(errors, found, looked, lambda error: pointer_of(error, body.destinations))


def read(token: ApiToken, body: NewRequest, *, fill: bool = True) -> Looked:
    """A body as the verbs take it, with what AWS says about it, and unless `fill` is False its placeholders filled in.
    Raises Problem for an account that the token doesn't reach, and for more destinations than are worth a look at
    each."""
    account = reached_account(token, body.account)
    calls = calls_of(body.copy_image, body.destinations)
    if len(calls) > MOST_DESTINATIONS:
        raise refusal(has_at_most_50_destinations(calls))
    wanted, _ = wanted_of(body.steps, steps_of(body.destinations))
    return look(token, account, calls, fill=fill, steps=wanted)
