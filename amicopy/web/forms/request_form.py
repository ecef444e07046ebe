"""From what was posted to the calls: reads the fields by AWS's names, builds the exact keyword arguments, keeps the
errors.

Nothing here judges a value except where it can't be turned into its type; that is the rules' business, wherever the
calls come from.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import DateTimeField
from django.utils import timezone

from amicopy.copies.core import name_templates
from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.marks import unmarked
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.parameters import BY_NAME, PARAMETERS, Parameter
from amicopy.copies.requests import verbs
from amicopy.web.forms.rows import MOST, Row, rows_of
from amicopy.web.request_filters import row_number

KIND_FIELDS: Mapping[str, tuple[str, ...]] = {
    "region": ("SnapshotCopyCompletionDurationMinutes",),
    "outpost": ("DestinationOutpostArn",),
    "zone": ("DestinationAvailabilityZone", "DestinationAvailabilityZoneId"),
}
# Where it is said that a chosen kind has no place yet, and in which words.
PLACE_OF_KIND: Mapping[str, tuple[str, str]] = {
    "outpost": ("DestinationOutpostArn", "Enter the Outpost's ARN, or choose “Region” for this destination."),
    "zone": (
        "DestinationAvailabilityZone",
        "Enter the Local Zone's name or ID, or choose “Region” for this destination.",
    ),
}
OF_A_KIND = frozenset(name for names in KIND_FIELDS.values() for name in names)
# A destination's own answer where the default for all is to encrypt.
AS_SOURCE = "source"
TRUE = {"on", "true", "1", "yes"}


@dataclass
class RequestForm:
    """A request as it was typed, with what is wrong with it. `errors` are by the HTML name of the input.

    `source_name` is the source image's, for names with placeholders; empty while it isn't known.
    """

    data: Mapping[str, str]
    accounts: Sequence[Account]
    destinations: list[Row] = field(default_factory=list)
    tags: list[Row] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)
    checked: bool = False
    source_name: str = ""

    @classmethod
    def of(cls, data: Mapping[str, str], accounts: Sequence[Account]) -> "RequestForm":
        """The form of posted or initial data; there is always a row to type in."""
        form = cls(data=data, accounts=accounts)
        form.destinations = [_with_kind(row) for row in rows_of(data, "destinations")] or [_with_kind({})]
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
    def tag_rows(self) -> list[dict[str, Any]]:
        """The rows of tags with their errors, for the page."""
        return [{**row, "errors": self.errors.get(f"tags-{index}-Key", [])} for index, row in enumerate(self.tags)]

    @property
    def names(self) -> dict[str, str]:
        """The names as typed, by their inputs: the one for all, and those of destinations."""
        own = {f"destinations-{index}-Name": row.get("Name", "") for index, row in enumerate(self.destinations)}
        return {"Name": self.data.get("Name", ""), **{name: value for name, value in own.items() if value}}

    @property
    def wants_source_name(self) -> bool:
        return any("{source}" in name for name in self.names.values())

    def text(self, name: str) -> str:
        return self.data.get(name, "").strip()

    def add_error(self, name: str, message: str) -> None:
        messages = self.errors.setdefault(name, [])
        if message not in messages:
            messages.append(message)

    def calls(self) -> list[Call]:
        """The calls as they would be sent; a value that can't be turned into its type becomes an error."""
        shared = self._members([p for p in PARAMETERS if p.scope == "request"], self.data)
        token = shared.pop("ClientToken", "")
        tags = self._tag_specifications()
        if tags:
            shared["TagSpecifications"] = tags
        defaults = {p.name: self.data.get(p.name, "") for p in PARAMETERS if p.scope == "both"}
        calls, now = [], datetime.now(UTC)
        for index, typed in enumerate(self.destinations):
            prefix = f"destinations-{index}-"
            # The fields of another kind aren't on the page.
            hidden = OF_A_KIND - set(KIND_FIELDS[typed["kind"]])
            row = {name: value for name, value in typed.items() if name not in hidden}
            # An own "same as the source" takes no key from the default either.
            inherited = {
                name
                for name in defaults
                if not row.get(name) and not (name == "KmsKeyId" and row.get("Encrypted") == AS_SOURCE)
            }
            kept = {**row, **{name: defaults[name] for name in inherited}}
            own = self._members([p for p in PARAMETERS if p.scope != "request"], kept, prefix, inherited)
            region = row.get("DestinationRegion", "").strip()
            if "Name" in own:
                own["Name"] = name_templates.expand(own["Name"], now=now, source=self.source_name, region=region)
            calls.append(Call(DestinationRegion=region, parameters={**shared, **own}, ClientToken=token))
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
        if "\0" in "".join(self.data.values()):
            self.add_error("reason", "Remove the NUL character: it isn't text.")
        reason = self.text("reason")
        if len(reason) > 4000:
            self.add_error("reason", f"Shorten the reason to 4,000 characters. This has {len(reason):,}.")
        start = self.start_not_before
        if start is None and self.text("start_not_before"):
            self.add_error("start_not_before", "Enter a date and a time, or leave it empty.")
        if account is not None:
            self.refuse(
                verbs.check_submission(
                    account=account, reason=reason, calls=calls, start_not_before=start, again=self.again
                )
            )
        elif not reason:
            self.add_error("reason", "Enter why this copy is needed.")
        return calls

    def refuse(self, errors: Sequence[FieldError]) -> None:
        """Puts the rules' errors at the inputs they belong to."""
        # What is wrong with a placeholder says more than that braces aren't allowed.
        said = self._name_problems()
        for error in errors:
            name = self.input_of(error)
            if name not in said:
                self.add_error(name, error.message)

    def _name_problems(self) -> dict[str, str]:
        found = {name: name_templates.problem(value, source=self.source_name) for name, value in self.names.items()}
        return {name: problem for name, problem in found.items() if problem}

    def _empty_kinds(self) -> dict[str, str]:
        """What is missing at destinations whose kind was chosen and whose place of that kind wasn't filled in: sent as
        they are they would be plain copies to the Region."""
        return {
            f"destinations-{index}-{PLACE_OF_KIND[row['kind']][0]}": PLACE_OF_KIND[row["kind"]][1]
            for index, row in enumerate(self.destinations)
            if row["kind"] in PLACE_OF_KIND and not any(row.get(name, "").strip() for name in KIND_FIELDS[row["kind"]])
        }

    def input_of(self, error: FieldError) -> str:
        """The name of the input that an error or a note of the rules belongs to."""
        parameter = BY_NAME.get(error.field)
        if error.field != "DestinationRegion" and (parameter is None or parameter.scope == "request"):
            return error.field
        index = error.destination or 0
        own = index < len(self.destinations) and self.destinations[index].get(error.field, "")
        if parameter and parameter.scope == "both" and not own and (parameter.required or self.text(error.field)):
            return error.field
        return f"destinations-{index}-{error.field}"

    def _members(
        self,
        parameters: Sequence[Parameter],
        data: Mapping[str, str],
        prefix: str = "",
        inherited: Collection[str] = (),
    ) -> dict[str, Any]:
        """The filled members of these parameters as CopyImage takes them; the inputs' names begin with `prefix`, but
        for what is inherited from the defaults."""
        members: dict[str, Any] = {}
        for parameter in parameters:
            where = parameter.name if parameter.name in inherited else prefix + parameter.name
            raw = data.get(parameter.name, "")
            text = raw.strip() if parameter.name != "Name" else raw
            if parameter.kind == "tags" or text == "":
                continue
            if parameter.kind == "flag":
                if text.lower() in TRUE:
                    members[parameter.name] = True
            elif parameter.kind == "three-way":
                if text in {"true", "false"}:
                    members[parameter.name] = text == "true"
                elif text != AS_SOURCE:
                    self.add_error(where, "Choose one of the answers.")
            elif parameter.kind == "number":
                if text.isascii() and text.isdigit() and len(text) < 10:
                    members[parameter.name] = int(text)
                else:
                    self.add_error(where, f"Enter a whole number. {text[:20]!r} isn't one.")
            else:
                members[parameter.name] = text.replace("\r\n", "\n")
        return members

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


