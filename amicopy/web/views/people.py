"""People and their roles, for administrators; and the page on which a person sets their own password."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, PasswordResetConfirmView
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amicopy.audit.actor import Actor
from amicopy.client_address import address_of
from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.roles import OF_SERVICES, ROLES
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import (
    confirmations,
    password_links,
    people,
    proposal_queries,
    proposals,
    second_factors,
    services,
)
from amicopy.copies.operations.proposals import Mode
from amicopy.copies.voting import power
from amicopy.web import changes, numbered_pages, role_words, sessions, undo_links
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.people_form import EmailForm, PersonForm, owner_boxes, owning_boxes
from amicopy.web.request_filters import BIG
from amicopy.web.undo_links import Undo

T = TypeVar("T")
# So much of what a person was given is on their page, the latest first.
MOST_GRANTS = 20


@dataclass(frozen=True)
class PersonRow:
    """Somebody in the list; `own` is the reader. `roles` are in words, `waits_for` who gave what nobody has
    confirmed."""

    user: User
    own: bool
    roles: list[str]
    teams: list[Group]
    waits_for: str
    # What they changed alone: the rules, a freeze.
    changed_alone: bool


@require_http_methods(["GET", "POST"])
def people_list(request: HttpRequest) -> HttpResponse:
    """Everybody, and the form that adds somebody."""
    reader = signed_in(request)
    permissions.check_manage_people(reader)
    form = PersonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        typed = form.cleaned_data
        try:
            outcome = proposals.add_person(
                actor_of(request), name=typed["username"], email=typed["email"], roles=typed["roles"]
            )
        except ValidationError as refused:
            form.refuse(refused)
        else:
            words = f"{typed['username']} is added. Make the link with which they set a password."
            if outcome.proposal:
                messages.success(request, words)
            changes.say(request, outcome, words)
            return redirect("person", outcome.target)
    users = User.objects.filter(service=None).prefetch_related("groups").order_by("-is_active", "username")
    text = numbered_pages.asked(request)
    page = numbered_pages.page_of(users.filter(username__icontains=text) if text else users, request)
    givers: dict[int | None, list[str]] = {}
    alone = set[int]()
    for grant in Grant.objects.filter(confirmed_at__isnull=True).select_related("given_by"):
        if grant.person_id is None:
            alone.add(grant.given_by_id)
        else:
            givers.setdefault(grant.person_id, []).append(grant.given_by.username)
    everybody = [
        PersonRow(
            user,
            user == reader,
            _roles(user),
            _teams(user),
            ", ".join(dict.fromkeys(givers.get(user.pk, ()))),
            user.pk in alone,
        )
        for user in page.rows
    ]
    context = {
        "form": form,
        "everybody": everybody,
        "page": page,
        "waiting": bool(givers),
        "how": changes.how(reader, "copies.manage_people"),
    }
    return render(request, "people/list.html", context, status=422 if form.errors else 200)


def _roles(user: User) -> list[str]:
    names = [group.name[:1].upper() + group.name[1:] for group in user.groups.all() if group.name in ROLES]
    return ["Superuser", *names] if user.is_superuser else names


def _teams(user: User) -> list[Group]:
    return [group for group in user.groups.all() if group.name not in ROLES]


@require_GET
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One person, their roles, and what can be done."""
    permissions.check_manage_people(signed_in(request))
    return _page(request, find(pk))


