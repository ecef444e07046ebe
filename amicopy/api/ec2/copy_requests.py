"""A call of CopyImage as a request: the first one files it, the same one again says what became of it.

The same is: by the same person, for the same account and Region, with the same members; but for ClientToken, which
clients make anew for each call. A request is found so while it is open, and for a while after its end; by its own
ClientToken it is found always.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from pydantic import ValidationError

from amicopy.api import submissions
from amicopy.api.ec2.answers import Refused
from amicopy.api.members import calls_of
from amicopy.api.problems import Problem
from amicopy.api.submissions import NewRequest
from amicopy.audit.actor import Actor
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import Call, fingerprint
from amicopy.copies.core.models import CopyRequest, CopyRequestQuerySet, Decision
from amicopy.copies.core.parameters import DESTINATION_REGION, of_scope
from amicopy.copies.core.progress import overall
from amicopy.copies.core.states import REQUEST_OPEN, RequestState
from amicopy.copies.core.token_models import ApiToken

# How long after its end a request answers the same call; then that asks anew.
FOUND_FOR = timedelta(days=7)
_SUBMISSIONS = uuid.UUID("4a0f6f0e-5f0c-4a39-9d0c-6d6a0f0c8f2e")
TOKEN = "ClientToken"  # noqa: S105  # a member's name


def image_of(key: ApiToken, actor: Actor, region: str, members: Mapping[str, Any]) -> str:
    """The id of the image that this call asks for. Raises Refused until it is there: the first time after filing the
    request."""
    permissions.check_submit(key.person)
    body = _body(key, region, members)
    call = calls_of(body.copy_image, body.destinations)[0]
    rows = _requests(key, call)
    row = _found(rows, call) or _filed(key, actor, body, call, after=rows.first())
    return _image(row, call)


def check(key: ApiToken, region: str, members: Mapping[str, Any]) -> None:
    """Raises Refused with DryRunOperation when the rules let this be asked, else with what they say."""
    try:
        body = _body(key, region, members)
        said = submissions.check(key, body, submissions.read(key, body, fill=False))
    except Problem as problem:
        raise _refusal(problem, members) from problem
    if said.errors:
        raise _errors([(each["pointer"], each["detail"]) for each in said.errors], members)
    words = "The rules let you ask for this copy. Nothing was filed, since DryRun is set."
    raise Refused("DryRunOperation", words, 412)


def _body(key: ApiToken, region: str, members: Mapping[str, Any]) -> NewRequest:
    """The call as a program would ask for it through the API."""
    own = {parameter.name for parameter in of_scope("destination")}
    sent = {name: value for name, value in members.items() if name != "DryRun"}
    try:
        return NewRequest.model_validate(
            {
                "account": key.accounts[0],
                "reason": f"Asked through the EC2 endpoint, where no reason can be given, with the key “{key.name}”.",
                "correlation": "",
                "copy_image": {name: value for name, value in sent.items() if name not in own},
                "destinations": [
                    {DESTINATION_REGION.name: region, **{name: sent[name] for name in sent if name in own}}
                ],
            }
        )
    except ValidationError as invalid:
        found = [("/".join(map(str, each["loc"])), each["type"], each["msg"]) for each in invalid.errors()]
        where, kind, words = found[0]
        code = "MissingParameter" if kind == "missing" else "InvalidParameterValue"
        raise Refused(code, f"{where.rpartition('/')[2]}: {words.removeprefix('Value error, ')}") from invalid


def _digest(key: ApiToken, call: Call) -> str:
    """What the same calls have in common, as the correlation of their request."""
    same = {"account": key.accounts[0], "region": call.DestinationRegion, "parameters": dict(call.parameters)}
    return f"ec2:{fingerprint(same)}"


def _requests(key: ApiToken, call: Call) -> CopyRequestQuerySet:
    """What this call ever asked for, the newest first."""
    rows = CopyRequest.objects.filter(requester=key.person, account__account_id=key.accounts[0])
    return rows.filter(correlation=_digest(key, call)).select_related("account", "requester").order_by("-pk")


def _found(rows: CopyRequestQuerySet, call: Call) -> CopyRequest | None:
    """The request that a call is about, None where it is to be filed."""
    if call.ClientToken and (named := rows.filter(copies__ClientToken=call.ClientToken).first()):
        return named
    row = rows.first()
    still = row is not None and (row.state in REQUEST_OPEN or timezone.now() - _ended(row) < FOUND_FOR)
    return row if still else None


def _ended(row: CopyRequest) -> datetime:
    """When nothing more happened by itself; of one that was withdrawn, when it was asked for."""
    ends = [row.submitted_at, row.decided_at, row.finished_at]
    if row.state == RequestState.EXPIRED:
        ends.append(row.expires_at)
    return max(end for end in ends if end is not None)


def _filed(key: ApiToken, actor: Actor, body: NewRequest, call: Call, *, after: CopyRequest | None) -> CopyRequest:
    """The request, asked for now. Several who ask at once ask once: what is submitted has a name of its own, made of
    what it is, and of the request before it."""
    digest = _digest(key, call)
    submission = uuid.uuid5(_SUBMISSIONS, f"{key.person.pk} {digest} {after.pk if after else 0}")
    body.correlation = digest
    try:
        looked = submissions.read(key, body, fill=False)
        return submissions.ask(actor, body, looked, submission=submission)
    except Problem as problem:
        given = {**call.parameters, **({TOKEN: call.ClientToken} if call.ClientToken else {})}
        raise _refusal(problem, given) from problem


def _image(row: CopyRequest, call: Call) -> str:
    """The id of the image of a request. Raises Refused while there is none, saying why."""
    address = f"{settings.SITE_URL}{reverse('request', args=[row.pk])}"
    named = f"Request #{row.pk}, {address}"
    asked = row.calls_as_asked()
    if [(each.DestinationRegion, each.parameters) for each in asked] != [(call.DestinationRegion, call.parameters)]:
        raise Refused("RequestChanged", f"{named}, was changed since, and is for another copy than this call now.")
    copies = list(row.copies_of_round())
    again = "Make the same call again later: it answers with the image's id once the copy is there."
    if row.state == RequestState.COMPLETED:
        return copies[0].ImageId
    if row.state == RequestState.PENDING:
        raise Refused("PendingApproval", f"{named}, waits for approval. {again}")
    if row.state == RequestState.CHANGES_REQUESTED:
        raise Refused("PendingApproval", f"{named}, waits for changes that an approver asked for: {_why(row)}")
    if row.state == RequestState.APPROVED:
        raise Refused("PendingApproval", f"{named}, is approved; its copy is at {overall(copies)} percent. {again}")
    failed = next((copy for copy in copies if copy.error_code), None)
    ends = {
        RequestState.REJECTED: ("ApprovalRejected", f"was rejected: {_why(row)}"),
        RequestState.EXPIRED: ("ApprovalExpired", "expired before anybody decided."),
        RequestState.WITHDRAWN: ("RequestWithdrawn", "was withdrawn."),
        RequestState.CANCELLED: ("CopyCancelled", "was cancelled."),
    }
    why = f"{failed.error_code}: {failed.error_message}" if failed else "its page says why."
    code, words = ends.get(RequestState(row.state), ("CopyFailed", f"failed. {why}"))
    raise Refused(code, f"{named}, {words}")


def _why(row: CopyRequest) -> str:
    """The reason of who decided last in this round."""
    kinds = (Decision.Kind.REJECT, Decision.Kind.REQUEST_CHANGES)
    last = row.decisions.filter(round=row.round, kind__in=kinds).order_by("pk").last()
    return last.reason if last else ""


def _refusal(problem: Problem, members: Mapping[str, Any]) -> Refused:
    """A refusal of the API as one of EC2's."""
    if problem.errors:
        return _errors([(wrong.pointer, wrong.detail) for wrong in problem.errors], members)
    return Refused("InvalidParameterCombination", problem.detail)


def _errors(found: list[tuple[str, str]], members: Mapping[str, Any]) -> Refused:
    """What the rules say, by pointer, as one error: the code is the first one's, the words are all."""
    named = [(pointer.rpartition("/")[2], words) for pointer, words in found]
    first = named[0][0]
    by_name = {TOKEN: "IdempotentParameterMismatch", "account": "UnauthorizedOperation"}
    known = {parameter.name for parameter in of_scope("request", "destination", "both")}
    if first in known and first not in members:
        code = "MissingParameter"
    else:
        code = by_name.get(first, "InvalidParameterValue")
    status = 403 if code == "UnauthorizedOperation" else 400
    return Refused(code, " ".join(f"{name}: {words}" for name, words in named), status)
