"""Rules, freeze windows, roles and accounts change by two people: a change that gives power waits as a proposal until
another administrator confirms it.

Every change of these comes through here. It is tried first, by the very verb that makes it, and taken back: so it is
refused as ever, and its difference is known. What takes power away, or gives none, is done at once; so is everything
while there is only one administrator, and each event says so. Which changes are which is in `docs/roles.md`.

A proposal is applied in its proposer's name, by the same verb; the events say who confirmed it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.audit.models import AuditEvent
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import FieldError, InvalidRequest
from amicopy.copies.core.models import Account
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.policy_models import ApprovalRule, FreezeWindow
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.core.roles import ROLES
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import people, proposed_changes
from amicopy.copies.operations.proposed_changes import ACCOUNT_FIELDS, CHANGES, RULE_FIELDS, Change, Look, Values
from amicopy.copies.voting import second_person
from amicopy.notify import outbox
from amicopy.notify.models import Kind as Message
from amicopy.notify.outbox import Notice

State = Proposal.State
PERMISSIONS = ("copies.manage_rules", "copies.manage_people", "copies.manage_accounts")
REFUSALS = (NotAllowed, InvalidTransition, ValidationError, ObjectDoesNotExist)


class Mode(Enum):
    """How a person's changes take effect."""

    BY_TWO = auto()
    # There is only one administrator.
    ALONE = auto()
    # Switched off by the setting.
    OFF = auto()


@dataclass(frozen=True)
class Outcome:
    """What became of a change: it waits as `proposal`, or it is done to the row `target`, `alone` where nobody else
    could confirm it."""

    target: int | None = None
    proposal: Proposal | None = None
    alone: bool = False


class _TakenBack(Exception):
    """Ends the try of a change."""


def mode(user: User, permission: str) -> Mode:
    """How changes that need this permission take effect for a person."""
    if not settings.TWO_PERSON_CHANGES:
        return Mode.OFF
    return Mode.ALONE if second_person.alone(user, permission) else Mode.BY_TWO


# --- the changes ---


def save_rule(actor: Actor, rule: ApprovalRule, *, seen: str = "") -> Outcome:
    """Adds or changes a rule. Raises as `policy_actions.save_rule`, and InvalidTransition while a change waits."""
    kind = "rule.save" if rule.pk else "rule.add"
    return _change(actor, kind, rule.pk, rule.name, {name: getattr(rule, name) for name in RULE_FIELDS}, seen=seen)


def switch_rule(actor: Actor, rule: ApprovalRule, *, on: bool) -> Outcome:
    return _change(actor, "rule.on" if on else "rule.off", rule.pk, rule.name)


def move_rule(actor: Actor, rule: ApprovalRule, *, up: bool) -> Outcome:
    return _change(actor, "rule.up" if up else "rule.down", rule.pk, rule.name)


def delete_rule(actor: Actor, rule: ApprovalRule) -> Outcome:
    return _change(actor, "rule.delete", rule.pk, rule.name)


def save_freeze(actor: Actor, window: FreezeWindow) -> Outcome:
    """Adds or changes a freeze window. Raises as `policy_actions.save_freeze`."""
    values = {
        "name": window.name,
        "account_id": window.account_id,
        "DestinationRegion": window.DestinationRegion,
        "starts_at": window.starts_at.isoformat(),
        "ends_at": window.ends_at.isoformat(),
    }
    return _change(actor, "freeze.save" if window.pk else "freeze.add", window.pk, window.name, values)


def end_freeze(actor: Actor, window: FreezeWindow) -> Outcome:
    return _change(actor, "freeze.end", window.pk, window.name)


def delete_freeze(actor: Actor, window: FreezeWindow) -> Outcome:
    return _change(actor, "freeze.delete", window.pk, window.name)


