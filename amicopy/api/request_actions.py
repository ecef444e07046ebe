"""The verbs on a request: withdraw, cancel, retry, decide; each is the verb that its button calls."""

from typing import Annotated, Literal

from ninja import Header
from pydantic import Field

from amicopy.api.operations import operation
from amicopy.api.problems import Problem
from amicopy.api.request_queries import find
from amicopy.api.shown import RequestWithCopies
from amicopy.api.strict import Strict, Text, no_longer_than
from amicopy.api.submissions import Number
from amicopy.api.token_auth import TokenRequest, actor_of
from amicopy.copies.core.token_models import Scope
from amicopy.copies.requests import cancel_retry, step_actions, verbs, vote_withdrawal
from amicopy.copies.requests.submission_reasons import LONGEST_REASON

Reason = Annotated[Text, no_longer_than(LONGEST_REASON, f"Shorten the reason to {LONGEST_REASON:,} characters.")]


class WhichCopy(Strict):
    """One copy, or without it all that this can be done to."""

    copy_id: Number | None = None


class WhichStep(WhichCopy):
    """One step, those of one copy, or without either all that this can be done to."""

    step: Text = Field(default="", description="A step by its code, such as LaunchPermission.")


class OneCopy(Strict):
    """One copy."""

    copy_id: Number


class DecisionIn(Strict):
    """A decision; rejecting and asking for changes need a reason."""

    kind: Literal["approve", "reject", "request-changes"]
    reason: Reason = Field(default="")


@operation("POST", "/requests/{int:number}/withdraw", Scope.REQUEST, RequestWithCopies, refuses=(404, 409, 422))
def withdraw_request(request: TokenRequest, number: int) -> RequestWithCopies:
    """Takes an undecided request of the person's own back."""
    find(request, number)
    verbs.withdraw(actor_of(request), number)
    return RequestWithCopies.of(find(request, number))


@operation(
    "POST",
    "/requests/{int:number}/cancel",
    Scope.REQUEST,
    RequestWithCopies,
    refuses=(404, 409, 413, 415, 422),
)
def cancel_copies(request: TokenRequest, number: int, body: WhichCopy) -> RequestWithCopies:
    """Cancels one copy, or all that aren't over. What AWS had begun is removed by itself."""
    find(request, number)
    cancel_retry.cancel(actor_of(request), number, copy_id=body.copy_id)
    return RequestWithCopies.of(find(request, number))


@operation(
    "POST",
    "/requests/{int:number}/retry",
    Scope.REQUEST,
    RequestWithCopies,
    refuses=(404, 409, 413, 415, 422),
)
def retry_copies(request: TokenRequest, number: int, body: WhichCopy) -> RequestWithCopies:
    """Queues one failed copy, or all of them, again; the approval still counts."""
    find(request, number)
    cancel_retry.retry(actor_of(request), number, copy_id=body.copy_id)
    return RequestWithCopies.of(find(request, number))


@operation(
    "POST",
    "/requests/{int:number}/retry-steps",
    Scope.REQUEST,
    RequestWithCopies,
    refuses=(404, 409, 413, 415, 422),
)
def retry_steps(request: TokenRequest, number: int, body: WhichStep) -> RequestWithCopies:
    """Tries steps after copies again that failed; the approval still counts."""
    find(request, number)
    step_actions.retry_steps(actor_of(request), number, copy_id=body.copy_id, code=body.step)
    return RequestWithCopies.of(find(request, number))


@operation(
    "POST",
    "/requests/{int:number}/put-back",
    Scope.REQUEST,
    RequestWithCopies,
    refuses=(404, 409, 413, 415, 422),
)
def put_alias_back(request: TokenRequest, number: int, body: OneCopy) -> RequestWithCopies:
    """Puts the alias that a copy is published under back to what it showed before, or takes it away where there was
    none."""
    find(request, number)
    step_actions.put_back(actor_of(request), number, copy_id=body.copy_id)
    return RequestWithCopies.of(find(request, number))


@operation(
    "POST",
    "/requests/{int:number}/withdraw-vote",
    Scope.DECIDE,
    RequestWithCopies,
    refuses=(404, 409, 422),
)
def withdraw_vote(request: TokenRequest, number: int) -> RequestWithCopies:
    """Takes the person's own approval back, until `starts_at`: the request waits again, and nothing was copied."""
    find(request, number)
    vote_withdrawal.withdraw_vote(actor_of(request), number)
    return RequestWithCopies.of(find(request, number))


@operation(
    "POST",
    "/requests/{int:number}/decision",
    Scope.DECIDE,
    RequestWithCopies,
    refuses=(404, 409, 412, 413, 415, 422, 428),
)
def decide(
    request: TokenRequest,
    number: int,
    body: DecisionIn,
    if_match: Annotated[str | None, Header(None, alias="If-Match", description="The content hash, in quotes.")],
) -> RequestWithCopies:
    """Approves, rejects or sends back exactly what was read: If-Match is the content hash of then."""
    row, actor = find(request, number), actor_of(request)
    if if_match is None:
        raise Problem(428, "content-hash-missing", "Send the content hash that you read in the header If-Match.")
    seen = if_match.strip().strip('"')
    if seen != row.content_hash:
        raise Problem(412, "content-changed", f"Request #{number} isn't what you saw any more. Look at it again.")
    if body.kind == "approve":
        verbs.approve(actor, number, seen_hash=seen, reason=body.reason)
    elif body.kind == "reject":
        verbs.reject(actor, number, seen_hash=seen, reason=body.reason)
    else:
        verbs.request_changes(actor, number, seen_hash=seen, reason=body.reason)
    return RequestWithCopies.of(find(request, number))
