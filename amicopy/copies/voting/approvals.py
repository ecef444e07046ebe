"""Whether what is stored now is still what was approved, by the word of the history.

The event of an approval says what nobody can change any more: the content hash, the round, the plan and whose votes
fulfilled it, with the groups they had then. Rows are believed only as far as they agree with it. So an edit behind
amicopy, a request moved by hand or a vote that was removed show, while somebody who loses a role after the approval
doesn't stop the copies it was given for.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import Exists, F, Q, Value
from django.db.models.functions import Coalesce

from amicopy.audit.models import AuditAnchor, AuditEvent
from amicopy.copies.core.models import Attempt, CopyRequest, Decision, ImageCopy
from amicopy.copies.core.states import RequestState
from amicopy.copies.voting import power, voters, votes
from amicopy.copies.voting.votes import Voters

APPROVALS = ("request.approved", "request.break_glass")
# An approval after which this happened was taken back.
WITHDRAWN = "request.vote_withdrawn"
# The events that say under which ClientToken a copy may be called.
TOKENS = ("copy.queued", "copy.retried", "image.queued", "image.retried")
# What of a copy is approved, and where it belongs: the rest of a round's copies isn't read.
APPROVED = (
    *("request_id", "position", "account_id", "DestinationRegion"),
    *("parameters", "ClientToken", "existing", "key_seen", "approved_steps"),
)


class NotApproved(Exception):
    """What is stored isn't what was approved; the words say what differs and are fit to be shown."""


def record_of(request: CopyRequest, given: Voters) -> dict[str, Any]:
    """What the event of an approval says, for the checks below; `given` are the votes that fulfil the plan."""
    return {
        "content_hash": request.content_hash,
        "round": request.round,
        "votes_from_round": request.votes_from_round,
        "plan": request.plan,
        "rules": request.rules,
        "votes": {str(person): sorted(groups) for person, groups in given.items()},
    }


def check_call(copy: ImageCopy, attempt: Attempt | None) -> None:
    """Compares a copy and an attempt, as a worker is about to send them, with what is stored at this moment, and that
    with the history. An AMI that exists has no attempt. Raises NotApproved."""
    for refused in refusals([(copy, attempt)]).values():
        raise refused


def refusals(calls: Sequence[tuple[ImageCopy, Attempt | None]]) -> dict[int, NotApproved]:
    """Which of these copies and attempts aren't what was approved, by the copy's primary key, and why. Compared is as
    in `check_call`, as a rule in four statements for all of them."""
    numbers = {copy.request_id for copy, _ in calls}
    # What the look-ups saw is large, and compared by its fingerprint.
    requests = CopyRequest.objects.select_related("account").defer("lookups", "estimate").in_bulk(numbers)
    rounds: dict[int, list[ImageCopy]] = {number: [] for number in numbers}
    copies = ImageCopy.objects.filter(request__in=numbers, round=F("request__round"))
    for row in copies.only(*APPROVED).order_by("position"):
        rounds[row.request_id].append(row)
    wanted = Q(did__in=(*APPROVALS, WITHDRAWN)) | Q(did__in=TOKENS, copy__in=[copy.pk for copy, _ in calls])
    # An expression, so that they are found by their requests: by their actions, as SQLite would rather do, all that was
    # ever approved or queued is read.
    events = AuditEvent.objects.alias(did=Coalesce("action", Value("")))
    said: dict[int, list[AuditEvent]] = {number: [] for number in numbers}
    for event in events.filter(wanted, request__in=numbers).order_by("id"):
        said[event.request].append(event)  # type: ignore[index]  # filtered by it
    given = _decisions(numbers)
    of_requests = {
        number: _refusal(requests[number], rounds[number], said[number], given[number]) for number in numbers
    }
    found: dict[int, NotApproved] = {}
    for copy, attempt in calls:
        number = copy.request_id
        refused = of_requests[number] or _refusal_of_call(copy, attempt, requests[number], rounds[number], said[number])
        if refused is not None:
            found[copy.pk] = refused
    return found


def _refusal(
    request: CopyRequest, copies: Sequence[ImageCopy], events: Sequence[AuditEvent], given: Sequence[Decision]
) -> NotApproved | None:
    """Why nothing of a request may be sent, or None."""
    if not copies:
        return NotApproved(f"Request #{request.pk} has no copies in its round.")
    if request.state != RequestState.APPROVED:
        return NotApproved(f"Request #{request.pk} is {request.get_state_display().lower()}.")
    try:
        _check_request(request, copies, [event for event in events if event.action in (*APPROVALS, WITHDRAWN)], given)
    except NotApproved as refused:
        return refused
    return None


