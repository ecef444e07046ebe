"""The form of a team: its name, what it is for, and who owns it."""

from django import forms
from django.contrib.auth.models import User

from amicopy.web.forms.rule_form import PlainForm


class TeamForm(PlainForm):
    """A team as typed; whether it can be so is the verb's to say."""

    name = forms.CharField(
        max_length=150,
        help_text="What rules, accounts and the history call it. Rules go with a new name.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Enter a name."},
    )
    description = forms.CharField(
        max_length=200,
        required=False,
        label="What it is for",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    owners = forms.ModelMultipleChoiceField(
        User.objects.filter(service=None).order_by("username"),
        required=False,
        error_messages={"invalid_choice": "Choose people."},
        widget=forms.CheckboxSelectMultiple,
    )

    @property
    def owner_boxes(self) -> list[tuple[str, str, bool]]:
        """Each person with whether they are ticked."""
        return self.boxes("owners")


class MemberForm(PlainForm):
    """Somebody who is to join a team, by their user name."""

    username = forms.CharField(
        max_length=150,
        label="User name",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "list": "everybody"}
        ),
        error_messages={"required": "Enter a user name."},
    )

    def clean_username(self) -> User:
        """The person, or the service. Raises ValidationError where there is none of this name."""
        name = self.cleaned_data["username"].strip()
        user = User.objects.filter(username=name).first()
        if user is None:
            raise forms.ValidationError(f"Enter the user name of somebody who is here. There is no “{name}”.")
        return user
