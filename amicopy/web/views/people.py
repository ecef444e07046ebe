"""People and their roles, for administrators; and the page on which a person sets their own password."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordResetConfirmView
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.roles import ROLES
from amicopy.copies.operations import people
from amicopy.web import undo_links
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.client_address import address_of
from amicopy.web.forms.people_form import EmailForm, PersonForm
from amicopy.web.request_filters import BIG


@dataclass(frozen=True)
class PersonRow:
    """Somebody in the list; `own` is the reader. `roles` are in words."""

    user: User
    own: bool
    roles: list[str]


@require_http_methods(["GET", "POST"])
def people_list(request: HttpRequest) -> HttpResponse:
    """Everybody, and the form that adds somebody."""
    reader = signed_in(request)
    permissions.check_manage_people(reader)
    form = PersonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        typed = form.cleaned_data
        try:
            user = people.add(actor_of(request), name=typed["username"], email=typed["email"], roles=typed["roles"])
        except ValidationError as refused:
            for name, said in refused.message_dict.items():
                form.add_error(name if name in form.fields else None, said)
        else:
            messages.success(request, f"{user.username} is added. Make the link with which they set a password.")
            return redirect("person", user.pk)
    users = User.objects.prefetch_related("groups").order_by("-is_active", "username")
    context = {"form": form, "everybody": [PersonRow(user, user == reader, _roles(user)) for user in users]}
    return render(request, "people/list.html", context, status=422 if form.errors else 200)


def _roles(user: User) -> list[str]:
    names = [group.name[:1].upper() + group.name[1:] for group in user.groups.all()]
    return ["Superuser", *names] if user.is_superuser else names


@require_GET
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One person, their roles, and what can be done."""
    permissions.check_manage_people(signed_in(request))
    return _page(request, _find(pk))


@require_POST
def set_email(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_people(signed_in(request))
    user, form = _find(pk), EmailForm(request.POST)
    if form.is_valid():
        try:
            people.set_email(actor_of(request), pk, form.cleaned_data["email"])
        except ValidationError as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{user.username} is saved.")
            return redirect("person", pk)
    return _page(request, user, form=form)


@require_POST
def set_roles(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_people(signed_in(request))
    user = _find(pk)
    if _done(request, lambda: people.set_roles(actor_of(request), pk, request.POST.getlist("roles"))):
        messages.success(request, f"{user.username} is saved.")
    return redirect("person", pk)


@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_people(signed_in(request))
    user, on = _find(pk), request.POST.get("to") == "on"
    words = f"{user.username} is switched {'on' if on else 'off'}."
    if _done(request, lambda: people.switch(actor_of(request), pk, on=on)):
        if user.is_active == on:
            messages.success(request, words)
        else:
            undo_links.say(request, words, address=reverse("person-switch", args=[pk]), to="off" if on else "on")
    return redirect("person", pk)


@require_POST
def password_link(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows the link once; it is stored nowhere."""
    permissions.check_manage_people(signed_in(request))
    user = _find(pk)
    try:
        parts = people.password_link(actor_of(request), pk)
    except NotAllowed as refused:
        messages.error(request, str(refused))
        return redirect("person", pk)
    answer = _page(request, user, link=request.build_absolute_uri(reverse("password-set", args=parts)))
    answer["Cache-Control"] = "private, no-store"
    return answer


@method_decorator(login_not_required, name="dispatch")
class SetPassword(PasswordResetConfirmView):
    """Django's own, with an audit event: whoever has the link sets the password, once."""

    template_name = "people/password.html"
    success_url = reverse_lazy("sign-in")

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        actor = Actor(name=form.user.username, source="page", id=form.user.pk, address=address_of(self.request))
        with transaction.atomic():
            record("person.password_set", actor=actor, data={"person": form.user.username, "person_id": form.user.pk})
            answer = super().form_valid(form)
        messages.success(self.request, "Your password is set. Sign in with it.")
        return answer

    def form_invalid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


def _page(request: HttpRequest, user: User, *, link: str = "", form: EmailForm | None = None) -> HttpResponse:
    held = set(user.groups.values_list("name", flat=True))
    context: dict[str, Any] = {
        "person": user,
        "own": user.pk == signed_in(request).pk,
        "roles": [(role, role in held) for role in ROLES],
        "link": link,
        "form": form or EmailForm(initial={"email": user.email}),
    }
    return render(request, "people/person.html", context, status=422 if form else 200)


def _done(request: HttpRequest, verb: Callable[[], object]) -> bool:
    """Whether the verb did it; where it refused, the page says why."""
    try:
        verb()
    except NotAllowed as refused:
        messages.error(request, str(refused))
        return False
    return True


def _find(pk: int) -> User:
    user = User.objects.filter(pk=pk).first() if pk < BIG else None
    if user is None:
        raise Http404(f"There is no person {pk}.")
    return user
