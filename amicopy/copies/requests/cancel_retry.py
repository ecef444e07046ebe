"""The verbs of copies under way or failed: cancel and retry, for one copy or for a whole request."""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core import permissions
from amicopy.copies.core.models import CopyRequest, CopyStep, ImageCopy
from amicopy.copies.core.permissions import person
from amicopy.copies.core.reasons import NO_WAIT
from amicopy.copies.core.states import STEP_OPEN, CopyState, RequestState, StepState
from amicopy.copies.lifecycle.transitions import InvalidTransition, lock_request, move_copy, move_request
from amicopy.copies.lifecycle.wakeup import nudge
from amicopy.copies.requests.frozen_calls import new_attempt
from amicopy.copies.voting import approvals
from amicopy.copies.voting.approvals import NotApproved

CANCELLABLE = (CopyState.QUEUED, CopyState.STARTING, CopyState.COPYING)


def cancel(actor: Actor, number: int, *, copy_id: int | None = None) -> list[ImageCopy]:
    """Cancels one copy of an approved request, or all that aren't over; returns those it cancelled.

    Free before the call; after it, a worker deregisters the image and removes its snapshots. A copy that is there can
    be cancelled while the steps after it aren't all done: what they did is undone first. Of an AMI that existed before
    that is all. Raises NotAllowed, and
    InvalidTransition when nothing is left to cancel.
    """
    with transaction.atomic():
        request = lock_request(number)
        permissions.check_manage_copies(person(actor), request)
        copies = _cancellable(request, copy_id)
        now = timezone.now()
        for copy in copies:
            if copy.state == CopyState.QUEUED:
                move_copy(
                    copy,
                    CopyState.CANCELLED,
                    actor=actor,
                    action="copy.cancelled",
                    finished_at=now,
                    next_step_at=None,
                    **NO_WAIT,
                    lease_id=None,
                    lease_until=None,
                )
            else:
                # The lease stays: a worker in the middle of the call still stores the image's id.
                move_copy(
                    copy, CopyState.CANCELLING, actor=actor, action="copy.cancelling", next_step_at=now, **NO_WAIT
                )
        nudge("cancel_due")
    return copies


def retry(actor: Actor, number: int, *, copy_id: int | None = None) -> list[ImageCopy]:
    """Queues one failed copy, or all failed ones, again with a new token; the approval holds while the hash does.

    Raises NotAllowed, and InvalidTransition when nothing failed or what is stored isn't what was approved.
    """
    with transaction.atomic():
        request = lock_request(number)
        permissions.check_manage_copies(person(actor), request)
        copies = _chosen(request, Q(state=CopyState.FAILED), copy_id, "retried")
        try:
            approvals.check_request(request)
        except NotApproved as refused:
            words = f"Request #{number} isn't what was approved any more. {refused} Make a new one."
            raise InvalidTransition(words) from refused
        if request.state != RequestState.APPROVED:
            move_request(request, RequestState.APPROVED, actor=actor, action="request.retried")
        now = timezone.now()
        for copy in copies:
            # What makes no call needs no token.
            token = {} if copy.existing else new_attempt(copy).as_dict()
            move_copy(
                copy,
                CopyState.QUEUED,
                actor=actor,
                action="copy.retried",
                data={**token, "replaces": copy.ImageId, "failed_with": copy.error_code},
                queued_at=now,
                next_step_at=now,
                called_at=None,
                seen_at=None,
                finished_at=None,
                failures=0,
                **NO_WAIT,
                ImageId="",
                progress=0,
                snapshots=[],
                error_code="",
                error_message="",
                error_request_id="",
            )
        nudge("do_steps" if request.existing else "start_due")
    return copies


def _cancellable(request: CopyRequest, copy_id: int | None) -> list[ImageCopy]:
    """The copies that can be cancelled, which are those with steps to come, too, while the request goes on."""
    unfinished = CopyStep.objects.filter(copy=OuterRef("pk"), state__in=(*STEP_OPEN, StepState.FAILED))
    there = Q(Exists(unfinished), state=CopyState.AVAILABLE)
    wanted = Q(state__in=CANCELLABLE) | (there if request.state == RequestState.APPROVED else Q(pk__in=()))
    return _chosen(request, wanted, copy_id, "cancelled")


def _chosen(request: CopyRequest, wanted: Q, copy_id: int | None, done: str) -> list[ImageCopy]:
    copies = request.copies_of_round().filter(wanted).select_related("account")
    if copy_id is not None:
        copies = copies.filter(pk=copy_id)
    chosen = list(copies)
    if not chosen:
        raise InvalidTransition(f"Nothing of request #{request.pk} can be {done} now.")
    return chosen
