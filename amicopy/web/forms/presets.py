"""Presets: what a person or a team fills into the form often. Nobody else sees them; a request never refers to one."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core.roles import ROLES
from amicopy.web.models import Preset
from amicopy.web.request_filters import row_number

MOST = 30
LONGEST = 40
# Characters of all fields together; a form that is filled to its limits has less.
LARGEST = 100_000
# What belongs to one sending of the form, or says why: another request has its own.
NOT_KEPT = frozenset(
    {"csrfmiddlewaretoken", "submission", "checked", "reason", "ClientToken", "continues", "mends", "again", "preset"}
    | {"submit_anyway", "submit_anyway_reason", "known_problems"}
)
BUTTONS = ("save-preset", "load-preset", "delete-preset", "preset-name", "preset-team")


class Refused(Exception):
    """A preset can't be kept or found; the words are fit to be shown."""


def teams_of(user: User) -> QuerySet[Group]:
    """The teams a person is in: groups that are no role. Every member may change what the team has."""
    return user.groups.exclude(name__in=ROLES).order_by("name")


def open_to(user: User) -> QuerySet[Preset]:
    """The presets a person may fill in, save over and delete: their own, and those of their teams."""
    return Preset.objects.filter(Q(person=user) | Q(team__in=teams_of(user))).select_related("team")


def save(actor: Actor, user: User, name: str, data: Mapping[str, str]) -> Preset:
    """Keeps the form under a name, for the person or for the team that `preset-team` names; a name that is taken gets
    the new content. Raises Refused."""
    name = " ".join(name.split())
    fields = {field: value for field, value in data.items() if field not in NOT_KEPT and field not in BUTTONS}
    team = _team(user, data.get("preset-team", ""))
    whose: dict[str, Any] = {"team": team} if team else {"person": user}
    if not name or len(name) > LONGEST or not name.isprintable():
        raise Refused(f"Give the preset a name of 1 to {LONGEST} characters.")
    if Preset.objects.filter(**whose).exclude(name=name).count() >= MOST:
        raise Refused(f"{team.name if team else 'You'} ha{'s' if team else 've'} {MOST} presets. Delete one first.")
    if sum(len(field) + len(value) for field, value in fields.items()) > LARGEST:
        raise Refused("The form is too long to be kept as a preset.")
    try:
        with transaction.atomic():
            before = Preset.objects.filter(**whose, name=name).first()
            preset, _ = Preset.objects.update_or_create(**whose, name=name, defaults={"fields": fields})
            _tell(actor, preset, "preset.saved", before.fields if before else {}, fields)
    except IntegrityError as error:
        raise Refused("The preset was just saved from another page. Try again.") from error
    return preset


def load(user: User, number: int | None, data: Mapping[str, str]) -> tuple[Preset, dict[str, str]]:
    """A preset and the form's data with it: what belongs to this sending stays. Raises Refused."""
    preset = _reachable(user, number)
    kept = {field: value for field, value in data.items() if field in NOT_KEPT}
    return preset, {**preset.fields, **kept}


def delete(actor: Actor, user: User, number: int | None) -> Preset:
    """Forgets a preset. Raises Refused."""
    preset = _reachable(user, number)
    with transaction.atomic():
        _tell(actor, preset, "preset.deleted", preset.fields, {})
        preset.delete()
    return preset


def _tell(actor: Actor, preset: Preset, action: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """An event for what others go on with; what a person keeps for themselves is nobody else's."""
    if preset.team is None:
        return
    changed = {
        name: [before.get(name, ""), after.get(name, "")]
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }
    record(action, actor=actor, data={"team": preset.team.name, "preset": preset.name, "changes": changed})


def _team(user: User, number: str) -> Group | None:
    """The team of this number, None for an empty one. Raises Refused."""
    if not number:
        return None
    team = teams_of(user).filter(pk=row_number(number) or 0).first()
    if team is None:
        raise Refused("Choose one of your teams.")
    return team


def _reachable(user: User, number: int | None) -> Preset:
    preset = open_to(user).filter(pk=number).first() if number is not None else None
    if preset is None:
        raise Refused("Choose one of your presets.")
    return preset
