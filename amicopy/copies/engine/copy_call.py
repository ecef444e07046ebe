"""From QUEUED to COPYING: the one CopyImage call of a copy, made together with those of others.

STARTING and the ClientToken are stored before the call. A worker killed at any point is harmless: the next one sends
that token with the same parameters and gets the same image. Before a call that could make a second image, see
`recovery`, what is there already is looked for and followed, and what failed is removed.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import ec2, errors
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.engine import (
    adoption,
    call_checks,
    call_outcomes,
    dry_runs,
    failed_images,
    gate,
    leases,
    outside_memory,
    recovery,
    unmade_calls,
)
from amicopy.copies.engine.call_outcomes import Made
from amicopy.copies.engine.places import Place, place_of
from amicopy.copies.engine.threads import in_threads
from amicopy.copies.lifecycle import holds
from amicopy.copies.lifecycle.transitions import InvalidTransition, acting
from amicopy.leases import LEASE
from amicopy.logs import correlation


@dataclass(frozen=True)
class Call:
    """A leased copy that is to be called with an attempt's token; `doubt_since` is when the last call was made whose
    answer is missing."""

    copy: ImageCopy
    attempt: Attempt
    actor: Actor
    lease: uuid.UUID
    doubt_since: datetime | None

    @property
    def alone(self) -> bool:
        """Whether AWS is asked one thing after the other before it, which would keep others waiting."""
        return self.copy.dry_run or recovery.must_look(self.copy, self.attempt, timezone.now())


@dataclass
class Started:
    """What became of a batch: the places where AWS takes no more calls for now; by primary key the copies that were
    moved by others, or whose lease was lost; and those for which nothing was done, since they go alone."""

    full: set[Place] = field(default_factory=set)
    lost: dict[int, InvalidTransition] = field(default_factory=dict)
    aside: list[ImageCopy] = field(default_factory=list)

    @contextmanager
    def of(self, call: Call) -> Iterator[None]:
        """What is done with one copy: that it was lost is its own affair."""
        try:
            yield
        except InvalidTransition as moved:
            self.lost[call.copy.pk] = moved


def start(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> bool:
    """Makes the call of one leased copy, as `start_all`. Raises InvalidTransition when the lease was lost. False: AWS
    takes no more calls of the copy's place for now."""
    started = start_all([copy], lease=lease, actor=actor)
    for moved in started.lost.values():
        raise moved
    return not started.full


def start_all(copies: Sequence[ImageCopy], *, lease: uuid.UUID, actor: Actor) -> Started:
    """Makes the calls of leased copies at the same time, each in a thread, and stores what came of them.

    State, token and doubt of all are stored before the first call. An error of one copy is that copy's alone. A copy
    before whose call AWS has to be asked what is there already is left aside, unless it is the only one.
    """
    started, latest = Started(), {}
    for attempt in Attempt.objects.filter(copy__in=[copy.pk for copy in copies]).order_by("number"):
        latest[attempt.copy_id] = attempt
    _without_token([copy for copy in copies if copy.pk not in latest], started, lease=lease, actor=actor)
    calls = [
        Call(copy, latest[copy.pk], acting(copy, actor), lease, _doubt_since(latest[copy.pk]))
        for copy in copies
        if copy.pk in latest
    ]
    together = calls if len(calls) == 1 else [call for call in calls if not call.alone]
    started.aside = [call.copy for call in calls if call not in together]
    _make(together, started)
    return started


def _without_token(copies: Sequence[ImageCopy], started: Started, *, lease: uuid.UUID, actor: Actor) -> None:
    """Fails copies that have no attempt: every one that was approved has, so that these are none."""
    for copy in copies:
        error = errors.Rejected("NotApproved", "It isn't what was approved. No ClientToken is stored for it.")
        try:
            call_outcomes.starting(copy, lease=lease, actor=actor)
            call_outcomes.fail(copy, error, lease=lease, actor=actor)
        except InvalidTransition as moved:
            started.lost[copy.pk] = moved


def _make(calls: Sequence[Call], started: Started) -> None:
    """Prepares these calls, makes those that may be made, and stores what came of them."""
    now = timezone.now()
    windows = holds.windows_of([call.copy.request for call in calls if call.doubt_since is None], now=now)
    ready: list[Call] = []
    for call in calls:
        with started.of(call):
            held = call.doubt_since is None and holds.hold(
                call.copy, windows[call.copy.request_id], now=now, lease=call.lease, actor=call.actor
            )
            if not held and not _ended_without(call, started):
                ready.append(call)
    in_doubt = frozenset(call.copy.pk for call in ready if call.doubt_since is not None)
    ready = _without_refused(ready, call_checks.refusals([call.copy for call in ready], in_doubt=in_doubt), started)
    ready = _without_refused(ready, gate.refusals([(call.copy, call.attempt) for call in ready]), started)
    if ready:
        _send(ready, started)


