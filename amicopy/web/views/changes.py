"""Changes that wait for another administrator: what they are about, and the decision on them."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import proposal_decisions, proposal_queries
from amicopy.copies.operations.proposal_queries import PERMISSIONS
from amicopy.web import changes
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.event_details import Difference
from amicopy.web.request_filters import BIG
from amicopy.web.status import Status
from amicopy.web.typed_reason import reason_of

State = Proposal.State
# What was decided stays in the history; the latest are enough to see what became of one's own.
MOST_PAST = 20
STATUSES = {
    State.CONFIRMED: ("ok", "ok"),
    State.REJECTED: ("fail", "x"),
    State.WITHDRAWN: ("idle", "stop"),
    State.LAPSED: ("warn", "warn"),
}


@dataclass(frozen=True)
class ChangeRow:
    """A proposal that waits, with its difference: `own` can be withdrawn, others decided on unless `why_not`."""

    proposal: Proposal
    differences: list[Difference]
    own: bool
    why_not: str


@dataclass(frozen=True)
class PastRow:
    proposal: Proposal
    status: Status


@require_GET
def change_list(request: HttpRequest) -> HttpResponse:
    """What waits, the oldest first, and what was decided last."""
    user = signed_in(request)
    proposal_queries.check_see(user)
    seen = proposal_queries.visible_to(user)
    waiting = [
        ChangeRow(
            proposal,
            changes.differences_of(proposal),
            proposal.proposed_by_id == user.pk,
            proposal_decisions.why_not(user, proposal),
        )
        for proposal in seen.filter(state=State.WAITING).order_by("pk")
    ]
    past = seen.exclude(state=State.WAITING).order_by("-decided_at", "-pk")[:MOST_PAST]
    context = {
        "waiting": waiting,
        "past": [PastRow(each, Status(*STATUSES[State(each.state)], each.get_state_display())) for each in past],
        "how": next(filter(None, (changes.how(user, name) for name in PERMISSIONS if user.has_perm(name))), ""),
    }
    return render(request, "changes/list.html", context)


@require_POST
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    return _decide(request, pk, lambda: proposal_decisions.confirm(actor_of(request), pk))


@require_POST
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    return _decide(request, pk, lambda: proposal_decisions.reject(actor_of(request), pk, reason=reason_of(request)))


@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    return _decide(request, pk, lambda: proposal_decisions.withdraw(actor_of(request), pk))


def _decide(request: HttpRequest, pk: int, verb: Callable[[], Proposal]) -> HttpResponse:
    """Runs one verb and says what came of it; a refusal is a message, never an error page."""
    user = signed_in(request)
    proposal_queries.check_see(user)
    if pk >= BIG or not proposal_queries.visible_to(user).filter(pk=pk).exists():
        raise Http404(f"There is no proposed change {pk} that you may see.")
    try:
        done = verb()
    except InvalidTransition as overtaken:
        messages.info(request, str(overtaken))
    except NotAllowed as refused:
        messages.error(request, str(refused))
    except InvalidRequest as invalid:
        messages.error(request, " ".join(error.message for error in invalid.errors))
    else:
        if done.state == State.LAPSED:
            messages.error(request, f"{done.title}: it was out of date, and nothing has changed. {done.why}")
        elif done.state == State.CONFIRMED:
            messages.success(request, f"{done.title}: confirmed. It counts from now on.")
        else:
            messages.success(request, f"{done.title}: {done.get_state_display().lower()}. Nothing has changed.")
    return redirect("changes")
