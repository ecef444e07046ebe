"""Views of the list of requests that people keep for themselves."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from amicopy.copies.core import permissions
from amicopy.web import undo_links
from amicopy.web.actor import signed_in
from amicopy.web.models import SavedView
from amicopy.web.request_filters import BIG, Search

# More would be a list to search in.
MOST = 20
LONGEST = 40


@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keeps the filters of an address under a name; a name that is taken gets the new filters."""
    user = signed_in(request)
    permissions.check_role(user)
    name = " ".join(request.POST.get("name", "").replace("\0", "").split())
    address = Search.of(QueryDict(request.POST.get("query", "").removeprefix("?")[:2000])).address()
    others = SavedView.objects.filter(person=user).exclude(name=name)
    if not name or len(name) > LONGEST:
        messages.error(request, f"Give the view a name of 1 to {LONGEST} characters.")
    elif others.filter(address=address).exists() or others.count() >= MOST:
        messages.error(request, f"This view is saved already, or you have {MOST}. Delete one first.")
    else:
        SavedView.objects.update_or_create(person=user, name=name, defaults={"address": address})
        messages.success(request, f"View “{name}” is saved. You find it beside the others.")
    return redirect(reverse("requests") + address)


@require_POST
def delete_view(request: HttpRequest, number: int) -> HttpResponse:
    """Forgets a view of the person's own. Its filters still apply to the page this leads to."""
    view = get_object_or_404(SavedView, pk=min(number, BIG - 1), person=signed_in(request))
    view.delete()
    words = f"View “{view.name}” is deleted. Its filters still apply here."
    undo_links.say(request, words, address=reverse("view-save"), name=view.name, query=view.address)
    return redirect(reverse("requests") + view.address)
