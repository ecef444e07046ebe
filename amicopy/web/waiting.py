"""What waits for a person's decision, and for others'."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery

from amicopy.copies.approval import voters
from amicopy.copies.models import CopyRequest, CopyRequestQuerySet, Decision
from amicopy.copies.states import RequestState

# The oldest so many pending requests are looked at; who has more waiting has work enough.
MOST = 300


def pending(user: User) -> CopyRequestQuerySet:
    """Every request somebody has to decide on that this person may see, the oldest first."""
    return CopyRequest.objects.visible_to(user).filter(state=RequestState.PENDING).order_by("submitted_at", "pk")


def waiting_numbers(user: User) -> set[int]:
    """The numbers of the pending requests that this person's vote would bring on; none for whoever may not decide."""
    if not user.has_perm("copies.decide_request"):
        return set()
    columns = ("requester_id", "plan", "votes_from_round", "content_hash", "round")
    return voters.waiting_for(user, list(pending(user).exclude(requester=user).only(*columns)[:MOST]))


def waiting_for(user: User) -> CopyRequestQuerySet:
    """The pending requests that wait for this person."""
    return pending(user).filter(pk__in=waiting_numbers(user))


def waiting_for_others(user: User) -> CopyRequestQuerySet:
    """The other pending requests: the person's own, and those that don't need their vote."""
    return pending(user).exclude(pk__in=waiting_numbers(user))


def decided_by(user: User) -> CopyRequestQuerySet:
    """The requests this person has decided on, the latest first."""
    mine = Decision.objects.filter(request=OuterRef("pk"), decided_by=user).order_by("-decided_at")
    rows = CopyRequest.objects.visible_to(user).annotate(my_decision_at=Subquery(mine.values("decided_at")[:1]))
    return rows.filter(my_decision_at__isnull=False).order_by("-my_decision_at", "-pk")


def decisions_that_stand(row: CopyRequest) -> list[Decision]:
    """The decisions on the request's present content and rounds, the oldest first; from prefetched ones."""
    return [decision for decision in row.decisions.all() if decision.round >= row.votes_from_round]


def voted(user: User, decisions: Iterable[Decision], row: CopyRequest) -> bool:
    """Whether the person has decided in the request's present round."""
    return any(each.decided_by_id == user.pk and each.round == row.round for each in decisions)
