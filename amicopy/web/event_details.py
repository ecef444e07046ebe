"""What an event says, for people: before and after side by side, then everything else it kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amicopy.audit.models import AuditEvent


@dataclass(frozen=True)
class Difference:
    """One value before and after; `kind` is `new`, `lost` or `chg`. `where` is the destination it belongs to."""

    kind: str
    name: str
    old: str
    new: str
    where: str = ""

    @property
    def sign(self) -> str:
        return {"new": "+", "lost": "−", "chg": "→"}[self.kind]

    @property
    def word(self) -> str:
        return {"new": "added", "lost": "removed", "chg": "changed"}[self.kind]


@dataclass(frozen=True)
class Fact:
    """Something an event kept: `text` for a line, `block` for what needs its own."""

    name: str
    text: str = ""
    block: str = ""


def differences_of(event: AuditEvent) -> list[Difference]:
    """The state first, then what the event lists as changed."""
    rows = [_difference("state", event.old, event.new)] if event.old != event.new else []
    changes = event.data.get("changes")
    if isinstance(changes, Mapping):
        rows += differences(changes)
    elif isinstance(changes, list):
        rows += [
            _difference(
                str(change.get("member", "")),
                change.get("old"),
                change.get("new"),
                where=str(change.get("destination", "")),
            )
            for change in changes
            if isinstance(change, Mapping)
        ]
    return rows


def differences(changes: Mapping[str, Any]) -> list[Difference]:
    """What is listed as {name: [before, after]}."""
    return [_difference(str(name), *_pair(pair)) for name, pair in changes.items()]


def facts_of(event: AuditEvent) -> list[Fact]:
    """Everything else the event kept, empty values left out."""
    return [
        _fact(str(name), value)
        for name, value in event.data.items()
        if name != "changes" and value not in (None, "", [], {})
    ]


def _pair(pair: Any) -> tuple[Any, Any]:
    return (pair[0], pair[1]) if isinstance(pair, list) and len(pair) == 2 else (None, pair)


def _difference(name: str, old: Any, new: Any, *, where: str = "") -> Difference:
    before, after = _text(old), _text(new)
    kind = "new" if not before else "lost" if not after else "chg"
    return Difference(kind, name, before, after, where)


def _fact(name: str, value: Any) -> Fact:
    if isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value)
    ):
        return Fact(name, block=json.dumps(value, indent=2, ensure_ascii=False))
    return Fact(name, text=_text(value))


def _text(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)