def add_person(actor: Actor, *, name: str, email: str, roles: Collection[str]) -> Outcome:
    """Adds a person, at once; the roles are given as those of anybody. Raises as `people.add`."""
    permissions.check_manage_people(user := person(actor))
    given = sorted(set(roles) & set(ROLES))
    how = mode(user, "copies.manage_people")
    if how is Mode.BY_TWO or not given:
        with transaction.atomic():
            added = people.add(actor, name=name, email=email, roles=())
            return _change(actor, "person.roles", added.pk, name, {"give": given}) if given else Outcome(added.pk)
    added = people.add(_marked(actor, how), name=name, email=email, roles=given)
    return Outcome(added.pk, alone=how is Mode.ALONE)


def set_roles(actor: Actor, user_id: int, roles: Collection[str]) -> Outcome:
    """Takes roles at once, and gives roles. Raises as `people.set_roles`, and InvalidTransition while a change
    waits."""
    with transaction.atomic():
        # Proposals before people and history: see `_decided`.
        list(_waiting("person", user_id).select_for_update())
        held = set(proposed_changes.roles_of(user_id))
        user = people.set_roles(actor, user_id, held & set(roles))
        given = sorted((set(roles) & set(ROLES)) - held)
        return _change(actor, "person.roles", user_id, user.username, {"give": given}) if given else Outcome(user_id)


def switch_person(actor: Actor, user_id: int, *, on: bool) -> Outcome:
    """Switches a person off at once, or on. Raises as `people.switch`."""
    if not on:
        return Outcome(people.switch(actor, user_id, on=False).pk)
    return _change(actor, "person.on", user_id, User.objects.get(pk=user_id).username)


def save_account(actor: Actor, account: Account, *, groups: Collection[Group], seen: str = "") -> Outcome:
    """Adds or changes an account. Raises as `accounts.save`, and InvalidTransition while a change waits."""
    values: Values = {name: getattr(account, name) for name in ACCOUNT_FIELDS}
    values["groups"] = sorted(group.pk for group in groups)
    kind = "account.save" if account.pk else "account.add"
    return _change(actor, kind, account.pk, account.name, values, seen=seen)


# --- deciding on what waits ---


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


# --- what there is ---


def may_see(user: User) -> bool:
    return user.is_active and any(map(user.has_perm, PERMISSIONS))


def check_see(user: User) -> None:
    """Raises NotAllowed unless the person may change any of what waits here."""
    if not may_see(user):
        raise NotAllowed("You can't see proposed changes. Ask an administrator for the administrator role.")


def visible_to(user: User) -> QuerySet[Proposal]:
    """The proposals of what this person may change, the newest first."""
    kinds = [kind for kind, change in CHANGES.items() if user.has_perm(change.permission)]
    return Proposal.objects.filter(kind__in=kinds).select_related("proposed_by", "decided_by")


def why_not(user: User, proposal: Proposal) -> str:
    """Why this person can't confirm a proposal, in words; empty when they can."""
    try:
        _check_second(user, proposal)
    except NotAllowed as refused:
        return str(refused)
    return ""


def waiting_for(user: User) -> int:
    """How many proposals of others wait that this person may decide on."""
    return visible_to(user).filter(state=State.WAITING).exclude(proposed_by=user).count() if may_see(user) else 0


def waiting_on(subject: str, targets: Iterable[int] | None = None) -> dict[int, Proposal]:
    """The open proposal of each of these targets, or of all of a subject, by the target's number."""
    found = Proposal.objects.filter(subject=subject, state=State.WAITING, target__isnull=False)
    found = found if targets is None else found.filter(target__in=targets)
    return {proposal.target: proposal for proposal in found.select_related("proposed_by") if proposal.target}


# --- how ---


