"""The forms with which people add second factors. What makes one wrong is the verb's to say."""

from django import forms

from amicopy.web.forms.rule_form import PlainForm


class AppForm(PlainForm):
    """A code of the app that read the secret."""

    name = forms.CharField(
        max_length=60,
        initial="Authenticator app",
        help_text="To know it again, such as the telephone it is on.",
        error_messages={"required": "Enter a name."},
    )
    code = forms.CharField(
        max_length=20,
        label="Code that the app shows",
        error_messages={"required": "Enter the six digits that the app shows."},
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "one-time-code", "class": "mono"}),
    )


class PasskeyForm(PlainForm):
    """What a new passkey is called; the browser adds what it made."""

    prefix = "key"
    name = forms.CharField(
        max_length=60,
        initial="Passkey",
        help_text="To know it again, such as the device it is on.",
        error_messages={"required": "Enter a name."},
    )
