"""The form of a webhook. Its address is entered and never shown again: it may hold a token."""

from collections.abc import Mapping
from typing import Any

from django import forms

from amicopy.notify.models import FOR_WEBHOOKS, Endpoint
from amicopy.web.forms.rule_form import PlainForm


class EndpointForm(PlainForm):
    name = forms.CharField(max_length=64, error_messages={"required": "Enter a name."})
    format = forms.ChoiceField(
        choices=Endpoint.Format.choices,
        help_text="Signed JSON is for a receiver of your own. Slack takes the address of an incoming webhook.",
    )
    url = forms.CharField(
        max_length=2000,
        required=False,
        label="Address",
        help_text="Begins with https://. It is kept to amicopy: no page and no event shows it again.",
        widget=forms.TextInput(
            attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off", "inputmode": "url"}
        ),
    )
    kinds = forms.MultipleChoiceField(
        choices=tuple(FOR_WEBHOOKS.items()),
        label="What it gets",
        error_messages={"required": "Choose at least one kind."},
    )
    enabled = forms.BooleanField(required=False, label="Switched on")

    def __init__(self, data: Mapping[str, Any] | None = None, *, endpoint: Endpoint) -> None:
        initial = {name: getattr(endpoint, name) for name in ("name", "format", "kinds", "enabled")}
        if endpoint.pk is None:
            initial["kinds"] = list(FOR_WEBHOOKS)
        super().__init__(data, initial=initial)
        self.endpoint = endpoint
        if endpoint.pk is not None:
            self.fields["url"].help_text = f"Leave it empty to keep the one at {endpoint.shown}"

    @property
    def chosen(self) -> list[str]:
        """The kinds whose boxes are ticked."""
        return [str(kind) for kind in self["kinds"].value() or ()]

    def changed_endpoint(self) -> Endpoint:
        """The webhook with what was typed, not stored. Needs a valid form."""
        cleaned = self.cleaned_data
        for name in ("name", "format", "kinds", "enabled"):
            setattr(self.endpoint, name, cleaned[name])
        if cleaned["url"]:
            self.endpoint.url = cleaned["url"]
        return self.endpoint
