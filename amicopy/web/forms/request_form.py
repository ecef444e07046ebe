"""From what was posted to the calls: reads the fields by AWS's names, builds the exact keyword arguments, keeps the
errors.

Nothing here judges a value except where it can't be turned into its type; that is the rules' business, wherever the
calls come from.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amicopy.copies import workflow
from amicopy.copies.calls import Call, FieldError
from amicopy.copies.models import Account
from amicopy.copies.parameters import BY_NAME, PARAMETERS, Parameter
from amicopy.web.forms.rows import MOST, Row, rows_of

KIND_FIELDS: Mapping[str, tuple[str, ...]] = {
    "region": (),
    "outpost": ("DestinationOutpostArn",),
    "zone": ("DestinationAvailabilityZone", "DestinationAvailabilityZoneId"),
}
PLACE_FIELDS = tuple(name for names in KIND_FIELDS.values() for name in names)
TRUE = {"on", "true", "1", "yes"}


@dataclass
class RequestForm:
    """A request as it was typed, with what is wrong with it. `errors` are by the HTML name of the input."""

    data: Mapping[str, str]
    accounts: Sequence[Account]
    destinations: list[Row] = field(default_factory=list)
    tags: list[Row] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)
    checked: bool = False

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

    @property
    def submission(self) -> str:
        """Identifies this sending of the form, so that a second click makes no second request."""
        try:
            return str(uuid.UUID(self.data.get("submission", "")))
        except ValueError:
            return str(uuid.uuid4())

    @property
    def tag_rows(self) -> list[dict[str, Any]]:
        """The rows of tags with their errors, for the page."""
        return [{**row, "errors": self.errors.get(f"tags-{index}-Key", [])} for index, row in enumerate(self.tags)]

    def text(self, name: str) -> str:
        return self.data.get(name, "").strip()

    def add_error(self, name: str, message: str) -> None:
        messages = self.errors.setdefault(name, [])
        if message not in messages:
            messages.append(message)

    def calls(self) -> list[Call]:
        """The calls as they would be sent; a value that can't be turned into its type becomes an error."""
        shared = self._members([p for p in PARAMETERS if p.scope == "request"], self.data, "")
        token = shared.pop("ClientToken", "")
        tags = self._tag_specifications()
        if tags:
            shared["TagSpecifications"] = tags
        defaults = {p.name: self.data.get(p.name, "") for p in PARAMETERS if p.scope == "both"}
        calls = []
        for index, row in enumerate(self.destinations):
            prefix = f"destinations-{index}-"
            kept = {**row, **{name: row.get(name) or value for name, value in defaults.items()}}
            for name in PLACE_FIELDS:
                if name not in KIND_FIELDS[row["kind"]]:
                    kept.pop(name, None)
            own = self._members([p for p in PARAMETERS if p.scope != "request"], kept, prefix)
            region = row.get("DestinationRegion", "").strip()
            calls.append(Call(DestinationRegion=region, parameters={**shared, **own}, ClientToken=token))
        return calls

    def check(self) -> list[Call]:
        """The calls, with every error of types and rules at its field; the form is good when `errors` stays empty."""
        self.checked = True
        calls = self.calls()
        account = self.account
        if account is None:
            self.add_error("account", "Choose the AWS account to copy into.")
        if len(self.destinations) > MOST or len(self.tags) > MOST:
            self.add_error("destinations", f"Send at most {MOST} rows.")
        if "\0" in "".join(self.data.values()):
            self.add_error("reason", "Remove the NUL character: it isn't text.")
        reason = self.text("reason")
        if len(reason) > 4000:
            self.add_error("reason", f"Shorten the reason to 4,000 characters. This has {len(reason):,}.")
        if account is not None:
            self.refuse(workflow.check_submission(account=account, reason=reason, calls=calls))
        elif not reason:
            self.add_error("reason", "Enter why this copy is needed.")
        return calls

    def refuse(self, errors: Sequence[FieldError]) -> None:
        """Puts the rules' errors at the inputs they belong to."""
        for error in errors:
            self.add_error(self._input(error), error.message)

    def _input(self, error: FieldError) -> str:
        parameter = BY_NAME.get(error.field)
        if error.field == "DestinationRegion" or (parameter and parameter.scope != "request"):
            return f"destinations-{error.destination or 0}-{error.field}"
        return error.field

    def _members(self, parameters: Sequence[Parameter], data: Mapping[str, str], prefix: str) -> dict[str, Any]:
        """The filled members of these parameters as CopyImage takes them."""
        members: dict[str, Any] = {}
        for parameter in parameters:
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
                else:
                    self.add_error(prefix + parameter.name, "Choose one of the answers.")
            elif parameter.kind == "number":
                if text.isascii() and text.isdigit() and len(text) < 10:
                    members[parameter.name] = int(text)
                else:
                    self.add_error(prefix + parameter.name, f"Enter a whole number. {text[:20]!r} isn't one.")
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
    kind = next((kind for kind, names in KIND_FIELDS.items() if any(row.get(name, "").strip() for name in names)), None)
    return {**row, "kind": kind or "region"}


def initial_of(request_calls: Sequence[Call], *, account: Account, reason: str) -> dict[str, str]:
    """The form's data for a clone of these calls; the token stays behind, it works once."""
    data: dict[str, str] = {"account": account.name, "reason": reason}
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
            data[name if parameter.scope == "request" else f"destinations-{index}-{name}"] = text
    for index, row in enumerate(tags.values()):
        data |= {f"tags-{index}-{name}": value for name, value in row.items()}
    return data
