"""The form of an AWS account. What makes one wrong is the verb's to say; the ExternalId is nobody's to type."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import Group

from amicopy.aws import partitions
from amicopy.copies.core.models import Account
from amicopy.web.forms import group_choices
from amicopy.web.forms.rule_form import PlainForm

COLUMNS = ("name", "account_id", "partition", "role_arn", "read_only_role_arn", "enabled")


class AccountForm(PlainForm):
    name = forms.CharField(
        max_length=64,
        help_text="Requesters choose the account by it.",
        error_messages={"required": "Enter a name."},
    )
    account_id = forms.CharField(
        max_length=20,
        label="Account ID",
        help_text="12 digits.",
        widget=forms.TextInput(attrs={"class": "mono", "inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": "Enter the 12 digits of the account."},
    )
    partition = forms.ChoiceField(choices=[(name, name) for name in partitions.partitions()])
    role_arn = forms.CharField(
        max_length=2048,
        required=False,
        label="Role to assume",
        help_text="Its ARN. Empty: amicopy acts with its own credentials, which have to be of this account.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )
    read_only_role_arn = forms.CharField(
        max_length=2048,
        required=False,
        label="Read-only role",
        help_text="Its ARN. The web server assumes it for look-ups; workers copy with the role above. Empty: the web "
        "server gets in as workers do.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )
    enabled = forms.BooleanField(
        required=False,
        label="Switched on",
        help_text="Off: nobody can ask for copies in it, and approved ones wait.",
    )
    requester_groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"), required=False, label="Who may ask for copies in it"
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, account: Account) -> None:
        initial = {name: getattr(account, name) for name in COLUMNS}
        initial["requester_groups"] = list(account.requester_groups.values_list("pk", flat=True)) if account.pk else []
        super().__init__(data, initial=initial)
        self.account = account

    @property
    def groups(self) -> list[tuple[int, str, bool]]:
        """Every role and team, with how many people are in it, and whether it is chosen."""
        chosen = {str(pk) for pk in self["requester_groups"].value() or ()}
        return [(int(pk), words, pk in chosen) for _, choices in group_choices.by_number() for pk, words in choices]

    def changed_account(self) -> Account:
        """The account with what was typed, not stored. Needs a valid form."""
        for name in COLUMNS:
            setattr(self.account, name, self.cleaned_data[name])
        self.account.account_id = self.account.account_id.replace("-", "").replace(" ", "")
        return self.account
