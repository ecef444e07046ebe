"""Asking for steps for an AMI that exists, without a copy: what the form for it asks, as JSON."""

from typing import Annotated

from django.http import HttpResponse
from django.urls import reverse
from ninja.responses import Status
from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from amicopy.api.operations import operation
from amicopy.api.shown import RequestWithCopies
from amicopy.api.source_looks import Looked, look, reached_account, refusal
from amicopy.api.steps import Steps, wanted_of
from amicopy.api.strict import Strict, Text
from amicopy.api.submissions import Checked, Correlation, Webhook, checked, frozen_steps, moment
from amicopy.api.token_auth import TokenRequest, actor_of
from amicopy.copies.core.calls import FieldError, InvalidRequest, existing_image
from amicopy.copies.core.steps.wanted import WantedSteps
from amicopy.copies.core.token_models import ApiToken, Scope
from amicopy.copies.requests import verbs
from amicopy.copies.rules import steps as step_rules

# Of the sandbox, which has this image.
EXAMPLE: JsonDict = {
    "account": "111122223333",
    "reason": "PLAT-1: share the golden image with staging",
    "SourceRegion": "us-east-1",
    "SourceImageId": "ami-0a7f3c92d41be6058",
    "steps": {"LaunchPermission": {"UserIds": ["222233334444"]}, "Parameter": {"Name": "/golden/al2023"}},
}


class NewSteps(Strict):
    """What is to be done to an AMI of the account's own that is there: nothing is copied, and it isn't removed."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    account: Text = Field(description="The 12 digits of the AWS account that owns the AMI.")
    reason: Text = Field(description="Why it is needed, for who decides.")
    correlation: Correlation = ""
    webhook: Webhook = ""
    SourceRegion: Text = Field(description="The AMI's Region.")
    SourceImageId: Text = Field(description="The AMI's ID.")
    steps: Steps = Field(description="What is done to it, in this order.")  # type: ignore[valid-type]  # made from a table
    start_not_before: Annotated[AwareDatetime | None, BeforeValidator(moment)] = Field(
        default=None, description="The steps wait for this time."
    )


@operation("POST", "/requests/for-image", Scope.REQUEST, RequestWithCopies, status=201, refuses=(409, 413, 415, 422))
def create_request_for_image(
    request: TokenRequest, body: NewSteps, response: HttpResponse
) -> Status[RequestWithCopies]:
    """Asks for steps for an AMI that exists, without a copy. It has to be the account's own, there and available."""
    wanted, wrong = _wanted(body)
    looked = _look(request.auth, body, wanted)
    if wrong:
        raise refusal(wrong, looked, _pointer)
    try:
        row = verbs.submit(
            actor_of(request),
            account=looked.account,
            reason=body.reason,
            calls=looked.calls,
            lookups=looked.lookups,
            start_not_before=body.start_not_before,
            correlation=body.correlation,
            webhook=body.webhook,
            submission=request.kept.submission if request.kept else None,
            steps=wanted,
        )
    except InvalidRequest as invalid:
        raise refusal(invalid.errors, looked, _pointer) from invalid
    response["Location"] = reverse("api:read_request", args=[row.pk])
    return Status(201, RequestWithCopies.of(row))


@operation("POST", "/requests/for-image/validate", Scope.REQUEST, Checked, refuses=(409, 413, 415, 422))
def validate_request_for_image(request: TokenRequest, body: NewSteps) -> Checked:
    """Says what the rules say to steps for an AMI that exists, and stores nothing."""
    wanted, wrong = _wanted(body)
    looked = _look(request.auth, body, wanted)
    account = looked.account
    steps = frozen_steps(wanted, looked)
    errors = wrong + verbs.check_submission(
        account=account,
        reason=body.reason,
        calls=looked.calls,
        requester=request.auth.person,
        lookups=looked.lookups,
        start_not_before=body.start_not_before,
        by_machine=True,
        steps=() if wrong else steps,
    )
    warned = step_rules.warnings(
        looked.calls,
        steps,
        account_id=account.account_id,
        partition=account.partition,
        lookups=looked.lookups,
    )
    return checked(errors, warned, looked, _pointer)


def _wanted(body: NewSteps) -> tuple[WantedSteps, list[FieldError]]:
    return wanted_of(body.steps, [])


def _look(token: ApiToken, body: NewSteps, wanted: WantedSteps) -> Looked:
    """What AWS says of the AMI. Raises Problem for an account that the token doesn't reach."""
    call = existing_image(body.SourceRegion, body.SourceImageId)
    return look(token, reached_account(token, body.account), [call], fill=False, steps=wanted)


def _pointer(error: FieldError) -> str:
    """Where in the body stands what an error is about."""
    return f"#/{error.field.replace('.', '/')}"
