"""What waits for a person's decision, and for others'."""

from collections.abc import Collection, Iterable

from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery

from amicopy.copies.core.models import CopyRequest, CopyRequestQuerySet, Decision
from amicopy.copies.core.states import RequestState
from amicopy.copies.voting import voters


def pending(user: User) -> CopyRequestQuerySet:
    """Every request somebody has to decide on that this person may see, the oldest first."""
    return CopyRequest.objects.visible_to(user).filter(state=RequestState.PENDING).order_by("submitted_at", "pk")


def waiting_numbers(user: User) -> set[int]:
    """The numbers of the pending requests that this person's vote would bring on; none for whoever may not decide.

    All that are pending are looked at, in a fixed number of statements and some 20 µs each: were the newest left out,
    a person could be told that nothing waits for them while something does.
    """
    if not user.has_perm("copies.decide_request"):
        return set()
    columns = ("requester_id", "plan", "votes_from_round", "content_hash", "round")
    return voters.waiting_for(user, list(pending(user).exclude(requester=user).only(*columns)))


def waiting_for(user: User, numbers: Collection[int]) -> CopyRequestQuerySet:
    """The pending requests that wait for this person; `numbers` are those of `waiting_numbers`."""
    return pending(user).filter(pk__in=numbers)


def waiting_for_others(user: User, numbers: Collection[int]) -> CopyRequestQuerySet:
    """The other pending requests: the person's own, and those that don't need their vote."""
    return pending(user).exclude(pk__in=numbers)


def decided_by(user: User) -> CopyRequestQuerySet:
    """The requests this person has decided on, with the time of their last decision on each, the latest first."""
    mine = Decision.objects.filter(request=OuterRef("pk"), decided_by=user).order_by("-decided_at")
    rows = CopyRequest.objects.visible_to(user).annotate(my_decision_at=Subquery(mine.values("decided_at")[:1]))
    return rows.filter(my_decision_at__isnull=False).order_by("-my_decision_at", "-pk")


def decisions_that_stand(row: CopyRequest) -> list[Decision]:
    """The decisions on the request's present content and rounds, the oldest first; from prefetched ones."""
    return [decision for decision in row.decisions.all() if decision.round >= row.votes_from_round]


def voted(user: User, decisions: Iterable[Decision], row: CopyRequest) -> bool:
    """Whether the person has decided in the request's present round."""
    return any(each.decided_by_id == user.pk and each.round == row.round for each in decisions)
