"""Leftovers, for administrators: what failed and cancelled copies left at AWS, and removing it."""

from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.engine_models import LeftoverLook, SeenLeftover
from amicopy.copies.engine import leftover_jobs
from amicopy.web import strip
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.request_filters import row_number


@require_GET
def leftover_list(request: HttpRequest) -> HttpResponse:
    """What the last look found, by account and Region; asked for by htmx, only the part that changes by itself."""
    permissions.check_remove_leftovers(signed_in(request))
    if getattr(request, "htmx", False):
        return strip.appended(request, render(request, "leftovers/_list.html", _context()))
    return render(request, "leftovers/list.html", _context())


@require_POST
def look(request: HttpRequest) -> HttpResponse:
    """Has a worker look now; the page says when it has."""
    leftover_jobs.ask(actor_of(request))
    messages.success(request, "Looking at AWS. What is found appears here by itself.")
    return redirect("leftovers")


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """First says what goes, then has it removed."""
    permissions.check_remove_leftovers(signed_in(request))
    chosen = [number for text in request.POST.getlist("leftover") if (number := row_number(text)) is not None]
    rows = SeenLeftover.objects.filter(pk__in=chosen, removing_since__isnull=True).select_related("account", "copy")
    if not rows:
        messages.error(request, "Choose what to remove. Nothing of it is left here to be removed now.")
        return redirect("leftovers")
    if request.POST.get("confirm") != "yes":
        return render(request, "leftovers/remove.html", {"rows": rows, "gib": sum(row.gib for row in rows)})
    taken = leftover_jobs.choose(actor_of(request), [row.pk for row in rows])
    count = "1 leftover is" if len(taken) == 1 else f"{len(taken)} leftovers are"
    messages.success(request, f"{count} being removed. They disappear from here once they are gone at AWS.")
    return redirect("leftovers")


def _context() -> dict[str, Any]:
    rows = SeenLeftover.objects.select_related("account", "copy")
    places = [
        {"account": account, "region": region, "rows": found, "gib": sum(row.gib for row in found)}
        for (account, region), group in groupby(rows, key=lambda row: (row.account, row.DestinationRegion))
        for found in [list(group)]
    ]
    looks = list(LeftoverLook.objects.filter(account__enabled=True).select_related("account"))
    looked = [look.looked_at for look in looks if look.looked_at is not None]
    return {
        "places": places,
        "gib": sum(place["gib"] for place in places),
        "count": sum(len(place["rows"]) for place in places),
        "removable": any(row.removing_since is None for place in places for row in place["rows"]),
        "oldest": min(looked) if looked else None,
        "pending": any(look.pending for look in looks),
        "live": any(look.pending for look in looks)
        or any(row.removing_since is not None for place in places for row in place["rows"]),
        "dark": [(look.account, place) for look in looks for place in look.unreachable],
    }
