"""Freeze windows, for administrators: times in which approved copies wait."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.policy_models import FreezeWindow
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import proposal_queries, proposals
from amicopy.web import changes
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.policy_forms import FreezeForm
from amicopy.web.request_filters import BIG
from amicopy.web.undo_links import Undo

# Past windows are history; the latest are enough to look up what held a copy.
MOST_PAST = 20


@dataclass(frozen=True)
class Part:
    """A part of the list: its windows, what is said where there are `none`, and what can be done with each."""

    name: str
    title: str
    windows: QuerySet[FreezeWindow]
    none: str = ""
    can_end: bool = False
    editable: bool = True


@require_GET
def freeze_list(request: HttpRequest) -> HttpResponse:
    """The windows that run, those to come, and the latest that are over."""
    user = signed_in(request)
    permissions.check_manage_rules(user)
    now = timezone.now()
    windows = FreezeWindow.objects.select_related("account")
    running = windows.filter(starts_at__lte=now, ends_at__gt=now).order_by("ends_at")
    coming = windows.filter(starts_at__gt=now).order_by("starts_at")
    past = windows.filter(ends_at__lte=now).order_by("-ends_at")[:MOST_PAST]
    parts = [
        Part("running", "Running now", running, "Nothing is frozen.", can_end=True),
        Part("coming", "To come", coming, "No freeze is planned."),
    ]
    if past:
        parts.append(Part("past", "Over", past, editable=False))
    context = {
        "parts": parts,
        "waiting": list(proposal_queries.waiting_on("freeze").values()),
        "how": changes.how(user, "copies.manage_rules"),
    }
    return render(request, "freezes/list.html", context)


@require_http_methods(["GET", "POST"])
def new_freeze(request: HttpRequest) -> HttpResponse:
    return _edit(request, FreezeWindow())


@require_http_methods(["GET", "POST"])
def edit_freeze(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_rules(signed_in(request))
    return _edit(request, _find(pk))


@require_POST
def end_freeze(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_rules(signed_in(request))
    window = _find(pk)
    words = f"Freeze “{window.name}” is over. What it held starts within five minutes."
    undo = Undo(reverse("freeze", args=[pk]), FreezeForm.as_typed(window))
    changes.do(request, lambda: proposals.end_freeze(actor_of(request), window), words, undo=undo)
    return redirect("freezes")


@require_http_methods(["GET", "POST"])
def delete_freeze(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what happens; POST deletes."""
    permissions.check_manage_rules(signed_in(request))
    window = _find(pk)
    if request.method != "POST":
        return render(request, "freezes/delete.html", {"window": window, "running": _runs(window)})
    words = f"Freeze “{window.name}” is deleted."
    changes.do(request, lambda: proposals.delete_freeze(actor_of(request), window), words)
    return redirect("freezes")


def _find(pk: int) -> FreezeWindow:
    window = FreezeWindow.objects.select_related("account").filter(pk=pk).first() if pk < BIG else None
    if window is None:
        raise Http404(f"There is no freeze window {pk}.")
    return window


def _runs(window: FreezeWindow) -> bool:
    return window.starts_at <= timezone.now() < window.ends_at


def _edit(request: HttpRequest, window: FreezeWindow) -> HttpResponse:
    permissions.check_manage_rules(signed_in(request))
    new = window.pk is None
    form = FreezeForm(request.POST if request.method == "POST" else None, window=window)
    if form.is_valid():
        try:
            outcome = proposals.save_freeze(actor_of(request), form.changed_window())
        except ValidationError as refused:
            form.refuse(refused)
        except InvalidTransition as refused:
            messages.error(request, str(refused))
            return redirect("freezes")
        else:
            changes.say(request, outcome, f"Freeze “{window.name}” is {'added' if new else 'saved'}.")
            return redirect("freezes")
    waits = proposal_queries.waiting_on("freeze", [window.pk]).get(window.pk) if window.pk else None
    context = {"form": form, "window": window, "new": new, "waits": waits}
    return render(request, "freezes/edit.html", context, status=422 if form.errors else 200)
