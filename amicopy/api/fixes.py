"""Fix and ask again: a failed copy asked for anew with something changed, as a request of its own, linked to it."""

from django.http import HttpResponse
from django.urls import reverse
from ninja.responses import Status
from pydantic import ConfigDict, Field

from amicopy.api.members import Changes, changed
from amicopy.api.operations import operation
from amicopy.api.problems import Problem, not_found
from amicopy.api.request_queries import BIG, find
from amicopy.api.shown import RequestWithCopies
from amicopy.api.source_looks import look, reached_account, refusal
from amicopy.api.strict import Text
from amicopy.api.submissions import Anyway, Correlation
from amicopy.api.token_auth import TokenRequest, actor_of
from amicopy.copies.core.calls import FieldError, InvalidRequest
from amicopy.copies.core.marks import unmarked
from amicopy.copies.core.parameters import BY_NAME, DESTINATION_REGION
from amicopy.copies.core.states import CopyState
from amicopy.copies.core.token_models import Scope
from amicopy.copies.requests import verbs


class Fix(Anyway):
    """What is asked for otherwise than it was."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"changes": {"KmsKeyId": "alias/golden-images"}}]})

    changes: Changes  # type: ignore[valid-type]  # made from the table of members
    reason: Text = Field(default="", description="Empty: the reason of before.")
    correlation: Correlation = ""


@operation(
    "POST",
    "/requests/{int:number}/copies/{int:copy_id}/fix",
    Scope.REQUEST,
    RequestWithCopies,
    status=201,
    refuses=(404, 409, 413, 415, 422),
)
def fix_copy(
    request: TokenRequest, number: int, copy_id: int, body: Fix, response: HttpResponse
) -> Status[RequestWithCopies]:
    """Asks for a failed copy again with these changes, as a new request that says which copy it mends."""
    failed = find(request, number).copies.select_related("request", "account")
    copy = failed.filter(pk=copy_id if copy_id < BIG else 0).first()
    if copy is None:
        raise not_found(f"Request #{number} has no copy {copy_id}.")
    if copy.state != CopyState.FAILED:
        raise Problem(409, "not-now", f"This copy is {copy.get_state_display().lower()}; only a failed one is fixed.")
    account = reached_account(request.auth, copy.account.account_id)
    steps = copy.request.steps_as_asked().only(copy.position)
    looked = look(request.auth, account, [changed(unmarked(copy.call(), copy.mark), body.changes)], steps=steps)
    try:
        row = verbs.submit(
            actor_of(request),
            account=account,
            reason=body.reason.strip() or copy.request.reason,
            calls=looked.calls,
            lookups=looked.lookups,
            mends=copy.pk,
            steps=steps,
            anyway=body.anyway,
            correlation=body.correlation,
            submission=request.kept.submission if request.kept else None,
        )
    except InvalidRequest as invalid:
        raise refusal(invalid.errors, looked, _pointer) from invalid
    response["Location"] = reverse("api:read_request", args=[row.pk])
    return Status(201, RequestWithCopies.of(row))


def _pointer(error: FieldError) -> str:
    of_call = error.field in BY_NAME or error.field == DESTINATION_REGION.name
    return f"#/changes/{error.field}" if of_call else f"#/{error.field}"
