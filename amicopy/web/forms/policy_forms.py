"""The forms of freeze windows and delegations. Times are typed in the person's time zone."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import Group, User

from amicopy.copies.core.models import Account
from amicopy.copies.core.policy_models import FreezeWindow
from amicopy.copies.core.roles import ROLES
from amicopy.copies.voting import voters
from amicopy.web.forms.rule_form import PlainForm, regions_field

COLUMNS = ("name", "account", "DestinationRegion", "starts_at", "ends_at")


def _moment(label: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    messages = dict.fromkeys(("required", "invalid"), "Enter a date and a time.")
    return forms.DateTimeField(label=label, widget=widget, error_messages=messages)


class FreezeForm(PlainForm):
    """A freeze window as it was typed."""

    name = forms.CharField(
        max_length=80,
        help_text="Shown on what waits, such as “Year-end freeze”.",
        error_messages={"required": "Enter a name."},
    )
    account = forms.ModelChoiceField(Account.objects.all(), required=False, empty_label="All accounts")
    DestinationRegion = regions_field()
    starts_at = _moment("Starts")
    ends_at = _moment("Ends")

    def __init__(self, data: Mapping[str, Any] | None = None, *, window: FreezeWindow) -> None:
        super().__init__(data, initial={name: getattr(window, name) for name in COLUMNS})
        self.window = window

    @staticmethod
    def as_typed(window: FreezeWindow) -> dict[str, str]:
        """What leads to this very window when it is posted; its times to the microsecond."""
        account = str(window.account_id or "")
        times = {"starts_at": window.starts_at.isoformat(), "ends_at": window.ends_at.isoformat()}
        return {"name": window.name, "account": account, "DestinationRegion": window.DestinationRegion, **times}

    def changed_window(self) -> FreezeWindow:
        """The window with what was typed, not stored. Needs a valid form."""
        for name in COLUMNS:
            setattr(self.window, name, self.cleaned_data[name])
        return self.window


class BudgetForm(PlainForm):
    """A team's budget as it was typed."""

    team = forms.ModelChoiceField(
        Group.objects.exclude(name__in=ROLES).order_by("name"),
        empty_label="Choose a team",
        help_text="A group that is no role.",
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose a team."),
    )
    amount = forms.IntegerField(
        min_value=1,
        max_value=10_000_000,
        label="USD a month",
        help_text="In whole dollars, as the prices are.",
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
        error_messages=dict.fromkeys(("required", "invalid"), "Enter whole dollars."),
    )


class DelegationForm(PlainForm):
    """A delegation as it was typed: to a person, or to whoever is in a team or has a role."""

    NOBODY = "Choose somebody who may decide on requests."
    GROUP = "group-"

    until = _moment("Until")
    reason = forms.CharField(
        required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2}), help_text="Kept in the history."
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, giver: User) -> None:
        super().__init__(data)
        # Who can be chosen depends on who hands over.
        others = voters.deciders().exclude(pk=giver.pk)
        self.people = {self.value_of(user): user for user in others.order_by("username")}
        groups = Group.objects.filter(user__in=others).distinct().order_by("name")
        self.groups = {self.value_of(group): group for group in groups}
        roles = {value for value, group in self.groups.items() if group.name in ROLES}
        of_all = (
            ("People", [(value, user.get_username()) for value, user in self.people.items()]),
            ("Teams", [(value, group.name) for value, group in self.groups.items() if value not in roles]),
            ("Roles", [(value, group.name) for value, group in self.groups.items() if value in roles]),
        )
        self.fields["receiver"] = forms.ChoiceField(
            label="To",
            choices=[("", "Choose somebody"), *((words, rows) for words, rows in of_all if rows)],
            help_text="Of a team or role, whoever is in it when they vote and may decide.",
            error_messages=dict.fromkeys(("required", "invalid_choice"), self.NOBODY),
        )

    @classmethod
    def value_of(cls, receiver: User | Group) -> str:
        """What the form sends for somebody."""
        return f"{cls.GROUP}{receiver.pk}" if isinstance(receiver, Group) else str(receiver.pk)

    def clean_receiver(self) -> User | Group:
        value = str(self.cleaned_data["receiver"])
        return self.groups[value] if value in self.groups else self.people[value]