def _change(
    actor: Actor, kind: str, target: int | None, name: str, values: Values | None = None, *, seen: str = ""
) -> Outcome:
    """Does a change, or has it wait. `seen` is what it was made on, for those that look."""
    change, values, user = CHANGES[kind], values or {}, person(actor)
    change.check(user)
    subject = kind.partition(".")[0]
    with transaction.atomic():
        if target is not None and (waits := _waiting(subject, target).select_for_update(of=("self",)).first()):
            by = waits.proposed_by.get_username()
            raise InvalidTransition(f"{by} proposed a change of it: “{waits.title}”. Decide on that first.")
        before, after = _tried(change, actor, target, {**values, "seen": seen})
        if change.harmless(before, after) or before == after:
            return Outcome(change.run(actor, target, {**values, "seen": seen}))
        how = mode(user, change.permission)
        if how is not Mode.BY_TWO:
            done = change.run(_marked(actor, how), target, {**values, "seen": seen})
            return Outcome(done, alone=how is Mode.ALONE)
        same = Proposal.objects.filter(kind=kind, target=target, values=values, proposed_by=user, state=State.WAITING)
        if again := same.first():
            return Outcome(target, again)
        try:
            with transaction.atomic():
                proposal = Proposal.objects.create(
                    kind=kind,
                    subject=subject,
                    target=target,
                    name=name,
                    values=values,
                    before=before,
                    after=after,
                    proposed_by=user,
                    proposed_at=timezone.now(),
                )
        except IntegrityError:
            raise InvalidTransition(f"Somebody else proposed a change of {name} meanwhile. Look at it.") from None
        event = record("proposal.made", actor=actor, data={**_about(proposal), "changes": proposal.changes})
        others = second_person.confirmers(user, change.permission).values_list("pk", flat=True)
        text = f"{user.username} proposed it. It takes effect once another administrator confirms it."
        _tell(event, proposal, "Waits for a second administrator", text, people=others)
    return Outcome(target, proposal)


def _tried(change: Change, actor: Actor, target: int | None, values: Values) -> tuple[Look, Look]:
    """How the target looks, and how it would: the verb is run and taken back, with its events and its messages."""
    before, after = change.look(target), Look()
    try:
        with transaction.atomic():
            after = change.look(change.run(actor, target, values))
            raise _TakenBack
    except _TakenBack:
        return before, after


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
        by = proposal.proposed_by.get_username()
        raise NotAllowed(f"{by} added you, or set your address or a password link for you, so you can't confirm it.")


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
    data = {**_about(proposal), "proposed_by": proposal.proposed_by.get_username(), "reason": why}
    event = record(f"proposal.{state}", actor=actor, data={**data, "changes": proposal.changes})
    if proposal.proposed_by_id != actor.id:
        said = State(state).label
        text = f"{said} by {actor.name}.{f' {why}' if why else ''}"
        _tell(event, proposal, said, text, people=[proposal.proposed_by_id])
    return proposal


def _about(proposal: Proposal) -> dict[str, Any]:
    return {"proposal": proposal.pk, "what": proposal.title}


def _tell(event: AuditEvent, proposal: Proposal, subject: str, text: str, *, people: Iterable[int]) -> None:
    notice = Notice(
        event=event.pk,
        kind=Message.PROPOSAL,
        request=0,
        round=0,
        subject=f"[amicopy] {subject}: {proposal.title}",
        text=f"{proposal.title}\n\n{text}\n\nThe page says what would change, and what became of it.",
        path=reverse("changes"),
        payload={
            "type": event.action,
            "event": event.pk,
            "at": event.at.isoformat(),
            "actor": event.actor,
            "what": proposal.title,
        },
    )
    outbox.put(notice, people=people)


def _marked(actor: Actor, how: Mode) -> Actor:
    """The actor of a change that nobody else could confirm: its events say so."""
    if how is not Mode.ALONE:
        return actor
    return replace(actor, also={"at_once": "there is only one administrator"})


def _waiting(subject: str, target: int) -> QuerySet[Proposal]:
    waiting = Proposal.objects.filter(subject=subject, target=target, state=State.WAITING)
    return waiting.select_related("proposed_by")
