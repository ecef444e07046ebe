"""The form that adds a person, and the one that changes their address."""

from collections.abc import Collection

from django import forms
from django.contrib.auth.models import User

from amicopy.copies.core.roles import OF_SERVICES, ROLES
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
        error_messages={"required": "Choose who owns it.", "invalid_choice": "Choose people who are switched on."},
        widget=forms.CheckboxSelectMultiple,
    )

    @property
    def owner_boxes(self) -> list[tuple[str, str, bool]]:
        """Each who can own it with whether they are ticked."""
        return self.boxes("owners")

    @property
    def role_boxes(self) -> list[tuple[str, str, bool]]:
        return self.boxes("roles")


def owner_boxes(owners: Collection[User]) -> list[tuple[User, bool]]:
    """Everybody who can own a service, each with whether they do."""
    held = {owner.pk for owner in owners}
    people = User.objects.filter(is_active=True, service=None) | User.objects.filter(pk__in=held)
    return [(person, person.pk in held) for person in people.order_by("username")]
