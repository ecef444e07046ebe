"""The form of an approval rule, and of what a rule set is tried on. What makes a rule wrong is the verb's to say."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError

from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.policy_models import ACCOUNT_ID, ApprovalRule
from amicopy.copies.requests.policy_actions import MOST_APPROVALS
from amicopy.copies.voting import fact_table, fact_words, rule_trials
from amicopy.copies.voting.facts import Facts
from amicopy.web.forms import group_choices
from amicopy.web.forms.rows import Row, rows_of
from amicopy.web.request_filters import BIG

# The columns a person fills in one field each, named alike in form and model.
COLUMNS = (
    "name",
    "enabled",
    "account",
    "DestinationRegion",
    "SourceAccount",
    "encryption",
    "dry_runs",
    "larger_than",
    "at_most",
    "requester_group",
    "asked_by",
    "facts",
    "costs_more_a_month",
    "costs_more_once",
    "sign_in_minutes",
    "second_factor",
    "allows_public",
)
MOST_GROUPS = 20
LARGEST = 1_000_000


def regions_field() -> forms.CharField:
    """The Regions that a rule or a freeze window is about, as `policy.REGIONS` takes them."""
    return forms.CharField(
        max_length=200,
        required=False,
        label="Destination Region",
        help_text="Several with commas between them; a star stands for any letters, as in eu-*. Empty: all.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )


def facts_field(label: str, help_text: str) -> forms.MultipleChoiceField:
    """The named facts, as boxes to tick."""
    return forms.MultipleChoiceField(
        choices=[(fact.code, _sentence(fact_words.name_of(fact.code))) for fact in fact_table.FACTS],
        required=False,
        label=label,
        help_text=help_text,
        widget=forms.CheckboxSelectMultiple,
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


class PlainForm(forms.Form):
    """A form whose every message comes from the server, the same with and without a script."""

    use_required_attribute = False

    @property
    def summary(self) -> list[tuple[str, str]]:
        """The id of each wrong input with what is wrong, for the summary above the form."""
        return [
            (self[name].id_for_label if name in self.fields else f"id_{name}", str(message))
            for name, messages in self.errors.items()
            for message in messages
        ]

    def boxes(self, name: str) -> list[tuple[str, str, bool]]:
        """The choices of a field of many: each with its words, and whether it is ticked."""
        ticked = [str(value) for value in self[name].value() or ()]
        choices = self.fields[name].choices  # type: ignore[attr-defined]
        return [(str(value), words, str(value) in ticked) for value, words in choices]

    def refuse(self, refused: ValidationError) -> None:
        """Puts a verb's errors at the inputs they belong to."""
        for name, messages in refused.message_dict.items():
            for message in messages:
                if name in self.fields:
                    self.add_error(name, message)
                else:
                    self.errors.setdefault(name, self.error_class()).append(message)


class RuleForm(PlainForm):
    """A rule as it was typed. `rows` are its requirements, as many as were sent."""

    name = forms.CharField(
        max_length=80,
        help_text="Requesters and approvers see it beside each request it asks for.",
        error_messages={"required": "Enter a name."},
    )
    enabled = forms.BooleanField(required=False, label="Switched on")
    account = forms.ModelChoiceField(Account.objects.all(), required=False, empty_label="Any account")
    DestinationRegion = regions_field()
    SourceAccount = forms.CharField(
        max_length=20,
        required=False,
        label="Source account",
        help_text="The 12 digits of the account that owns the source. Empty: any.",
        widget=forms.TextInput(attrs={"class": "mono", "inputmode": "numeric", "autocomplete": "off"}),
    )
    encryption = forms.ChoiceField(choices=ApprovalRule.Encryption.choices, required=False)
    dry_runs = forms.ChoiceField(choices=ApprovalRule.DryRuns.choices, label="Kind of call")
    larger_than = forms.IntegerField(
        required=False, max_value=LARGEST, label="Larger than, in GiB", widget=forms.TextInput({"inputmode": "numeric"})
    )
    at_most = forms.IntegerField(
        required=False, max_value=LARGEST, label="At most, in GiB", widget=forms.TextInput({"inputmode": "numeric"})
    )
    requester_group = forms.ModelChoiceField(
        Group.objects.order_by("name"), required=False, empty_label="Anybody", label="Requester’s role or team"
    )
    asked_by = forms.ChoiceField(
        choices=ApprovalRule.AskedBy.choices,
        required=False,
        label="Asked for by",
        help_text="A machine is a program with a token, a person’s or a service account’s.",
    )
    costs_more_a_month = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=LARGEST,
        label="Above so many USD a month",
        help_text="Storage of all copies of the request. A cost that isn’t known counts as more.",
        widget=forms.TextInput({"inputmode": "numeric"}),
    )
    costs_more_once = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=LARGEST,
        label="Above so many USD once",
        help_text="Transfer and surcharge of all copies. A cost that isn’t known counts as more.",
        widget=forms.TextInput({"inputmode": "numeric"}),
    )
    facts = facts_field("When any of these is so", "One of them has to be so. None ticked: none has to.")
    sign_in_minutes = forms.IntegerField(
        required=False,
        max_value=1440,
        label="Signed in at most so many minutes ago",
        help_text="Giving the password or a second factor once more counts as well. Empty: at any time.",
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
    )
    second_factor = forms.BooleanField(required=False, label="Approved with a second factor, shown at the decision")
    allows_public = forms.BooleanField(
        required=False,
        label="A copy may be made public",
        help_text="Everybody, at any account, may launch it then. Without this a request that asks for it is refused.",
    )
    who = forms.ChoiceField(
        choices=(("groups", "These roles and teams"), ("nobody", "Nobody, approved at once")),
        label="Who has to approve",
        error_messages={"required": "Choose whether anybody has to approve."},
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, rule: ApprovalRule) -> None:
        initial = {name: getattr(rule, name) for name in COLUMNS}
        initial |= {"who": "nobody" if rule.pk and not rule.requirements else "groups"}
        super().__init__(data, initial=initial)
        self.rule = rule
        group_choices.offer(self.fields["requester_group"])
        typed = rows_of(data, "requirements") if data is not None else []
        stored = [{"group": each["group"], "count": str(each["count"])} for each in rule.requirements]
        self.rows: list[Row] = (typed if data is not None else stored) or [{"group": "", "count": "1"}]

    @property
    def fact_boxes(self) -> list[tuple[str, str, bool]]:
        return self.boxes("facts")

    @property
    def requirement_errors(self) -> list[str]:
        """What is wrong with who has to approve."""
        return [*self.errors.get("requirements", ()), *self.errors.get("who", ())]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        requirements: list[dict[str, Any]] = []
        for row in self.rows[: MOST_GROUPS + 1]:
            group, count = row.get("group", "").strip(), row.get("count", "").strip()
            if not group:
                continue
            if not (count.isascii() and count.isdecimal() and len(count) < 4):
                self._wrong(f"Enter 1 to {MOST_APPROVALS} approvals for each group.")
                return cleaned
            requirements.append({"group": group, "count": int(count)})
        if len(requirements) > MOST_GROUPS:
            self._wrong(f"Name at most {MOST_GROUPS} groups.")
        if cleaned.get("who") == "nobody":
            requirements = []
        elif not requirements:
            self._wrong("Choose a role or team, or choose that nobody has to approve.")
        cleaned["requirements"] = requirements
        return cleaned

    def changed_rule(self) -> ApprovalRule:
        """The rule with what was typed, not stored. Needs a valid form."""
        for name in COLUMNS:
            setattr(self.rule, name, self.cleaned_data[name])
        self.rule.requirements = self.cleaned_data["requirements"]
        return self.rule

    def _wrong(self, message: str) -> None:
        self.errors.setdefault("requirements", self.error_class()).append(message)


