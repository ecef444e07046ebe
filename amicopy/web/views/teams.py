"""Teams: for administrators all of them, for others those they own. Who is in one, who owns it and what uses it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.team_models import team_groups
from amicopy.copies.operations import proposal_queries, proposals, teams
from amicopy.copies.voting import team_power
from amicopy.copies.voting.team_power import Uses
from amicopy.web import changes
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.team_form import MemberForm, TeamForm
from amicopy.web.request_filters import BIG, row_number
from amicopy.web.views.people import done


@dataclass(frozen=True)
class TeamRow:
    """A team in the list, with how many are in it, who owns it and what uses it."""

    group: Group
    description: str
    members: int
    owners: str
    uses: Uses


@require_http_methods(["GET", "POST"])
def team_list(request: HttpRequest) -> HttpResponse:
    """The teams that the reader looks after, and the form that makes one."""
    reader = _reader(request)
    may_make = permissions.may_manage_people(reader)
    if request.method == "POST":
        permissions.check_manage_people(reader)
    form = TeamForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        typed = form.cleaned_data
        try:
            group = teams.add(
                actor_of(request), name=typed["name"], description=typed["description"], owners=list(typed["owners"])
            )
        except ValidationError as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{group.name} is made. Nobody is in it yet.")
            return redirect("team", group.pk)
    groups = team_groups() if may_make else team_groups().filter(team__owners=reader)
    found = list(groups.annotate(members=Count("user")).select_related("team").prefetch_related("team__owners"))
    uses = team_power.uses_of(found)
    context = {"form": form, "rows": [_row(group, uses[group.pk]) for group in found], "may_make": may_make}
    return render(request, "people/teams.html", context, status=422 if form.errors else 200)


def _row(group: Any, uses: Uses) -> TeamRow:
    team = getattr(group, "team", None)
    owners = ", ".join(sorted(owner.username for owner in team.owners.all())) if team else ""
    return TeamRow(group, team.description if team else "", group.members, owners, uses)


@require_http_methods(["GET", "POST"])
def team(request: HttpRequest, pk: int) -> HttpResponse:
    """One team; POST saves its name, what it is for, and its owners."""
    reader = _reader(request)
    group = _find(reader, pk)
    if request.method != "POST":
        return _page(request, group)
    permissions.check_manage_people(reader)
    form = TeamForm(request.POST)
    if form.is_valid():
        typed = form.cleaned_data
        try:
            saved = teams.save(
                actor_of(request),
                pk,
                name=typed["name"],
                description=typed["description"],
                owners=list(typed["owners"]),
            )
        except ValidationError as refused:
            form.refuse(refused)
        except NotAllowed as refused:
            form.add_error("name", str(refused))
        else:
            messages.success(request, f"{saved.name} is saved.")
            return redirect("team", pk)
    return _page(request, group, form=form)


@require_POST
def join(request: HttpRequest, pk: int) -> HttpResponse:
    """Puts somebody in, by their user name."""
    group = _find(_reader(request), pk)
    form = MemberForm(request.POST)
    if not form.is_valid():
        return _page(request, group, member_form=form)
    user = form.cleaned_data["username"]
    outcome = done(request, lambda: proposals.join_team(actor_of(request), group, user))
    if outcome:
        changes.say(request, outcome, f"{user.username} is in {group.name}.")
    return redirect("team", pk)


@require_POST
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes somebody out."""
    group = _find(_reader(request), pk)
    number = row_number(request.POST.get("person", ""))
    user = User.objects.filter(pk=number).first() if number else None
    if user is None:
        messages.error(request, "They aren't here any more.")
        return redirect("team", pk)
    outcome = done(request, lambda: proposals.leave_team(actor_of(request), group, user))
    if outcome:
        changes.say(request, outcome, f"{user.username} is out of {group.name}.")
    return redirect("team", pk)


@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Deletes a team that nothing uses."""
    reader = _reader(request)
    permissions.check_manage_people(reader)
    group = _find(reader, pk)
    try:
        teams.delete(actor_of(request), pk)
    except NotAllowed as refused:
        messages.error(request, str(refused))
        return redirect("team", pk)
    messages.success(request, f"{group.name} is deleted.")
    return redirect("teams")


def _reader(request: HttpRequest) -> User:
    """Who asks. Raises NotAllowed for whoever looks after no team."""
    reader = signed_in(request)
    if not permissions.may_manage_people(reader):
        permissions.check_role(reader)
        if not teams.owned_by(reader):
            raise NotAllowed("You own no team. Administrators make teams and say who owns them.")
    return reader


def _find(reader: User, pk: int) -> Group:
    """The team. Raises Http404 for one that the reader doesn't look after, too."""
    group = team_groups().filter(pk=pk).first() if pk < BIG else None
    if group is None or not (permissions.may_manage_people(reader) or group in teams.owned_by(reader)):
        raise Http404(f"There is no team {pk}.")
    return group


def _page(
    request: HttpRequest, group: Group, *, form: TeamForm | None = None, member_form: MemberForm | None = None
) -> HttpResponse:
    reader, uses, owners = signed_in(request), team_power.uses(group), teams.owners_of(group)
    members = list(group.user_set.select_related("service").order_by("-is_active", "username"))
    description = teams.description_of(group)
    wrong = form or member_form
    context = {
        "team": group,
        "description": description,
        "members": members,
        "owners": owners,
        "uses": uses,
        "administers": permissions.may_manage_people(reader),
        "why_not": teams.why_not_members(reader, group, uses),
        "others": User.objects.exclude(groups=group).filter(is_active=True).order_by("username"),
        "form": form or TeamForm(initial={"name": group.name, "description": description, "owners": owners}),
        "member_form": member_form or MemberForm(),
        "summary": wrong.summary if wrong else [],
        "waits": proposal_queries.waiting_on("team", [group.pk]).get(group.pk),
        "how": changes.how(reader, "copies.manage_people") if permissions.may_manage_people(reader) else "",
    }
    return render(request, "people/team.html", context, status=422 if wrong else 200)
