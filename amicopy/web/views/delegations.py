"""Handing the right to decide to somebody else for a time: one's own, and for administrators everybody's."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.policy_models import Delegation
from amicopy.copies.core.roles import ROLES
from amicopy.copies.requests import delegation_actions
from amicopy.copies.voting import voters
from amicopy.web import undo_links
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.policy_forms import DelegationForm
from amicopy.web.request_filters import BIG

MOST_PAST, MOST_NAMED = 20, 5


@dataclass(frozen=True)
class Row:
    """A delegation that counts now. Of one to a group: who could give the vote, in words; `gone` where the group isn't
    there any more."""

    delegation: Delegation
    may_end: bool
    is_role: bool
    able: str
    gone: bool


@require_http_methods(["GET", "POST"])
def delegations(request: HttpRequest) -> HttpResponse:
    """GET lists those the person may see, with the form to make one; POST makes one."""
    user = signed_in(request)
    permissions.check_see_delegations(user)
    may_delegate = user.has_perm("copies.decide_request")
    form = DelegationForm(request.POST if request.method == "POST" else None, giver=user)
    if request.method == "POST" and not may_delegate:
        raise permissions.NotAllowed("You can't hand over what you can't do. Only who may decide can delegate.")
    if form.is_valid():
        cleaned = form.cleaned_data
        try:
            made = delegation_actions.delegate(
                actor_of(request), receiver=cleaned["receiver"], until=cleaned["until"], reason=cleaned["reason"]
            )
        except InvalidRequest as invalid:
            for error in invalid.errors:
                form.add_error(error.field, error.message)
        else:
            who = f"Whoever is in {made.to}" if made.group else made.to
            words = f"{who} can give your vote now. You keep it too; the first one counts."
            undo_links.say(request, words, address=reverse("delegation-end", args=[made.pk]))
            return redirect("delegations")
    now = timezone.now()
    seen = delegation_actions.visible_to(user).select_related("giver", "receiver", "group").distinct()
    context = {
        "form": form,
        "may_delegate": may_delegate,
        "sees_all": user.has_perm("copies.manage_rules"),
        "running": [_row(user, each) for each in seen.filter(until__gt=now)],
        "past": seen.filter(until__lte=now).order_by("-until")[:MOST_PAST],
    }
    return render(request, "delegations/list.html", context, status=422 if form.errors else 200)


def _row(user: User, delegation: Delegation) -> Row:
    group, giver = delegation.group, delegation.giver_id
    able = voters.deciders_in(group).exclude(pk=giver).order_by("username") if group else User.objects.none()
    names = list(able.values_list("username", flat=True))
    more = [f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return Row(
        delegation=delegation,
        may_end=delegation_actions.may_end(user, delegation),
        is_role=bool(group and group.name in ROLES),
        able=", ".join([*names[:MOST_NAMED], *more]),
        gone=delegation.receiver is None and group is None,
    )


@require_POST
def end_delegation(request: HttpRequest, pk: int) -> HttpResponse:
    """Ends one that the person may see, now."""
    user = signed_in(request)
    permissions.check_see_delegations(user)
    before = delegation_actions.visible_to(user).filter(pk=pk).first() if pk < BIG else None
    if before is None:
        raise Http404(f"There is no delegation {pk} that you may see.")
    try:
        ended = delegation_actions.take_back(actor_of(request), pk)
    except Delegation.DoesNotExist as gone:
        raise Http404(f"There is no delegation {pk} that you may see.") from gone
    words = f"{ended.to} can't give {ended.giver.get_username()}'s vote any more. Votes already given stay."
    receiver = ended.receiver or ended.group
    if receiver and ended.giver_id == user.pk and before.until > ended.until:
        to = DelegationForm.value_of(receiver)
        again = {"receiver": to, "until": before.until.isoformat(), "reason": ended.reason}
        undo_links.say(request, words, address=reverse("delegations"), **again)
    else:
        # Only who gives a vote can hand it over, so nobody else can undo this; or there is nothing to hand it to.
        messages.success(request, words)
    return redirect("delegations")
