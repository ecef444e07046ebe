"""The only place where a state changes: a conditional UPDATE and its audit event, in one transaction.

Locks are always taken in one order, request rows by their numbers before the audit chain, and only workers that start
many copies at once touch more than one request in a transaction; so verbs, workers and tracking can meet on one request
without a deadlock.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import Entry, record, record_all
from amicopy.audit.models import AuditEvent
from amicopy.copies.core import actual_cost
from amicopy.copies.core.drift import Drift
from amicopy.copies.core.models import CopyRequest, CopyStep, DriftTrace, ImageCopy
from amicopy.copies.core.reasons import Reason
from amicopy.copies.core.row_values import ValueOfEach
from amicopy.copies.core.states import (
    COPY_FINAL,
    COPY_MOVES,
    REQUEST_MOVES,
    REQUEST_OPEN,
    CopyState,
    RequestState,
    StepState,
    outcome,
)
from amicopy.copies.core.steps.table import in_order
from amicopy.copies.lifecycle import notifications, step_log
from amicopy.copies.lifecycle.wakeup import nudge

# What a move writes to end a worker's lease with it.
LEASE_ENDED: Mapping[str, None] = {"lease_id": None, "lease_until": None}


# What happens to an AMI that exists, where it isn't a copy that it happens to.
OF_IMAGE: Mapping[str, str] = {
    "copy.queued": "image.queued",
    "copy.held": "image.held",
    "copy.held_again": "image.held_again",
    "copy.starting": "image.starting",
    "copy.waiting": "image.waiting",
    "copy.available": "image.found",
    "copy.failed": "image.failed",
    "copy.retried": "image.retried",
    "copy.cancelling": "image.cancelling",
    "copy.cancelled": "image.cancelled",
}


class InvalidTransition(Exception):
    """Somebody or something was first; the words say what the state is now and are fit to be shown."""


def lock_request(number: int) -> CopyRequest:
    """The request, locked until the transaction ends. Raises CopyRequest.DoesNotExist."""
    return CopyRequest.objects.select_for_update(of=("self",)).select_related("account", "requester").get(pk=number)


def move_request(
    request: CopyRequest,
    to: str,
    *,
    actor: Actor,
    action: str,
    data: dict[str, Any] | None = None,
    **fields: Any,
) -> AuditEvent:
    """Moves a request from the state this object shows, writes `fields` with it, records the event, which it returns,
    and has those told who should know.

    Raises InvalidTransition, and writes nothing, when the move is not in the table or the row is no longer in that
    state.
    """
    old = request.state
    fields = {**_of_state(to), **fields}
    if to not in REQUEST_MOVES[old]:
        raise InvalidTransition(f"Request #{request.pk} is {RequestState(old).label.lower()} already.")
    with transaction.atomic():
        changed = CopyRequest.objects.filter(pk=request.pk, state=old).update(
            state=to, version=F("version") + 1, **fields
        )
        if not changed:
            now = CopyRequest.objects.values_list("state", flat=True).get(pk=request.pk)
            raise InvalidTransition(f"Request #{request.pk} is {RequestState(now).label.lower()} already.")
        event = record(
            action,
            actor=actor,
            request=request.pk,
            requester=request.requester_id,
            account=request.account.account_id,
            image_id=fields.get("SourceImageId") or request.SourceImageId,
            old=old,
            new=to,
            data=data,
        )
        request.state = to
        for name, value in fields.items():
            setattr(request, name, value)
        notifications.tell(event, request)
    return event


def _of_state(to: str) -> dict[str, None]:
    """What a request has not in a state: by it pages find what is open, and what waits for a decision."""
    opened = {"finished_at": None} if to in REQUEST_OPEN else {}
    return opened | ({"decided_by_id": None, "decided_at": None} if to == RequestState.PENDING else {})


def move_copy(
    copy: ImageCopy,
    to: str,
    *,
    actor: Actor,
    action: str,
    lease: uuid.UUID | None = None,
    locked: CopyRequest | None = None,
    unclaimed: bool | None = None,
    aws_request_id: str = "",
    data: dict[str, Any] | None = None,
    **fields: Any,
) -> None:
    """Moves a copy from the state this object shows, records the event, and ends the request when this was its last
    copy.

    With `lease` the move also needs that lease, so that a worker which lost it can't write a late answer; `unclaimed`
    needs that there is none, so that a worker which has one goes on undisturbed. `locked` is the copy's request, where
    this transaction has locked and moved it already.
    Raises InvalidTransition, and writes nothing, when the move is not in the table or the row is not as expected.
    """
    old = copy.state
    actor = acting(copy, actor)
    if actor.source != "worker":
        fields["correlation_id"] = actor.correlation_id
    if to not in COPY_MOVES[old]:
        raise InvalidTransition(f"The copy to {copy.destination} is {CopyState(old).label.lower()} already.")
    with transaction.atomic():
        if locked is None:
            # This also locks the request, before the copy and the chain.
            CopyRequest.objects.filter(pk=copy.request_id).update(version=F("version") + 1)
        expected: dict[str, Any] = {"pk": copy.pk, "state": old}
        if lease is not None:
            expected["lease_id"] = lease
        elif unclaimed:
            expected["lease_id__isnull"] = True
        if not ImageCopy.objects.filter(**expected).update(state=to, **fields):
            now = ImageCopy.objects.values_list("state", flat=True).get(pk=copy.pk)
            said = "being started" if unclaimed and now == old else CopyState(now).label.lower()
            raise InvalidTransition(f"The copy to {copy.destination} is {said} already.")
        if to == CopyState.AVAILABLE:
            _begin_steps(copy)
        event = _record(
            action,
            copy,
            actor=actor,
            image_id=fields.get("ImageId") or copy.ImageId or copy.parameters["SourceImageId"],
            aws_request_id=aws_request_id,
            error_code=fields.get("error_code", ""),
            old=old,
            new=to,
            data=data,
        )
        notifications.tell_of_copy(event, copy)
        if to in COPY_FINAL:
            end_request(locked or lock_request(copy.request_id), actor=actor)
    copy.state = to
    for name, value in fields.items():
        setattr(copy, name, value)


def _begin_steps(copy: ImageCopy) -> None:
    """The rows of what follows a copy that is there now; the first of them is due."""
    now = timezone.now()
    rows = [
        CopyStep(copy=copy, code=step.code, position=position, next_step_at=None if position else now)
        for position, step in enumerate(in_order(copy.approved_steps))
    ]
    if rows:
        CopyStep.objects.bulk_create(rows)
        nudge("do_steps")


@dataclass(frozen=True)
class Move:
    """One copy's part in `move_copies`: what only it writes, and what its event says."""

    copy: ImageCopy
    actor: Actor
    fields: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] | None = None
    aws_request_id: str = ""