def _refusal_of_call(
    copy: ImageCopy,
    attempt: Attempt | None,
    request: CopyRequest,
    copies: Sequence[ImageCopy],
    events: Sequence[AuditEvent],
) -> NotApproved | None:
    """Why a copy of a request that was approved may not be sent with this attempt, or None."""
    stored = next((row for row in copies if row.pk == copy.pk), None)
    if stored is None or (stored.call(), stored.account_id) != (copy.call(), request.account_id):
        return NotApproved("This copy isn't among those that were approved.")
    if copy.existing != (attempt is None):
        return NotApproved("A token is for a call, and this is about an AMI that exists.")
    try:
        _check_token(attempt, [event for event in events if event.action in TOKENS and event.copy == copy.pk])
    except NotApproved as refused:
        return refused
    return None


def check_request(request: CopyRequest) -> None:
    """Compares what is stored of a request, of any state, with its approval in the history. Raises NotApproved."""
    events = AuditEvent.objects.filter(request=request.pk, action__in=(*APPROVALS, WITHDRAWN)).order_by("id")
    _check_request(request, list(request.copies_of_round()), list(events), _decisions({request.pk})[request.pk])


def _check_request(
    request: CopyRequest, copies: Sequence[ImageCopy], approved: Sequence[AuditEvent], given: Sequence[Decision]
) -> None:
    if not any(event.action in APPROVALS for event in approved):
        where = " any more: events of its age are in an archive" if AuditAnchor.objects.exists() else ""
        raise NotApproved(f"The history has no approval of request #{request.pk}{where}.")
    event, said = approved[-1], approved[-1].data
    if event.action == WITHDRAWN:
        raise NotApproved("The approval was taken back.")
    if not event.holds:
        raise NotApproved("The event of the approval was changed.")
    # Events of before say neither round nor votes.
    if (event.requester, said.get("round", request.round)) != (request.requester_id, request.round):
        raise NotApproved("The approval is of another round, or of another person's request.")
    if request.hash_of_content(copies) != said["content_hash"]:
        raise NotApproved("What is stored has another content hash than what was approved.")
    if event.action == "request.break_glass":
        if event.actor_id not in _who_decided(request, said, Decision.Kind.BREAK_GLASS, given):
            raise NotApproved("The decision of who approved in an emergency is missing.")
    elif missing := votes.missing(said.get("plan", request.plan), _votes_of(request, said, given)):
        raise NotApproved(f"The votes that are stored don't fulfil the plan. Missing: {votes.words(missing)}.")


def _votes_of(request: CopyRequest, said: Mapping[str, Any], given: Sequence[Decision]) -> Voters:
    """The votes that the approval was given by and that are still stored, with the groups of then."""
    if "votes" not in said:
        return voters.counted([request])[request.pk].groups
    stored = _who_decided(request, said, Decision.Kind.APPROVE, given)
    return {int(person): groups for person, groups in said["votes"].items() if int(person) in stored}


def _decisions(numbers: Collection[int]) -> dict[int, list[Decision]]:
    """The decisions on these requests; `given_to` says whether somebody may have had a hand in somebody."""
    found: dict[int, list[Decision]] = {number: [] for number in numbers}
    decisions = Decision.objects.filter(request__in=numbers)
    # Most often nobody has a hand in anybody, which is asked with the decisions.
    for decision in decisions.annotate(given_to=Exists(power.open_to("requester", "decided_by", "on_behalf_of"))):
        found[decision.request_id].append(decision)
    return found


def _who_decided(request: CopyRequest, said: Mapping[str, Any], kind: str, given: Sequence[Decision]) -> set[int]:
    """Whose decisions of a kind are stored for the approved content; one given for another person is that person's."""
    fitting = [
        each
        for each in given
        if (each.kind, each.content_hash, each.requester_id) == (kind, said["content_hash"], request.requester_id)
        and said.get("votes_from_round", 1) <= each.round <= request.round
    ]
    hands = voters.hands_of([each for each in fitting if each.given_to])  # type: ignore[attr-defined]  # annotated
    # The database refuses the requester's own; here it goes with those of who counts as one with them.
    return {voters.whose(each) for each in voters.independent(fitting, hands)}


def _check_token(attempt: Attempt | None, events: Sequence[AuditEvent]) -> None:
    if not events:
        raise NotApproved("Nothing in the history says that this copy was queued.")
    # Events of before name no token, as those of what makes no call.
    if attempt is not None and events[-1].data.get("ClientToken", attempt.ClientToken) != attempt.ClientToken:
        raise NotApproved("The ClientToken isn't the one that was stored when the copy was queued.")