@require_POST
def set_email(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_people(signed_in(request))
    user, form = find(pk), EmailForm(request.POST)
    if form.is_valid():
        try:
            people.set_email(actor_of(request), pk, form.cleaned_data["email"])
        except ValidationError as refused:
            form.refuse(refused)
        except NotAllowed as refused:
            messages.error(request, str(refused))
            return redirect("person", pk)
        else:
            messages.success(request, f"{user.username} is saved.")
            return redirect("person", pk)
    return _page(request, user, form=form)


@require_POST
def set_roles(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_people(signed_in(request))
    user = find(pk)
    roles = request.POST.getlist("roles")
    outcome = done(request, lambda: proposals.set_roles(actor_of(request), pk, roles))
    if outcome:
        changes.say(request, outcome, f"{user.username} is saved.")
    return redirect("person", pk)


@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    reader = signed_in(request)
    permissions.check_manage_people(reader)
    user, on = find(pk), request.POST.get("to") == "on"
    words = f"{user.username} is switched {'on' if on else 'off'}."
    with transaction.atomic():
        outcome = done(request, lambda: proposals.switch_person(actor_of(request), pk, on=on))
        if outcome and not on:
            sessions.end_all(actor_of(request), user)
    if not outcome:
        return redirect("person", pk)
    if user.is_active == on or outcome.proposal or outcome.alone:
        undo = Undo(reverse("person-switch", args=[pk]), {"to": "off"}) if user.is_active != on else None
        changes.say(request, outcome, words, undo=undo)
    elif not on and proposals.mode(reader, "copies.manage_people") is Mode.BY_TWO:
        messages.success(request, f"{words} Switching them on again takes another administrator.")
    else:
        undo_links.say(request, words, address=reverse("person-switch", args=[pk]), to="off" if on else "on")
    return redirect("person", pk)


@require_POST
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Stands for what somebody was given by others."""
    permissions.check_manage_people(signed_in(request))
    user = find(pk)
    if done(request, lambda: confirmations.confirm(actor_of(request), pk)):
        messages.success(request, f"{user.username} is confirmed.")
    return redirect("person", pk)


@require_POST
def reset_factors(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes all second factors from somebody who has lost theirs, and ends their sessions."""
    permissions.check_manage_people(signed_in(request))
    user = find(pk)
    with transaction.atomic():
        if done(request, lambda: second_factors.reset(actor_of(request), pk)):
            sessions.end_all(actor_of(request), user)
            messages.success(
                request, f"{user.username} has no second factor any more: the password alone lets them in."
            )
    return redirect("person", pk)


@require_POST
def password_link(request: HttpRequest, pk: int) -> HttpResponse:
    """Has the link mailed to the person, or shows it once where they can't be written to; it is stored nowhere."""
    permissions.check_manage_people(signed_in(request))
    user = find(pk)
    try:
        parts = people.password_link(actor_of(request), pk)
    except NotAllowed as refused:
        messages.error(request, str(refused))
        return redirect("person", pk)
    if parts is None:
        messages.success(request, f"A link is on its way to {user.email}. Nobody else sees it.")
        return redirect("person", pk)
    answer = _page(request, user, link=request.build_absolute_uri(reverse("password-set", args=parts)))
    answer["Cache-Control"] = "private, no-store"
    return answer


@method_decorator(login_not_required, name="dispatch")
class SetPassword(PasswordResetConfirmView):
    """Django's own, with links of ours: whoever has the link sets the password, once."""

    template_name = "people/password.html"
    success_url = reverse_lazy("sign-in")
    token_generator = password_links.Tokens()

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        user = form.user
        actor = Actor(name=user.username, source="page", id=user.pk, address=address_of(self.request))
        token = str(self.request.session[INTERNAL_RESET_SESSION_TOKEN])
        try:
            with transaction.atomic():
                password_links.use(user, token, actor=actor)
                answer = super().form_valid(form)
                sessions.end_all(actor, user)
        except NotAllowed as refused:
            messages.error(self.request, str(refused))
            return redirect("sign-in")
        messages.success(self.request, "Your password is set. Sign in with it.")
        return answer

    def form_invalid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


def _page(request: HttpRequest, user: User, *, link: str = "", form: EmailForm | None = None) -> HttpResponse:
    held, reader = set(user.groups.values_list("name", flat=True)), signed_in(request)
    service = permissions.service_of(user)
    theirs = Q(person=user) | Q(person__isnull=True, given_by=user)
    grants = list(Grant.objects.filter(theirs).select_related("given_by", "confirmed_by").order_by("-pk")[:MOST_GRANTS])
    waiting = power.open_grants(user)
    given = [grant.given_by.username for grant in waiting if grant.person_id is not None]
    context: dict[str, Any] = {
        "person": user,
        "own": user == reader,
        "others": user.is_superuser and not reader.is_superuser,
        "grants": [{"grant": grant, "words": _words(grant)} for grant in grants],
        "waiting": ", ".join(dict.fromkeys(given)),
        "changed_alone": len(given) < len(waiting),
        "way_out": power.way_out(user) if waiting else "",
        "may_confirm": user != reader and confirmations.could(reader, user, waiting),
        "factors": second_factors.of(user),
        "codes_left": second_factors.codes_left(user),
        "mailed": settings.EMAIL_ON and bool(user.email),
        "roles": [(role, role_words.WORDS[role], role in held) for role in (OF_SERVICES if service else ROLES)],
        "teams": user.groups.exclude(name__in=ROLES).order_by("name"),
        "service": service,
        "owners": owner_boxes(services.owners_themselves(service)) if service else [],
        "owning": owning_boxes(service) if service else [],
        "link": link,
        "waits": proposal_queries.waiting_on("person", [user.pk]).get(user.pk),
        "form": form or EmailForm(initial={"email": user.email}),
    }
    return render(request, "people/person.html", context, status=422 if form else 200)


def _words(grant: Grant) -> str:
    """What somebody was given."""
    nouns = {Grant.Kind.ROLE.value: "The role", Grant.Kind.TEAM.value: "Being in team"}
    return f"{nouns[grant.kind]} {grant.detail}" if grant.kind in nouns else grant.get_kind_display()


def done(request: HttpRequest, verb: Callable[[], T]) -> T | None:
    """What became of it; None where the verb refused, and the page says why."""
    try:
        return verb()
    except (NotAllowed, InvalidTransition) as refused:
        messages.error(request, str(refused))
        return None


def find(pk: int) -> User:
    """The person, or the service. Raises Http404."""
    user = User.objects.filter(pk=pk).first() if pk < BIG else None
    if user is None:
        raise Http404(f"There is no person {pk}.")
    return user
