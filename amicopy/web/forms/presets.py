"""Presets: what a person fills into the form often. Nobody else sees them; a request never refers to one."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from amicopy.web.models import Preset

MOST = 30
LONGEST = 40
# Characters of all fields together; a form that is filled to its limits has less.
LARGEST = 100_000
# What belongs to one sending of the form, or says why: another request has its own.
NOT_KEPT = frozenset(
    {"csrfmiddlewaretoken", "submission", "checked", "reason", "ClientToken", "continues", "mends", "again", "preset"}
    | {"submit_anyway", "submit_anyway_reason", "known_problems"}
)
BUTTONS = ("save-preset", "load-preset", "delete-preset", "preset-name")


class Refused(Exception):
    """A preset can't be kept or found; the words are fit to be shown."""


def save(user: User, name: str, data: Mapping[str, str]) -> Preset:
    """Keeps the form under a name; a name that is taken gets the new content. Raises Refused."""
    name = " ".join(name.split())
    fields = {field: value for field, value in data.items() if field not in NOT_KEPT and field not in BUTTONS}
    others = Preset.objects.filter(person=user).exclude(name=name)
    if not name or len(name) > LONGEST or not name.isprintable():
        raise Refused(f"Give the preset a name of 1 to {LONGEST} characters.")
    if others.count() >= MOST:
        raise Refused(f"You have {MOST} presets. Delete one first.")
    if sum(len(field) + len(value) for field, value in fields.items()) > LARGEST:
        raise Refused("The form is too long to be kept as a preset.")
    try:
        with transaction.atomic():
            return Preset.objects.update_or_create(person=user, name=name, defaults={"fields": fields})[0]
    except IntegrityError as error:
        raise Refused("The preset was just saved from another page. Try again.") from error


def load(user: User, number: int | None, data: Mapping[str, str]) -> tuple[Preset, dict[str, str]]:
    """A preset and the form's data with it: what belongs to this sending stays. Raises Refused."""
    preset = _own(user, number)
    kept = {field: value for field, value in data.items() if field in NOT_KEPT}
    return preset, {**preset.fields, **kept}


def delete(user: User, number: int | None) -> Preset:
    """Forgets a preset. Raises Refused."""
    preset = _own(user, number)
    preset.delete()
    return preset


def _own(user: User, number: int | None) -> Preset:
    preset = Preset.objects.filter(person=user, pk=number).first() if number is not None else None
    if preset is None:
        raise Refused("Choose one of your presets.")
    return preset
