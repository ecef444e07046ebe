"""The form of a webhook. Its address and headers are entered and never shown again: they may hold a token."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import Group

from amicopy.notify import static_headers
from amicopy.notify.models import FOR_WEBHOOKS, Endpoint
from amicopy.web.forms import group_choices
from amicopy.web.forms.rule_form import PlainForm

# The columns that are typed and shown as they are.
COLUMNS = ("name", "format", "body_signature", "kinds", "team", "for_requests", "enabled")
LONGEST_HEADERS = 8000


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
    headers = forms.CharField(
        max_length=LONGEST_HEADERS,
        required=False,
        label="Headers of its own",
        help_text="One to a line, such as Authorization: Bearer and a token, for receivers that know no signature.",
        widget=forms.Textarea(attrs={"class": "mono", "rows": 2, "spellcheck": "false", "autocomplete": "off"}),
    )
    no_headers = forms.BooleanField(required=False, label="Remove the headers it has")
    body_signature = forms.CharField(
        max_length=64,
        required=False,
        label="Second signature in the header",
        help_text="A header such as X-Hub-Signature-256: sha256= and the HMAC over the body alone, for engines "
        "that know no other. Signed JSON only.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )
    kinds = forms.MultipleChoiceField(
        choices=tuple(FOR_WEBHOOKS.items()), required=False, label="What it gets of requests"
    )
    team = forms.ModelChoiceField(
        Group.objects.order_by("name"),
        required=False,
        empty_label="Everybody’s requests",
        label="Of whose requests",
        help_text="Of a team’s or a role’s it gets what its members asked for, and nothing else.",
        error_messages={"invalid_choice": "Choose a role or team that is there."},
    )
    for_requests = forms.BooleanField(
        required=False,
        label="Requests may name it",
        help_text="A program that asks through the API can have it told of decisions and the end of its own request.",
    )
    enabled = forms.BooleanField(required=False, label="Switched on")

    def __init__(self, data: Mapping[str, Any] | None = None, *, endpoint: Endpoint) -> None:
        initial = {name: getattr(endpoint, name) for name in COLUMNS}
        if endpoint.pk is None:
            initial["kinds"] = list(FOR_WEBHOOKS)
        super().__init__(data, initial=initial)
        group_choices.offer(self.fields["team"])
        self.endpoint = endpoint
        if endpoint.pk is not None:
            self.fields["url"].help_text = f"Leave it empty to keep the one at {endpoint.shown}"
        if endpoint.sealed_headers:
            self.fields["headers"].help_text = f"Leave it empty to keep: {', '.join(endpoint.header_names)}."
        else:
            del self.fields["no_headers"]

    @property
    def chosen(self) -> list[str]:
        """The kinds whose boxes are ticked."""
        return [str(kind) for kind in self["kinds"].value() or ()]

    def changed_endpoint(self) -> Endpoint:
        """The webhook with what was typed, not stored. Needs a valid form."""
        cleaned = self.cleaned_data
        for name in COLUMNS:
            setattr(self.endpoint, name, cleaned[name])
        if cleaned["url"]:
            self.endpoint.url = cleaned["url"]
        if cleaned["headers"] or cleaned.get("no_headers"):
            self.endpoint.headers = cleaned["headers"] or {}
        return self.endpoint

    def clean_headers(self) -> dict[str, str]:
        """The headers by name. Raises ValidationError."""
        return static_headers.parse(self.cleaned_data["headers"])