def _with_kind(row: Row) -> Row:
    """A destination's kind as chosen, or as its filled fields say."""
    if row.get("kind") in KIND_FIELDS:
        return row
    kind = next(
        (kind for kind in ("outpost", "zone") if any(row.get(name, "").strip() for name in KIND_FIELDS[kind])), None
    )
    return {**row, "kind": kind or "region"}


def initial_again(request: CopyRequest) -> dict[str, str]:
    """The form's data for a request that was sent back: all of it, its unused token and its start included."""
    calls = request.calls_as_asked()
    start = request.start_not_before
    return initial_of(calls, account=request.account, reason=request.reason) | {
        "again": str(request.pk),
        "ClientToken": calls[0].ClientToken if calls else "",
        "start_not_before": f"{timezone.localtime(start):%Y-%m-%dT%H:%M}" if start else "",
    }


def initial_of(request_calls: Sequence[Call], *, account: Account, reason: str) -> dict[str, str]:
    """The form's data for a clone of these calls; the token stays behind, it works once."""
    data: dict[str, str] = {"account": account.name, "reason": reason}
    names = {call.parameters.get("Name") for call in request_calls}
    tags: dict[tuple[str, str], Row] = {}
    for index, call in enumerate(request_calls):
        data[f"destinations-{index}-DestinationRegion"] = call.DestinationRegion
        for name, value in call.parameters.items():
            parameter = BY_NAME[name]
            if parameter.kind == "tags":
                for specification in value if index == 0 else ():
                    for tag in specification["Tags"]:
                        row = tags.setdefault((tag["Key"], tag["Value"]), {"Key": tag["Key"], "Value": tag["Value"]})
                        row[specification["ResourceType"]] = "on"
                continue
            text = str(value).lower() if isinstance(value, bool) else str(value)
            shared = parameter.scope == "request" or (name == "Name" and len(names) == 1)
            data[name if shared else f"destinations-{index}-{name}"] = text
    for index, row in enumerate(tags.values()):
        data |= {f"tags-{index}-{name}": value for name, value in row.items()}
    return data


def mended_of(copy: ImageCopy) -> dict[str, str]:
    """The form's data for a failed copy that is asked for again: its destination only, and a link to it."""
    data = initial_of([unmarked(copy.call(), copy.mark)], account=copy.request.account, reason=copy.request.reason)
    return {**data, "mends": str(copy.pk)}


def more_of(request_calls: Sequence[Call], *, account: Account, number: int) -> dict[str, str]:
    """The form's data for more destinations of a request with these calls: all that isn't a destination's, and the
    name."""
    data = initial_of(request_calls[:1], account=account, reason="")
    return {
        **{name: value for name, value in data.items() if not name.startswith("destinations-")},
        "continues": str(number),
    }
