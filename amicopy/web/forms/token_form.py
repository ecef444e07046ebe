"""The forms of a new token and of a new access key. What makes one wrong is the verb's to say."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import User

from amicopy.copies.core.models import Account
from amicopy.copies.core.token_models import Scope
from amicopy.copies.operations import tokens
from amicopy.web.forms.rule_form import PlainForm

DAYS = 30
# What the verb counts and says; longer numbers aren't worth reading.
LARGEST = 100_000


class LimitedForm(PlainForm):
    """What tokens and access keys have in common."""

    name = forms.CharField(max_length=60, required=False, help_text="What it is for, such as “nightly image pipeline”.")
    days = forms.IntegerField(
        max_value=LARGEST,
        label="Days it works",
        initial=DAYS,
        error_messages=dict.fromkeys(("required", "invalid", "max_value"), "Enter a number of days."),
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
    )
    addresses = forms.CharField(
        max_length=1000,
        required=False,
        label="Only from these addresses",
        help_text="Addresses or networks such as 10.0.0.0/8, with commas between them. Empty: from anywhere.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )

    def wanted(self) -> dict[str, Any]:
        """What the verb takes. Needs a valid form."""
        cleaned = dict(self.cleaned_data)
        return {**cleaned, "addresses": [each for each in cleaned["addresses"].split(",") if each.strip()]}


class TokenForm(LimitedForm):
    """A token as it was typed. Deciding is never ticked beforehand."""

    def __init__(self, data: Mapping[str, Any] | None = None, *, user: User) -> None:
        super().__init__(data)
        self.holders = tokens.usable_by(user)
        # What anybody it can be for may do; the verb looks at the one it is for.
        able = {scope for holder in self.holders for scope in tokens.scopes_for(holder)}
        scopes = [(scope.value, scope.label) for scope in Scope if scope in able]
        found = {account.account_id: account.name for each in self.holders for account in tokens.accounts_for(each)}
        accounts = list(found.items())
        holders = [("", "Me"), *((str(each.pk), f"{each.username}, a service account") for each in self.holders[1:])]
        self.fields["service"] = forms.ChoiceField(
            choices=holders,
            required=False,
            label="Who acts with it",
            error_messages={"invalid_choice": "Choose yourself or a service account of yours."},
        )
        wrong = {"invalid_choice": "Choose only what is offered."}
        many = forms.MultipleChoiceField
        self.fields["scopes"] = many(choices=scopes, required=False, error_messages=wrong, initial=["read"])
        self.fields["accounts"] = many(choices=accounts, required=False, error_messages=wrong)

    @property
    def scope_boxes(self) -> list[tuple[str, str, bool]]:
        """Each scope with whether it is ticked."""
        return self.boxes("scopes")

    @property
    def account_boxes(self) -> list[tuple[str, str, bool]]:
        return self.boxes("accounts")

    def wanted(self) -> dict[str, Any]:
        """What `tokens.make` takes. Needs a valid form."""
        wanted = super().wanted()
        return {**wanted, "service": int(wanted["service"]) if wanted["service"] else None}


class AccessKeyForm(LimitedForm):
    """An access key as it was typed, for one account."""

    account = forms.ChoiceField(
        label="Account to copy into",
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose the AWS account to copy into."),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, user: User) -> None:
        # The page has the other form as well.
        super().__init__(data, auto_id="key_%s")
        choices = [(account.account_id, account.name) for account in Account.objects.open_to(user)]
        self.fields["account"].choices = [("", "Choose"), *choices]  # type: ignore[attr-defined]