def _ended_without(call: Call, started: Started) -> bool:
    """Whether there is nothing left to call for: a dry run is made here, and what earlier calls made is gone on
    with."""
    copy, actor = call.copy, call.actor
    if copy.dry_run:
        call_outcomes.starting(copy, lease=call.lease, actor=actor)
        dry_runs.ask(copy, call.attempt, lease=call.lease, actor=actor)
        return True
    try:
        if recovery.must_look(copy, call.attempt, timezone.now()):
            failed = adoption.follow(copy, lease=call.lease, actor=actor)
            if failed is None:
                return True
            failed_images.clear(copy, failed, lease=call.lease, actor=actor)
    except errors.AwsError as error:
        _refused(call, error, started)
        return True
    return False


def _without_refused(calls: Sequence[Call], refused: Mapping[int, errors.AwsError], started: Started) -> list[Call]:
    """The calls that may go on; of the others it is stored why not."""
    for call in calls:
        if call.copy.pk in refused:
            with started.of(call):
                _refused(call, refused[call.copy.pk], started)
    return [call for call in calls if call.copy.pk not in refused]


def _send(calls: Sequence[Call], started: Started) -> None:
    """Sends what has passed everything, and stores the answers: those that name an image together."""
    in_time = [call for call in calls if not _late(call.copy)]
    ours = call_outcomes.calling([(call.copy, call.attempt, call.actor) for call in in_time], lease=calls[0].lease)
    sent = [call for call in in_time if call.copy.pk in ours]
    for call in calls:
        if call not in sent:
            words = (
                "The lease is too old for a call." if call not in in_time else "The copy was moved, or the lease lost."
            )
            started.lost[call.copy.pk] = InvalidTransition(words)
    if sent:
        outside_memory.keep()
    answers = list(zip(sent, in_threads(_answer, sent), strict=True))
    made = [
        Made(call.copy, call.attempt, call.actor, answer.image_id, answer.request_id)
        for call, answer in answers
        if isinstance(answer, ec2.CopyAnswer)
    ]
    for lost in call_outcomes.copying(made, lease=calls[0].lease):
        # Cancelled during the call: the image's id is what the cancelling worker needs.
        call_outcomes.remember(lost.copy, lost.attempt, lost.image_id, lost.request_id, lease=calls[0].lease)
        started.lost[lost.copy.pk] = InvalidTransition("The copy was moved during the call.")
    for call, answer in answers:
        if isinstance(answer, errors.AwsError):
            with started.of(call):
                _refused(call, answer, started)
    for _, answer in answers:
        # What nobody foresaw is in doubt, and the others' answers are stored.
        if isinstance(answer, Exception) and not isinstance(answer, errors.AwsError):
            raise answer


def _answer(call: Call) -> ec2.CopyAnswer | Exception:
    """Calls AWS, and asks nothing of the database."""
    try:
        with correlation.under(call.actor.correlation_id):
            return ec2.copy_image(
                call.copy.account.aws(),
                region=call.copy.DestinationRegion,
                parameters=call.copy.parameters,
                client_token=call.attempt.ClientToken,
                for_request=call.copy.request_id,
            )
    except Exception as error:  # of a thread: raised, or stored, by the one that waits for it
        return error


def _refused(call: Call, error: errors.AwsError, started: Started) -> None:
    """Stores that a call wasn't made, or that AWS made nothing of it."""
    if isinstance(error, (errors.NoSlot, errors.Throttled)):
        started.full.add(place_of(call.copy))
    try:
        call_outcomes.starting(call.copy, lease=call.lease, actor=call.actor)
        unmade_calls.not_started(
            call.copy,
            call.attempt,
            unmade_calls.passing(call.copy, error),
            call.doubt_since,
            lease=call.lease,
            actor=call.actor,
        )
    except InvalidTransition:
        # Cancelled during the call: that AWS made nothing is what the cancelling worker needs.
        call_outcomes.remember_none(call.copy, call.attempt, error, call.doubt_since, lease=call.lease)
        raise


def _doubt_since(attempt: Attempt) -> datetime | None:
    """When the last call was made whose answer is missing; None where none is."""
    if not attempt.in_doubt:
        return None
    return attempt.last_called_at or attempt.first_called_at or attempt.created_at


def _late(copy: ImageCopy) -> bool:
    """Whether so much of the lease is gone that it could end during the call."""
    return copy.lease_until is None or copy.lease_until - timezone.now() < LEASE - leases.CALL_WITHIN
