"""The form that adds a person, and the one that changes their address."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib.auth.models import Group, User

from amicopy.copies.core.power_models import ServiceAccount
from amicopy.copies.core.roles import OF_SERVICES, ROLES
from amicopy.copies.core.team_models import team_groups
from amicopy.web import role_words
from amicopy.web.forms.rule_form import PlainForm


def email_field() -> forms.EmailField:
    """An address, which a person needn't have."""
    return forms.EmailField(
        required=False,
        label="E-mail",
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"invalid": "Enter an e-mail address, such as name@example.com."},
    )


class EmailForm(PlainForm):
    """A person's address, as typed."""

    email = email_field()


class PersonForm(PlainForm):
    """A person to be, as typed; whether the name can be is the verb's to say."""

    username = forms.CharField(
        max_length=150,
        label="User name",
        help_text="What they sign in with and what the history calls them. It can't be changed later.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": "Enter a user name."},
    )
    email = email_field()
    roles = forms.MultipleChoiceField(
        choices=[(role, role.capitalize()) for role in ROLES], required=False, widget=forms.CheckboxSelectMultiple
    )

    @property
    def summary(self) -> list[tuple[str, str]]:
        return [(f"id_{name}", str(message)) for name, messages in self.errors.items() for message in messages]

    @property
    def role_boxes(self) -> list[tuple[str, str, str, bool]]:
        """Each role with its name in words, what it is for, and whether it is ticked."""
        return [(value, words, role_words.WORDS[value], on) for value, words, on in self.boxes("roles")]


class ServiceForm(PersonForm):
    """A service account to be, as typed."""

    email = None  # type: ignore[assignment]  # amicopy writes to its owners
    username = forms.CharField(
        max_length=150,
        label="Name",
        help_text="What the history calls it, such as “image-pipeline”. It can’t be changed later.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": "Enter a name."},
    )
    roles = forms.MultipleChoiceField(
        choices=[(role, role.capitalize()) for role in OF_SERVICES],
        required=False,
        initial=OF_SERVICES[:1],
        widget=forms.CheckboxSelectMultiple,
    )
    owners = forms.ModelMultipleChoiceField(
        User.objects.filter(is_active=True, service=None).order_by("username"),
        required=False,
        error_messages={"invalid_choice": "Choose people who are switched on."},
        widget=forms.CheckboxSelectMultiple,
    )
    teams = forms.ModelMultipleChoiceField(
        team_groups(),
        required=False,
        error_messages={"invalid_choice": "Choose teams that are there."},
        widget=forms.CheckboxSelectMultiple,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not {"owners", "teams"} & set(self.errors) and not cleaned["owners"] and not cleaned["teams"]:
            self.add_error("owners", "Choose who owns it.")
        return cleaned

    @property
    def owner_boxes(self) -> list[tuple[str, str, bool]]:
        """Each who can own it with whether they are ticked."""
        return self.boxes("owners")

    @property
    def team_boxes(self) -> list[tuple[str, str, bool]]:
        return self.boxes("teams")


def owner_boxes(owners: Collection[User]) -> list[tuple[User, bool]]:
    """Everybody who can own a service, each with whether they do."""
    held = {owner.pk for owner in owners}
    people = User.objects.filter(is_active=True, service=None) | User.objects.filter(pk__in=held)
    return [(person, person.pk in held) for person in people.order_by("username")]


def owning_boxes(service: ServiceAccount) -> list[tuple[Group, bool]]:
    """Every team, each with whether whoever is in it owns the service."""
    held = {team.pk for team in service.teams.all()}
    return [(team, team.pk in held) for team in team_groups()]
