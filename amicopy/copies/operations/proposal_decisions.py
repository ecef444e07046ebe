"""Deciding on a change that waits: another administrator confirms or rejects it, or its proposer takes it back.

It is applied in its proposer's name, by the verb that was tried when it was proposed; the events say who confirmed it.
"""

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core.calls import FieldError, InvalidRequest
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import proposal_notices
from amicopy.copies.operations.proposed_changes import CHANGES
from amicopy.copies.voting import power, second_person

State = Proposal.State
REFUSALS = (NotAllowed, InvalidTransition, ValidationError, ObjectDoesNotExist)


def confirm(actor: Actor, number: int) -> Proposal:
    """Does what was proposed; a proposal that is out of date is put away instead, and says why.

    Raises NotAllowed, InvalidTransition when it was decided already, and Proposal.DoesNotExist.
    """
    with transaction.atomic():
        proposal, user = _decided(number), person(actor)
        _check_second(user, proposal)
        return _apply(proposal, actor, {"confirmed_by": user.username, "confirmed_by_id": user.pk})


def confirm_at_the_machine(actor: Actor, number: int) -> Proposal:
    """Does what was proposed by the word of whoever operates the machine. Raises as `confirm`."""
    with transaction.atomic():
        return _apply(_decided(number), actor, {"confirmed_by": actor.name, "confirmed_by_id": 0})


def reject(actor: Actor, number: int, *, reason: str) -> Proposal:
    """Another administrator refuses it. Raises as `confirm`, and InvalidRequest without a reason."""
    with transaction.atomic():
        proposal, user = _decided(number), person(actor)
        _check_second(user, proposal)
        if not reason.strip():
            raise InvalidRequest([FieldError("reason", "Enter why it is rejected.")])
        return _end(proposal, State.REJECTED, actor, why=reason.strip())


def withdraw(actor: Actor, number: int) -> Proposal:
    """The proposer takes it back. Raises as `confirm`."""
    with transaction.atomic():
        proposal, user = _decided(number), person(actor)
        if proposal.proposed_by_id != user.pk or not user.is_active:
            raise NotAllowed("Only the person who proposed a change can withdraw it.")
        return _end(proposal, State.WITHDRAWN, actor)


def why_not(user: User, proposal: Proposal) -> str:
    """Why this person can't confirm a proposal, in words; empty when they can."""
    try:
        _check_second(user, proposal)
    except NotAllowed as refused:
        return str(refused)
    return ""


def _decided(number: int) -> Proposal:
    """A proposal that waits, locked until the transaction ends; before its target and the history, in all verbs."""
    proposal = Proposal.objects.select_for_update(of=("self",)).select_related("proposed_by").get(pk=number)
    if proposal.state != State.WAITING:
        raise InvalidTransition(f"“{proposal.title}” is {proposal.get_state_display().lower()} already.")
    return proposal


def _check_second(user: User, proposal: Proposal) -> None:
    """Raises NotAllowed unless this person can be the second one."""
    change = CHANGES[proposal.kind]
    change.check(user)
    if user.pk == proposal.proposed_by_id:
        raise NotAllowed("You proposed it. Another administrator has to decide on it.")
    if not second_person.confirmers(proposal.proposed_by, change.permission).filter(pk=user.pk).exists():
        hands = power.hands_in({user.pk, proposal.proposed_by_id})
        raise NotAllowed(f"You can't confirm it. {power.why_not(proposal.proposed_by, user, hands)}")


def _apply(proposal: Proposal, actor: Actor, by: dict[str, Any]) -> Proposal:
    change, target = CHANGES[proposal.kind], proposal.target
    proposer = proposal.proposed_by
    known = {**by, "proposal": proposal.pk}
    own = replace(actor, name=proposer.username, id=proposer.pk, address="", also=known)
    try:
        try:
            change.check(proposer)
        except NotAllowed:
            raise NotAllowed(f"{proposer.username} may not change this any more.") from None
        if change.look(target) != proposal.before:
            raise InvalidTransition(f"{proposal.name} has changed since it was proposed.")
        with transaction.atomic():
            change.run(own, target, proposal.values)
    except REFUSALS as refused:
        return _end(proposal, State.LAPSED, actor, why=_words(refused))
    return _end(proposal, State.CONFIRMED, actor)


def _words(refused: Exception) -> str:
    if isinstance(refused, ValidationError):
        return " ".join(refused.messages)
    return "It isn't there any more." if isinstance(refused, ObjectDoesNotExist) else str(refused)


def _end(proposal: Proposal, state: Proposal.State, actor: Actor, *, why: str = "") -> Proposal:
    proposal.state, proposal.why = state, why
    proposal.decided_by_id, proposal.decided_at = actor.id, timezone.now()
    proposal.save(update_fields=["state", "why", "decided_by", "decided_at"])
    data = {**proposal_notices.about(proposal), "proposed_by": proposal.proposed_by.get_username(), "reason": why}
    event = record(f"proposal.{state}", actor=actor, data={**data, "changes": proposal.changes})
    if proposal.proposed_by_id != actor.id:
        said = State(state).label
        text = f"{said} by {actor.name}.{f' {why}' if why else ''}"
        proposal_notices.tell(event, proposal, said, text, people=[proposal.proposed_by_id])
    return proposal
