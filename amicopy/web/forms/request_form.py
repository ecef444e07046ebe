"""From what was posted to the calls: reads the fields by AWS's names, builds the exact keyword arguments, keeps the
errors.

Nothing here judges a value except where it can't be turned into its type; that is the rules' business, wherever the
calls come from.
"""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, get_args

from django.core.exceptions import ValidationError
from django.forms import DateTimeField

from amicopy.copies.core import name_templates
from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.models import Account
from amicopy.copies.core.parameters import (
    DESTINATION_REGION,
    DestinationKind,
    Parameter,
    of_destination,
    of_scope,
)
from amicopy.copies.core.set_models import part_of
from amicopy.copies.core.steps.members import Members
from amicopy.copies.core.steps.wanted import WantedSteps, frozen
from amicopy.copies.requests import verbs
from amicopy.copies.requests.submission_reasons import reason_errors
from amicopy.web.forms import step_inputs
from amicopy.web.forms.member_forms import AS_SOURCE, TRUE, MemberForm, member_form
from amicopy.web.forms.rows import MOST, Row, rows_of
from amicopy.web.request_filters import row_number

KINDS = get_args(DestinationKind)
SOURCE = "SourceImageId"
MOST_SOURCES = 25
# Destinations that were pasted and have no rows yet.
PASTED = "paste-destinations"