def move_copies(moves: Sequence[Move], to: str, *, action: str, lease: uuid.UUID, **fields: Any) -> list[Move]:
    """Moves leased copies of any requests at once, as `move_copy` moves one, to a state that isn't their last; each
    with `fields` and with its own, which all have the same names. Returns those that were moved: what is no longer in
    the state that its object shows, or under the lease, is left as it is.

    Requests are locked in the order of their numbers, so that two of these can't wait for each other.
    """
    if to in COPY_FINAL or not moves:
        return []
    may = {move.copy.pk: move for move in moves if to in COPY_MOVES[move.copy.state]}
    with transaction.atomic():
        numbers = sorted({move.copy.request_id for move in may.values()})
        requests = CopyRequest.objects.filter(pk__in=numbers)
        list(requests.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        stored = ImageCopy.objects.filter(pk__in=may, lease_id=lease).select_for_update(of=("self",)).order_by("pk")
        states = dict(stored.values_list("pk", "state"))
        moved = [move for move in may.values() if states.get(move.copy.pk) == move.copy.state]
        if not moved:
            return []
        requests.filter(pk__in={move.copy.request_id for move in moved}).update(version=F("version") + 1)
        own = {
            name: ValueOfEach(ImageCopy, name, {move.copy.pk: move.fields[name] for move in moved})
            for name in moved[0].fields
        }
        ImageCopy.objects.filter(pk__in=[move.copy.pk for move in moved]).update(state=to, **fields, **own)
        record_all([_entry_of_move(move, to, action=action) for move in moved])
    for move in moved:
        move.copy.state = to
        for name, value in {**fields, **move.fields}.items():
            setattr(move.copy, name, value)
    return moved


def _entry_of_move(move: Move, to: str, *, action: str) -> Entry:
    copy = move.copy
    return entry_of(
        action,
        copy,
        actor=move.actor,
        image_id=move.fields.get("ImageId") or copy.ImageId or copy.parameters["SourceImageId"],
        aws_request_id=move.aws_request_id,
        old=copy.state,
        new=to,
        data=move.data,
    )


def note_copy(
    copy: ImageCopy,
    reason: Reason,
    *,
    actor: Actor,
    action: str,
    lease: uuid.UUID,
    fields: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
    aws_request_id: str = "",
    error_code: str = "",
) -> bool:
    """Writes why a leased copy waits, with `fields`, records the event, and has a person told once where one is
    needed. False, and nothing is written, when the lease was lost or the state is another."""
    news = bool(reason.who) and reason.code != copy.wait_told
    columns = {**fields, **reason.fields, **({"wait_told": reason.code} if news else {})}
    with transaction.atomic():
        # As in a move: this locks the request, before the copy and the chain.
        CopyRequest.objects.filter(pk=copy.request_id).update(version=F("version") + 1)
        if not ImageCopy.objects.filter(pk=copy.pk, lease_id=lease, state=copy.state).update(**columns):
            transaction.set_rollback(True)
            return False
        event = _record(
            action,
            copy,
            actor=actor,
            aws_request_id=aws_request_id,
            error_code=error_code,
            old=copy.state,
            new=copy.state,
            data={**reason.as_dict(), **(data or {})},
        )
        if news:
            notifications.stuck(event, copy, reason)
    return True


def note_drift(copy: ImageCopy, drift: list[dict[str, Any]], *, at: datetime, actor: Actor) -> None:
    """Stores what of a finished copy is another than approved, with an event where that is news."""
    before, now = {each["code"] for each in copy.drift}, {each["code"] for each in drift}
    with transaction.atomic():
        if drift != copy.drift:
            CopyRequest.objects.filter(pk=copy.request_id).update(version=F("version") + 1)
        there = ImageCopy.objects.filter(pk=copy.pk, state=CopyState.AVAILABLE)
        if there.update(drift=drift, drift_at=at) and now != before:
            _keep_traces(copy, now, new=now - before, at=at)
            if Drift.DEREGISTERED in now:
                actual_cost.ended([(copy.account.account_id, copy.DestinationRegion, copy.ImageId)], at=at)
            _record(
                "copy.drifted",
                copy,
                actor=actor,
                image_id=copy.ImageId,
                old=copy.state,
                new=copy.state,
                data={"drift": drift, "over": sorted(before - now)},
            )


def _keep_traces(copy: ImageCopy, now: Collection[str], *, new: Collection[str], at: datetime) -> None:
    """Has it found out who made what is new, and forgets that of what is over."""
    DriftTrace.objects.filter(copy=copy).exclude(code__in=now).delete()
    before = {Drift.ALIAS: copy.alias_at}
    before |= dict.fromkeys((Drift.PERMISSIONS_ADDED, Drift.PERMISSIONS_LACKING), copy.permissions_at)
    first = copy.finished_at or at
    DriftTrace.objects.bulk_create(
        [
            DriftTrace(copy=copy, code=code, found_at=at, since=before.get(Drift(code), copy.drift_at) or first)
            for code in sorted(new)
        ],
        ignore_conflicts=True,
    )


def acting(copy: ImageCopy, actor: Actor) -> Actor:
    """A worker that goes on with a copy does so under the id of whoever had it queued or cancelled."""
    if actor.source != "worker" or copy.correlation_id is None:
        return actor
    return replace(actor, correlation_id=copy.correlation_id)


def entry_of(action: str, copy: ImageCopy, *, actor: Actor, **about: Any) -> Entry:
    """What happened to a copy, which the log says as well once it is stored; of an AMI that exists by its own name."""
    actor, action = acting(copy, actor), OF_IMAGE.get(action, action) if copy.existing else action
    transaction.on_commit(partial(step_log.write, action, copy, actor.correlation_id, about), robust=True)
    return Entry(
        action,
        actor,
        request=copy.request_id,
        copy=copy.pk,
        requester=copy.request.requester_id,
        account=copy.account.account_id,
        region=copy.DestinationRegion,
        **about,
    )


def _record(action: str, copy: ImageCopy, *, actor: Actor, **about: Any) -> AuditEvent:
    """An event about a copy."""
    return record_all([entry_of(action, copy, actor=actor, **about)])[0]


def end_request(request: CopyRequest, *, actor: Actor) -> None:
    """Ends an approved request once every copy is final and no step after one goes on. Runs under the request's lock,
    so the last copy, or step, sees the others."""
    if request.state != RequestState.APPROVED:
        return
    states = list(request.copies_of_round().values_list("state", flat=True))
    steps = _steps_going_on(request)
    end = outcome(states, steps=steps)
    if end is not None:
        counts = {state: states.count(state) for state in sorted(set(states))}
        failed = steps.count(StepState.FAILED)
        move_request(
            request,
            end,
            actor=actor,
            action=f"request.{end.lower()}",
            data={"copies": counts, **({"steps_failed": failed} if failed else {})},
            finished_at=timezone.now(),
        )


def _steps_going_on(request: CopyRequest) -> list[str]:
    """The states of the steps after the available copies of a request, without those behind one that failed."""
    rows = CopyStep.objects.filter(
        copy__request=request, copy__round=request.round, copy__state=CopyState.AVAILABLE
    ).values_list("copy_id", "state")
    failed = {copy for copy, state in rows if state == StepState.FAILED}
    return [state for copy, state in rows if copy not in failed or state == StepState.FAILED]
