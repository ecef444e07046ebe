"""The verbs of those who decide: approve, reject, request changes, break glass, and many at once.

The last approval needed queues the copies in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core import actual_cost, permissions
from amicopy.copies.core.calls import FieldError, InvalidRequest
from amicopy.copies.core.models import Attempt, CopyRequest, Decision, ImageCopy
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.reasons import NO_WAIT
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.lifecycle import holds, name_holders, notifications
from amicopy.copies.lifecycle.transitions import InvalidTransition, lock_request, move_copy, move_request
from amicopy.copies.lifecycle.wakeup import nudge, together
from amicopy.copies.voting import approvals, demands, voters, votes
from amicopy.copies.voting.votes import Voters

Kind = Decision.Kind
NEEDS_REASON: Mapping[str, str] = {
    Kind.REJECT: "Enter why the request is rejected.",
    Kind.REQUEST_CHANGES: "Enter why the request is sent back.",
    Kind.BREAK_GLASS: "Enter what the emergency is.",
}
NOTHING: Mapping[str, str] = {}


def approve(
    actor: Actor, number: int, *, seen_hash: str, reason: str = "", decider: voters.Decider | None = None
) -> CopyRequest:
    """One person's approval of exactly the content they saw; starts the copies when it is the last one needed.

    `decider` is the acting person, where they were looked at already. Raises demands.NotShown, among others, where a
    rule wants more of who they are than they have shown.
    """
    with transaction.atomic():
        request = lock_request(number)
        me = decider or voters.decider(person(actor))
        permissions.check_decide(me.user, request)
        copies = _check(request, me.user, Kind.APPROVE, seen_hash=seen_hash, reason=reason)
        given = voters.counted([request])[number]
        vote = voters.vote_in(me, request, given)
        if vote is None:
            needed = votes.words(votes.missing(request.plan, given.groups))
            raise NotAllowed(f"Your approval isn't needed. Request #{number} waits for {needed}.")
        shown = demands.check(request, actor)
        behalf = vote.owner if vote.owner != me.user else None
        decision = _store(request, me.user, Kind.APPROVE, reason, on_behalf_of=behalf)
        now = {**given.groups, vote.owner.pk: set(vote.groups)}
        approve_if_satisfied(request, actor=actor, by=decision, given=now, copies=copies, shown=shown)
    return request


def reject(actor: Actor, number: int, *, reason: str, seen_hash: str = "") -> CopyRequest:
    """Ends the request: one rejection is enough. Raises InvalidRequest without a reason."""
    with transaction.atomic():
        request = _decide(actor, number, Kind.REJECT, seen_hash=seen_hash, reason=reason)
        _move(request, RequestState.REJECTED, actor=actor, action="request.rejected", reason=reason)
        cancel_held(request, actor=actor)
    return request


def request_changes(actor: Actor, number: int, *, reason: str, seen_hash: str = "") -> CopyRequest:
    """Sends the request back to its requester. Raises InvalidRequest without a reason."""
    with transaction.atomic():
        request = _decide(actor, number, Kind.REQUEST_CHANGES, seen_hash=seen_hash, reason=reason)
        _move(request, RequestState.CHANGES_REQUESTED, actor=actor, action="request.changes_requested", reason=reason)
    return request


def break_glass(actor: Actor, number: int, *, reason: str, seen_hash: str) -> CopyRequest:
    """One person's approval in an emergency, past the plan; marked on the request and in the history.

    Needs a permission of its own and a reason. Freeze windows and all checks before the call still hold.
    """
    with transaction.atomic():
        request = lock_request(number)
        user = person(actor)
        permissions.check_break_glass(user, request)
        voters.check_independent(user, request)
        copies = _check(request, user, Kind.BREAK_GLASS, seen_hash=seen_hash, reason=reason)
        waited_for = voters.still_needed(request)
        decision = _store(request, user, Kind.BREAK_GLASS, reason)
        move_request(
            request,
            RequestState.APPROVED,
            actor=actor,
            action="request.break_glass",
            data={
                "reason": decision.reason,
                "not_waited_for": waited_for,
                "estimate": request.estimate,
                **approvals.record_of(request, {}),
            },
            decided_by_id=user.pk,
            decided_at=decision.decided_at,
            break_glass=True,
        )
        _queue(request, copies, actor=actor)
    return request


@dataclass(frozen=True)
class Result:
    """What became of one decision among many; `words` are fit to be shown."""

    number: int
    done: bool
    words: str


def decide_many(actor: Actor, seen: Mapping[int, str], *, kind: str, reason: str = "") -> list[Result]:
    """The same decision on many requests, each in its own transaction and with its own result, in the given order.

    `seen` maps numbers to the content hashes that were shown. `kind` is approve, reject or request-changes.
    """
    me = voters.decider(person(actor))
    with together():
        return [
            _decide_one(actor, number, seen_hash, kind=kind, reason=reason, decider=me)
            for number, seen_hash in seen.items()
        ]


def approve_if_satisfied(
    request: CopyRequest,
    *,
    actor: Actor,
    by: Decision | None = None,
    given: Voters | None = None,
    copies: Sequence[ImageCopy] | None = None,
    shown: Mapping[str, str] = NOTHING,
) -> None:
    """Approves a locked, pending request when its plan is fulfilled, and queues its copies; else records the vote `by`
    alone, if there is one. `given` are the votes that count and `copies` those of the round, where they are at
    hand. `shown` is what the event says of how its giver showed who they are."""
    given = voters.counted([request])[request.pk].groups if given is None else given
    needed = votes.missing(request.plan, given)
    vote = {"reason": by.reason, **_behalf(by), **shown} if by else {}
    if needed:
        if by is not None:
            event = record(
                "request.vote",
                actor=actor,
                request=request.pk,
                requester=request.requester_id,
                account=request.account.account_id,
                data={
                    **vote,
                    "content_hash": request.content_hash,
                    "waits_for": needed,
                    "estimate": request.estimate,
                },
            )
            notifications.tell(event, request)
        return
    last = by or request.decisions.filter(kind=Kind.APPROVE).order_by("-decided_at", "-id").first()
    automatic = not request.plan
    move_request(
        request,
        RequestState.APPROVED,
        actor=actor,
        action="request.approved",
        data={
            "reason": "",
            **vote,
            "automatic": automatic,
            "estimate": request.estimate,
            **approvals.record_of(request, given),
        },
        decided_by_id=last.decided_by_id if last and not automatic else None,
        decided_at=last.decided_at if last and not automatic else None,
    )
    _queue(request, list(request.copies_of_round()) if copies is None else copies, actor=actor)


def cancel_held(request: CopyRequest, *, actor: Actor) -> None:
    """Cancels the copies that wait for an approval."""
    now = timezone.now()
    for copy in request.copies.filter(state=CopyState.HELD).select_related("account"):
        move_copy(copy, CopyState.CANCELLED, actor=actor, action="copy.cancelled", finished_at=now)


def _queue(request: CopyRequest, copies: Sequence[ImageCopy], *, actor: Actor) -> None:
    """Queues the copies of an approved request; each event says under which token its copy may be called."""
    now = timezone.now()
    tokens = {attempt.copy_id: attempt.as_dict() for attempt in Attempt.objects.filter(copy__in=copies)}
    windows = holds.windows_at(request, now=now)
    for copy in copies:
        copy.request, copy.account = request, request.account
        hold = holds.hold_for(copy, windows, now=now)
        move_copy(
            copy,
            CopyState.QUEUED,
            actor=actor,
            action="copy.queued",
            data={**tokens.get(copy.pk, {}), **(hold.as_dict() if hold else {})},
            locked=request,
            queued_at=now,
            parked_at=None,
            next_step_at=hold.look_at if hold else now,
            **(hold.reason.fields if hold else NO_WAIT),
        )
    if request.existing:
        nudge("do_steps")
        return
    actual_cost.begin(request, copies, at=now)
    nudge("start_due")


def _decide_one(
    actor: Actor, number: int, seen_hash: str, *, kind: str, reason: str, decider: voters.Decider
) -> Result:
    """One of many decisions, with its refusal in words."""
    try:
        if kind == Kind.APPROVE:
            request = approve(actor, number, seen_hash=seen_hash, reason=reason, decider=decider)
        elif kind == Kind.REJECT:
            request = reject(actor, number, seen_hash=seen_hash, reason=reason)
        else:
            request = request_changes(actor, number, seen_hash=seen_hash, reason=reason)
    except (NotAllowed, InvalidTransition) as refused:
        return Result(number, False, str(refused))
    except InvalidRequest as refused:
        return Result(number, False, " ".join(error.message for error in refused.errors))
    except CopyRequest.DoesNotExist:
        return Result(number, False, f"There is no request #{number}.")
    return Result(number, True, request.get_state_display())


def _decide(actor: Actor, number: int, kind: Kind, *, seen_hash: str, reason: str) -> CopyRequest:
    """Stores a rejection or a request for changes of a pending request, under its lock."""
    request = lock_request(number)
    user = person(actor)
    permissions.check_decide(user, request)
    _check(request, user, kind, seen_hash=seen_hash, reason=reason)
    _store(request, user, kind, reason)
    return request


def _check(request: CopyRequest, user: User, kind: Kind, *, seen_hash: str, reason: str) -> list[ImageCopy]:
    """The copies that a decision on a locked request is about. Raises InvalidTransition or InvalidRequest for what
    speaks against it."""
    if request.state != RequestState.PENDING:
        by = f", decided by {request.decided_by.get_username()}" if request.decided_by else ""
        raise InvalidTransition(f"Request #{request.pk} is {request.get_state_display().lower()} already{by}.")
    if kind in NEEDS_REASON and not reason.strip():
        raise InvalidRequest([FieldError("reason", NEEDS_REASON[kind])])
    approving = kind in (Kind.APPROVE, Kind.BREAK_GLASS)
    copies = list(request.copies_of_round())
    current = request.hash_of_content(copies)
    if current != request.content_hash or (approving and seen_hash != current):
        raise InvalidTransition(f"Request #{request.pk} isn't what you saw any more. Look at it again.")
    if approving and not request.account.enabled:
        raise InvalidTransition(f"Account {request.account.name} is switched off, so nothing can be approved in it.")
    if approving:
        _check_names(request, copies)
    if kind != Kind.BREAK_GLASS and _has_decided(request, user, kind):
        raise InvalidTransition(f"You have decided on request #{request.pk} already.")
    return copies


def _check_names(request: CopyRequest, copies: Sequence[ImageCopy]) -> None:
    """Where each name is wanted once: another request that was approved first has it. Raises InvalidTransition."""
    if not name_holders.refused():
        return
    name_holders.lock(request.account)
    account, calls = request.account_id, [copy.call() for copy in copies]
    approved = name_holders.candidates([(account, call) for call in calls], name_holders.APPROVED)
    taken = name_holders.holders(account, calls, request.lookups, besides=request.pk, among=approved)
    for call, others in zip(calls, taken, strict=True):
        if others:
            words = f"{name_holders.words(call, others)}, so #{request.pk} can't be approved. Send it back."
            raise InvalidTransition(words)


def _has_decided(request: CopyRequest, user: User, kind: Kind) -> bool:
    """Whether the person decided in this round, or gave an approval before that still stands."""
    mine = request.decisions.filter(decided_by=user, round__gte=request.votes_from_round)
    return any(
        decision.round == request.round
        or (kind == decision.kind == Kind.APPROVE and decision.content_hash == request.content_hash)
        for decision in mine
    )


def _store(request: CopyRequest, user: User, kind: Kind, reason: str, *, on_behalf_of: User | None = None) -> Decision:
    if request.unvoted_plan:
        CopyRequest.objects.filter(pk=request.pk).update(unvoted_plan="")
        request.unvoted_plan = ""
    return Decision.objects.create(
        request=request,
        round=request.round,
        requester_id=request.requester_id,
        decided_by=user,
        on_behalf_of=on_behalf_of,
        decided_at=timezone.now(),
        kind=kind,
        reason=reason.strip(),
        content_hash=request.content_hash,
    )


def _move(request: CopyRequest, to: str, *, actor: Actor, action: str, reason: str) -> None:
    move_request(
        request,
        to,
        actor=actor,
        action=action,
        data={"reason": reason.strip(), "estimate": request.estimate},
        decided_by_id=actor.id,
        decided_at=timezone.now(),
    )


def _behalf(decision: Decision) -> dict[str, str]:
    return {"on_behalf_of": decision.on_behalf_of.get_username()} if decision.on_behalf_of else {}