class TrialForm(PlainForm):
    """What rules are tried on: a request that was made, or facts. Nothing typed: no trial."""

    request = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=BIG - 1,
        label="A request that was made",
        help_text="Its number. The facts below then don’t count.",
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off", "list": "past-requests"}),
    )
    account = forms.ModelChoiceField(Account.objects.all(), required=False, empty_label="Choose an account")
    region = forms.CharField(
        max_length=32,
        required=False,
        label="Destination Region",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )
    size = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST,
        label="Size in GiB",
        widget=forms.TextInput({"inputmode": "numeric"}),
    )
    encryption = forms.ChoiceField(
        choices=(("", "Not known"), ("encrypted", "Encrypted"), ("unencrypted", "Not encrypted")), required=False
    )
    source_account = forms.CharField(
        validators=[ACCOUNT_ID],
        required=False,
        label="Source account",
        widget=forms.TextInput(attrs={"class": "mono", "inputmode": "numeric", "autocomplete": "off"}),
    )
    group = forms.ModelChoiceField(
        Group.objects.order_by("name"), required=False, empty_label="None", label="Requester’s role or team"
    )
    dry_run = forms.BooleanField(required=False, label="A dry run")
    by_machine = forms.BooleanField(required=False, label="Asked for by a machine")
    month = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=LARGEST,
        label="USD a month",
        widget=forms.TextInput({"inputmode": "decimal"}),
    )
    once = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=LARGEST,
        label="USD once",
        widget=forms.TextInput({"inputmode": "decimal"}),
    )
    facts = facts_field("What is so", "For the rules that ask where one of these is so.")

    def __init__(self, data: Mapping[str, Any] | None = None, *, user: User) -> None:
        super().__init__(data, prefix="try")
        group_choices.offer(self.fields["group"])
        self.user = user

    @property
    def fact_boxes(self) -> list[tuple[str, str, bool]]:
        return self.boxes("facts")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        number = cleaned.get("request")
        if number is not None:
            visible = CopyRequest.objects.visible_to(self.user).select_related("account", "requester")
            cleaned["row"] = visible.filter(pk=number).first()
            if cleaned["row"] is None:
                self.add_error("request", f"Enter the number of a request. There is no #{number}.")
        elif "request" not in self.errors:
            if not cleaned.get("account") and "account" not in self.errors:
                self.add_error("account", "Choose an account, or enter a request’s number.")
            if not cleaned.get("region") and "region" not in self.errors:
                self.add_error("region", "Enter a Region, such as eu-west-1.")
        return cleaned

    def case(self) -> rule_trials.Case:
        """What was asked for. Needs a valid form."""
        cleaned = self.cleaned_data
        if cleaned.get("row"):
            return rule_trials.case_of(cleaned["row"])
        encryption = cleaned["encryption"]
        parameters = {
            **({"Encrypted": True} if encryption == "encrypted" else {}),
            **({"DryRun": True} if cleaned["dry_run"] else {}),
        }
        group = cleaned["group"]
        facts = Facts(
            account=cleaned["account"],
            requester_groups=frozenset({group.name} if group else ()),
            SourceAccount=cleaned["source_account"] or None,
            size=cleaned["size"],
            source_encrypted=None if not encryption else encryption == "encrypted",
            by_machine=cleaned["by_machine"],
            assumed=frozenset(cleaned["facts"]),
            month=cleaned["month"],
            once=cleaned["once"],
        )
        return rule_trials.Case([Call(DestinationRegion=cleaned["region"].strip(), parameters=parameters)], facts)
