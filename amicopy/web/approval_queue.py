"""What waits for a person's decision, and for others'."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import Exists, F, FilteredRelation, OuterRef, Q
from django.http import HttpRequest

from amicopy.copies.core.models import CopyRequest, CopyRequestQuerySet, Decision
from amicopy.copies.core.states import RequestState
from amicopy.copies.voting.pending_votes import Wanted
from amicopy.web.actor import signed_in


def pending(user: User) -> CopyRequestQuerySet:
    """Every request somebody has to decide on that this person may see, the oldest first."""
    # Nobody has decided on what is pending: by that its index is found.
    rows = CopyRequest.objects.visible_to(user).filter(state=RequestState.PENDING, decided_by__isnull=True)
    return rows.order_by("submitted_at", "pk")


def wanted(request: HttpRequest) -> Wanted:
    """What waits for whoever asks, found out once for a page and its menu."""
    found: Wanted | None = getattr(request, "wanted_votes", None)
    if found is None:
        user = signed_in(request)
        found = request.wanted_votes = Wanted(user, pending(user))  # type: ignore[attr-defined]
    return found


def waiting_for(waits: Wanted) -> CopyRequestQuerySet:
    """The pending requests that wait for the person."""
    return waits.pending.filter(waits.condition)


def waiting_for_others(waits: Wanted) -> CopyRequestQuerySet:
    """The other pending requests: the person's own, and those that don't need their vote."""
    return waits.pending.exclude(waits.condition)


def decided_by(user: User) -> CopyRequestQuerySet:
    """The requests this person has decided on, with the time of their last decision on each, the latest first. From
    their decisions, which are found by an index, and not from the requests."""
    later = Decision.objects.filter(
        Q(decided_at__gt=OuterRef("mine__decided_at"))
        | Q(decided_at=OuterRef("mine__decided_at"), pk__gt=OuterRef("mine__pk")),
        request=OuterRef("pk"),
        decided_by=user,
    )
    rows = CopyRequest.objects.visible_to(user).annotate(
        mine=FilteredRelation("decisions", condition=Q(decisions__decided_by=user))
    )
    rows = rows.filter(~Exists(later), mine__isnull=False).annotate(my_decision_at=F("mine__decided_at"))
    return rows.order_by("-my_decision_at", "-pk")  # type: ignore[misc]  # annotated


def decisions_that_stand(row: CopyRequest) -> list[Decision]:
    """The decisions on the request's present content and rounds, the oldest first; from prefetched ones."""
    return [decision for decision in row.decisions.all() if decision.round >= row.votes_from_round]


def voted(user: User, decisions: Iterable[Decision], row: CopyRequest) -> bool:
    """Whether the person has decided in the request's present round."""
    return any(each.decided_by_id == user.pk and each.round == row.round for each in decisions)