@dataclass
class RequestForm:
    """A request as it was typed, with what is wrong with it. `errors` are by the HTML name of the input.

    `shared` is the form of what it has once, `own` has one for each destination. `source_name` is the source image's,
    for names with placeholders; empty while it isn't known.
    """

    data: Mapping[str, str]
    accounts: Sequence[Account]
    shared: MemberForm
    own: list[MemberForm] = field(default_factory=list)
    destinations: list[Row] = field(default_factory=list)
    tags: list[Row] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)
    checked: bool = False
    source_name: str = ""

    @classmethod
    def of(cls, data: Mapping[str, str], accounts: Sequence[Account]) -> "RequestForm":
        """The form of posted or initial data; there is always a row to type in."""
        form = cls(data=data, accounts=accounts, shared=member_form(of_scope("request", "both"), data))
        form.destinations = [_with_kind(row) for row in rows_of(data, "destinations")] or [_with_kind({})]
        own = of_destination()
        form.own = [member_form(own, row, f"destinations-{index}") for index, row in enumerate(form.destinations)]
        form.tags = rows_of(data, "tags")
        return form

    @property
    def account(self) -> Account | None:
        wanted = self.text("account")
        if not wanted and len(self.accounts) == 1:
            return self.accounts[0]
        return next((each for each in self.accounts if wanted in {str(each.pk), each.name, each.account_id}), None)

    @cached_property
    def submission(self) -> str:
        """Identifies this sending of the form, so that a second click makes no second request."""
        try:
            return str(uuid.UUID(self.data.get("submission", "")))
        except ValueError:
            return str(uuid.uuid4())

    @property
    def again(self) -> int | None:
        """The number of the request that is edited; only the page of that request submits it."""
        return row_number(self.data.get("again"))

    @property
    def start_not_before(self) -> datetime | None:
        """The wished start, typed in the person's time zone; None where there is none, or it isn't a time."""
        try:
            typed: datetime | None = DateTimeField(required=False).clean(self.text("start_not_before"))
        except ValidationError:
            return None
        return typed

    @property
    def anyway(self) -> verbs.Anyway | None:
        """That the person submits it in spite of the problems they were shown, where the box is ticked."""
        if self.text("submit_anyway").lower() not in TRUE:
            return None
        return verbs.Anyway(self.text("submit_anyway_reason"), frozenset(self.text("known_problems").split()))

    @cached_property
    def _steps(self) -> tuple[WantedSteps, list[FieldError]]:
        return step_inputs.read(self.data, self.destinations, now=datetime.now(UTC))

    @property
    def steps(self) -> WantedSteps:
        """The steps after the copies that are asked for, as far as they could be read."""
        return self._steps[0]

    def frozen_steps(self, calls: Sequence[Call]) -> list[dict[str, Members]]:
        """The steps after each of the form's calls."""
        return frozen(self.steps, calls, now=datetime.now(UTC), source=self.source_name)

    @property
    def names(self) -> dict[str, str]:
        """Texts with placeholders as typed, by their inputs: those for all, and those of destinations."""
        members = [parameter.name for parameter in of_scope("both") if parameter.placeholders]
        own = {
            f"destinations-{index}-{name}": row.get(name, "")
            for index, row in enumerate(self.destinations)
            for name in members
        }
        shared = {name: self.data.get(name, "") for name in members}
        return shared | {name: value for name, value in own.items() if value}

    @property
    def typed(self) -> dict[str, str]:
        """The same for who starts from this request; nothing where none has a placeholder."""
        return self.names if any("{" in text for text in self.names.values()) else {}

    @property
    def wants_source_name(self) -> bool:
        placed = [*self.names.values(), *(value for name, value in self.data.items() if "Parameter-Name" in name)]
        return any("{source}" in name for name in placed)

    @property
    def source(self) -> tuple[str, str]:
        """The first source's Region and ID as typed, for who looks at it."""
        return self.text("SourceRegion"), self.sources[0]

    @cached_property
    def sources(self) -> list[str]:
        """The IDs of the source images as typed, in their order: each becomes a request. There is always one, which
        may be empty. A line that was pasted from several has nothing between its IDs."""
        typed = re.sub(r"(?<=[0-9a-f])(?=ami-)", " ", self.text(SOURCE))
        return list(dict.fromkeys(re.split(r"[\s,;]+", typed.strip(" ,;"))))

    @cached_property
    def each(self) -> "list[RequestForm]":
        """The form of each source: itself where there is one."""
        if len(self.sources) == 1:
            return [self]
        return [self._with_source(source) for source in self.sources[: MOST_SOURCES + 1]]

    def _with_source(self, source: str) -> "RequestForm":
        """The form of one of several sources. Destinations and tags are the same for all, and read once."""
        data = {**self.data, SOURCE: source, "submission": str(part_of(uuid.UUID(self.submission), source))}
        shared = member_form(of_scope("request", "both"), data)
        return replace(self, data=data, shared=shared, errors={}, checked=False, source_name="")

    def text(self, name: str) -> str:
        return self.data.get(name, "").strip()

    def add_error(self, name: str, message: str) -> None:
        messages = self.errors.setdefault(name, [])
        if message not in messages:
            messages.append(message)

    def calls(self) -> list[Call]:
        """The calls as they would be sent; a value that can't be turned into its type becomes an error."""
        once = self._filled(self.shared, of_scope("request"))
        # It is no member of the frozen call: it belongs to an attempt.
        token = once.pop("ClientToken", "")
        tags = self._tag_specifications()
        once |= {parameter.name: tags for parameter in of_scope("request") if parameter.kind == "tags" and tags}
        calls, now = [], datetime.now(UTC)
        for row, form in zip(self.destinations, self.own, strict=True):
            # The fields of another kind aren't on the page.
            of_kind = of_destination(row["kind"])
            kept = {parameter.name: row.get(parameter.name, "") for parameter in of_kind}
            inherited = [parameter for parameter in of_destination() if _inherits(parameter, kept)]
            typed = [parameter for parameter in of_kind if parameter not in inherited]
            found = self._filled(form, typed) | self._filled(self.shared, inherited)
            region = found.pop(DESTINATION_REGION.name, "")
            members = {each.name: found[each.name] for each in of_destination() if each.name in found}
            for parameter in of_destination():
                if parameter.placeholders and parameter.name in members:
                    members[parameter.name] = name_templates.expand(
                        members[parameter.name], now=now, source=self.source_name, region=region
                    )
            calls.append(Call(DestinationRegion=region, parameters={**once, **members}, ClientToken=token))
        return calls

    def read(self) -> list[Call]:
        """The calls, without keeping what is wrong with them."""
        return replace(self, errors={}).calls()

    def check(self) -> list[Call]:
        """The calls, with every error of types and rules at its field; the form is good when `errors` stays empty."""
        self.checked = True
        calls = self.calls()
        account = self.account
        if account is None:
            self.add_error("account", "Choose the AWS account to copy into.")
        if len(self.destinations) > MOST or len(self.tags) > MOST:
            self.add_error("destinations", f"Send at most {MOST} rows.")
        for name, problem in {**self._name_problems(), **self._empty_kinds()}.items():
            self.add_error(name, problem)
        if self.text("paste"):
            self.add_error("paste", "Add the pasted tags, or empty this box: they aren't among the tags yet.")
        if self.text(PASTED):
            self.add_error(PASTED, "Add the pasted destinations, or empty this box: they have no rows yet.")
        self.check_texts()
        reason = self.text("reason")
        if account is not None:
            self.refuse(
                verbs.check_submission(
                    account=account,
                    reason=reason,
                    calls=calls,
                    start_not_before=self.start_not_before,
                    again=self.again,
                    steps=self.frozen_steps(calls) if not self._steps[1] else (),
                )
            )
        else:
            self.refuse(reason_errors(reason))
        self.refuse(self._steps[1])
        return calls

    def check_texts(self) -> None:
        """Keeps what isn't text, or isn't the time it should be."""
        if "\0" in "".join(self.data.values()):
            self.add_error("reason", "Remove the NUL character: it isn't text.")
        if self.start_not_before is None and self.text("start_not_before"):
            self.add_error("start_not_before", "Enter a date and a time, or leave it empty.")

    def refuse(self, errors: Sequence[FieldError]) -> None:
        """Puts the rules' errors at the inputs they belong to."""
        # What is wrong with a placeholder says more than that braces aren't allowed.
        said = self._name_problems()
        for error in errors:
            name = self.input_of(error)
            if name == "submission":
                # Nobody sees that field; what is said stands above the button that sends the form.
                self.submission, name = str(uuid.uuid4()), "reason"
            if name not in said:
                self.add_error(name, error.message)

    def _name_problems(self) -> dict[str, str]:
        found = {name: name_templates.problem(value, source=self.source_name) for name, value in self.names.items()}
        return {name: problem for name, problem in found.items() if problem}

    def _empty_kinds(self) -> dict[str, str]:
        """What is missing at destinations whose kind was chosen and whose place of that kind wasn't filled in: sent as
        they are they would be plain copies to the Region."""
        missing: dict[str, str] = {}
        for index, row in enumerate(self.destinations):
            places = [parameter for parameter in of_scope("destination") if parameter.of_kind == row["kind"]]
            if not any(row.get(parameter.name, "").strip() for parameter in places):
                missing |= {f"destinations-{index}-{each.name}": each.asked for each in places if each.asked}
        return missing

    def input_of(self, error: FieldError) -> str:
        """The name of the input that an error or a note of the rules belongs to."""
        if step_inputs.is_of_steps(error.field):
            return step_inputs.name_of(error, self.destinations)
        parameter = next((each for each in of_destination() if each.name == error.field), None)
        if parameter is None:
            return error.field
        index = error.destination or 0
        own = index < len(self.destinations) and self.destinations[index].get(error.field, "")
        if parameter.scope == "both" and not own and (parameter.required or self.text(error.field)):
            return error.field
        return f"destinations-{index}-{error.field}"

    def _filled(self, form: MemberForm, parameters: Iterable[Parameter]) -> dict[str, Any]:
        """The filled members of these parameters as CopyImage takes them; what is wrong with the others is kept."""
        wanted = list(parameters)
        for parameter in wanted:
            for message in form.errors_of(parameter):
                self.add_error(form.add_prefix(parameter.name), message)
        return form.filled(wanted)

    def _tag_specifications(self) -> list[dict[str, Any]]:
        """One specification for the image and one for the snapshots, from the rows' boxes."""
        by_kind: dict[str, list[dict[str, str]]] = {"image": [], "snapshot": []}
        for index, row in enumerate(self.tags):
            key, value = row.get("Key", "").strip(), row.get("Value", "")
            if not key and not value:
                continue
            kinds = [kind for kind in by_kind if row.get(kind, "").lower() in TRUE]
            if not kinds:
                self.add_error(f"tags-{index}-Key", "Choose where the tag goes: the image, its snapshots, or both.")
            for kind in kinds:
                by_kind[kind].append({"Key": key, "Value": value})
        return [{"ResourceType": kind, "Tags": tags} for kind, tags in by_kind.items() if tags]


def _inherits(parameter: Parameter, row: Row) -> bool:
    """Whether a destination takes the default for all."""
    as_source = parameter.goes_with and row.get(parameter.goes_with) == AS_SOURCE
    return parameter.scope == "both" and not row.get(parameter.name) and not as_source


def _with_kind(row: Row) -> Row:
    """A destination's kind as chosen, or as its filled fields say."""
    if row.get("kind") in KINDS:
        return row
    places = [parameter for parameter in of_scope("destination") if row.get(parameter.name, "").strip()]
    return {**row, "kind": next((parameter.of_kind for parameter in places if parameter.of_kind), "region")}


def place_of(name: str) -> str:
    """Which destination an input belongs to, as its legend says it."""
    row = re.match(r"destinations-([0-9]+)-", name)
    return f"Destination {int(row[1]) + 1}: " if row else ""
