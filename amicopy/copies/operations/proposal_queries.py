"""The proposals that there are, for whoever may see them."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import QuerySet

from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.operations.proposed_changes import CHANGES

State = Proposal.State
PERMISSIONS = ("copies.manage_rules", "copies.manage_people", "copies.manage_accounts")


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


def waiting_for(user: User) -> int:
    """How many proposals of others wait that this person may decide on."""
    return visible_to(user).filter(state=State.WAITING).exclude(proposed_by=user).count() if may_see(user) else 0


def waiting_on(subject: str, targets: Iterable[int] | None = None) -> dict[int, Proposal]:
    """The open proposal of each of these targets, or of all of a subject, by the target's number."""
    found = Proposal.objects.filter(subject=subject, state=State.WAITING, target__isnull=False)
    found = found if targets is None else found.filter(target__in=targets)
    return {proposal.target: proposal for proposal in found.select_related("proposed_by") if proposal.target}


def waiting_for_target(subject: str, target: int) -> QuerySet[Proposal]:
    """The proposals to change this target that nobody has decided on."""
    waiting = Proposal.objects.filter(subject=subject, target=target, state=State.WAITING)
    return waiting.select_related("proposed_by")
