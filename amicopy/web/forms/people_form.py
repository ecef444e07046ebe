"""The form that adds a person."""

from django import forms

from amicopy.copies.roles import ROLES
from amicopy.web.forms.rule_form import PlainForm


class PersonForm(PlainForm):
    """A person to be, as typed; whether the name can be is the verb's to say."""

    username = forms.CharField(
        max_length=150,
        label="User name",
        help_text="What they sign in with and what the history calls them. It can't be changed later.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": "Enter a user name."},
    )
    email = forms.EmailField(required=False, label="E-mail", error_messages={"invalid": "Enter an e-mail address."})
    roles = forms.MultipleChoiceField(
        choices=[(role, role.capitalize()) for role in ROLES], required=False, widget=forms.CheckboxSelectMultiple
    )

    @property
    def summary(self) -> list[tuple[str, str]]:
        return [(f"id_{name}", str(message)) for name, messages in self.errors.items() for message in messages]
