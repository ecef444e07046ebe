"""Service accounts, for those who manage people: all of them, a new one, and who owns one. Roles and switching are on
the page of each, as for people."""

from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.power_models import ServiceAccount
from amicopy.copies.operations import proposals
from amicopy.web import changes
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.people_form import ServiceForm
from amicopy.web.request_filters import row_number
from amicopy.web.views.people import done, find


@require_http_methods(["GET", "POST"])
def service_list(request: HttpRequest) -> HttpResponse:
    """All service accounts, and the form that adds one."""
    reader = signed_in(request)
    permissions.check_manage_people(reader)
    form = ServiceForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        typed = form.cleaned_data
        owners = list(typed["owners"])
        try:
            outcome = proposals.add_service(
                actor_of(request),
                name=typed["username"],
                owners=owners,
                roles=typed["roles"],
                teams=list(typed["teams"]),
            )
        except ValidationError as refused:
            form.refuse(refused)
        else:
            words = f"{typed['username']} is added. Its owners make its tokens under My account, API tokens."
            changes.say(request, outcome, words)
            return redirect("person", User.objects.get(username=typed["username"]).pk)
    rows = ServiceAccount.objects.select_related("user").prefetch_related("owners", "teams", "user__groups")
    context = {"form": form, "services": rows, "how": changes.how(reader, "copies.manage_people")}
    return render(request, "people/services.html", context, status=422 if form.errors else 200)


@require_POST
def set_owners(request: HttpRequest, pk: int) -> HttpResponse:
    """Makes those who are ticked the owners."""
    permissions.check_manage_people(signed_in(request))
    user = find(pk)
    owners = list(User.objects.filter(pk__in=_numbers(request, "owners")))
    owning = list(Group.objects.filter(pk__in=_numbers(request, "teams")))
    try:
        outcome = done(request, lambda: proposals.set_owners(actor_of(request), pk, owners, owning))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("person", pk)
    if outcome:
        changes.say(request, outcome, f"{user.username} is saved.")
    return redirect("person", pk)


def _numbers(request: HttpRequest, name: str) -> list[int]:
    """The rows that were ticked."""
    return [number for text in request.POST.getlist(name) if (number := row_number(text))]
