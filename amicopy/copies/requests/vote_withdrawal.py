"""The verb that takes an approval back, in the seconds before anything starts by it.

An approval is recorded at once, and its copies are due a moment later, see `holds.undo_until`. Until then whoever gave
it can take it back: the vote goes, and the request waits again as if it had never been given; both are in the history.
Whether a worker was faster is decided by the copies' rows: one that was claimed is moved by nobody else.
"""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Attempt, CopyRequest, Decision
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.reasons import NO_WAIT
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.lifecycle import holds, notifications
from amicopy.copies.lifecycle.transitions import InvalidTransition, lock_request, move_copy, move_request
from amicopy.copies.voting.approvals import WITHDRAWN


def withdraw_vote(actor: Actor, number: int) -> CopyRequest:
    """Takes the actor's own approval back; a request that it approved waits again, and its copies with it.

    Raises NotAllowed when there is no such approval of theirs, and InvalidTransition when the time is over, a copy was
    begun or ended, or somebody approved after them.
    """
    with transaction.atomic():
        request = lock_request(number)
        decision = _of_actor(request, person(actor).pk)
        if request.state not in (RequestState.PENDING, RequestState.APPROVED):
            raise InvalidTransition(f"Request #{number} is {request.get_state_display().lower()} already.")
        until = holds.undo_time(decision.decided_at)
        if until is None or until <= timezone.now():
            raise InvalidTransition(f"It is too late to take back the approval of request #{number}.")
        decision.delete()
        if request.state == RequestState.APPROVED:
            event = _reopen(request, decision, actor=actor)
        else:
            event = record(
                WITHDRAWN,
                actor=actor,
                request=number,
                requester=request.requester_id,
                account=request.account.account_id,
                data=_about(decision),
            )
            # As in a move: what pages and programs ask for has changed.
            CopyRequest.objects.filter(pk=number).update(version=F("version") + 1)
        notifications.vote_withdrawn(event, request)
    return request


def _of_actor(request: CopyRequest, person_id: int) -> Decision:
    mine = request.decisions.filter(decided_by=person_id, round__gte=request.votes_from_round)
    decision = mine.filter(kind=Decision.Kind.APPROVE).select_related("on_behalf_of").last()
    if decision is None:
        raise NotAllowed(f"You can take back only an approval of your own. Request #{request.pk} has none.")
    return decision


def _reopen(request: CopyRequest, decision: Decision, *, actor: Actor) -> AuditEvent:
    """Has an approved request, of which nothing was begun, wait for its last approval again."""
    if (request.decided_by_id, request.decided_at) != (decision.decided_by_id, decision.decided_at):
        raise InvalidTransition(f"Somebody else's approval of request #{request.pk} came after yours.")
    copies = list(request.copies_of_round().select_related("account"))
    if Attempt.objects.filter(copy__in=copies, first_called_at__isnull=False).exists():
        raise InvalidTransition(f"Request #{request.pk} has begun already.")
    event = move_request(
        request,
        RequestState.PENDING,
        actor=actor,
        action=WITHDRAWN,
        data=_about(decision),
    )
    for copy in copies:
        copy.request = request
        move_copy(
            copy,
            CopyState.HELD,
            actor=actor,
            action="copy.held_again",
            unclaimed=True,
            locked=request,
            queued_at=None,
            next_step_at=None,
            **NO_WAIT,
        )
    return event


def _about(decision: Decision) -> dict[str, str]:
    behalf = {"on_behalf_of": decision.on_behalf_of.get_username()} if decision.on_behalf_of else {}
    return {"reason": decision.reason, "content_hash": decision.content_hash, **behalf}
