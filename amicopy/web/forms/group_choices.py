"""Roles and teams to choose from, each with how many people are in it."""

from collections.abc import Iterable, Mapping

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Count, Q

from amicopy.copies.core.roles import ROLES
from amicopy.copies.voting import voters

# Groups under a heading, each by what is sent, with its words; as Django has choices.
Choices = list[tuple[str, list[tuple[str, str]]]]


def offer(field: forms.Field) -> None:
    """Has a field offer roles and teams under headings, each with how many people are in it."""
    assert isinstance(field, forms.ModelChoiceField)  # noqa: S101, the forms say so
    empty = [] if field.empty_label is None else [("", field.empty_label)]
    field.widget.choices = [*empty, *by_number()]


def by_number() -> Choices:
    """All roles and teams, by their numbers, with how many people are in each."""
    return _under_headings(_counted(), by_name=False)


def who_approve() -> Choices:
    """All roles and teams by name, with how many people are in each and how many of them may decide."""
    able = deciders_by_group()
    return _under_headings(_counted(), by_name=True, able=able)


def deciders_by_group() -> dict[str, int]:
    """How many of those who may decide are in each group, by its name; only groups with any."""
    groups = voters.groups_of(voters.deciders())
    found: dict[str, int] = {}
    for names in groups.values():
        for name in names:
            found[name] = found.get(name, 0) + 1
    return found


def people(count: int) -> str:
    """How many people, in words."""
    return "nobody" if not count else "1 person" if count == 1 else f"{count:,} people"


def _counted() -> list[tuple[int, str, int]]:
    """Each group with how many are in it who are switched on."""
    groups = Group.objects.annotate(members=Count("user", filter=Q(user__is_active=True))).order_by("name")
    return [(group.pk, group.name, group.members) for group in groups]


def _under_headings(
    groups: Iterable[tuple[int, str, int]], *, by_name: bool, able: Mapping[str, int] | None = None
) -> Choices:
    roles: list[tuple[str, str]] = []
    teams: list[tuple[str, str]] = []
    for pk, name, members in groups:
        words = f"{name}, {people(members)}"
        if able is not None and members:
            words += f", {able.get(name, 0):,} may approve"
        (roles if name in ROLES else teams).append((name if by_name else str(pk), words))
    return [(heading, found) for heading, found in (("Roles", roles), ("Teams", teams)) if found]
