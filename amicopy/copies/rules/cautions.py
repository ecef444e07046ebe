"""What a requester was warned of, for whoever decides: from the rules and look-ups that the form's notes come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amicopy.copies.core.calls import Call, FieldError


@dataclass(frozen=True)
class Caution:
    """One warning, with the destinations it is about; none for all of them."""

    message: str
    destinations: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        return f"{', '.join(self.destinations)}: {self.message}" if self.destinations else self.message


def known_of(calls: Sequence[Call], lookups: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    """What was found out about one of these calls' destinations; empty when it was about another."""
    rows = lookups.get("destinations") or ()
    row = rows[index] if index < len(rows) else {}
    return row if row.get("destination") == calls[index].destination else {}


def words_of(lookups: Mapping[str, Any], calls: Sequence[Call], warnings: Sequence[FieldError]) -> list[str]:
    """All that whoever decides should know, a sentence each: of the source, of taken names, and what was warned of."""
    missing = (lookups.get("missing") or {}).get("source")
    found = [f"The source wasn't looked at. {missing}"] if missing and not lookups.get("source") else []
    found += [str(each["message"]) for each in lookups.get("warnings") or ()]
    found += [
        f"{row['destination']} has an AMI of this name: {', '.join(row['clashes'])}."
        for row in lookups.get("destinations") or ()
        if row.get("clashes")
    ]
    return found + [caution.sentence for caution in grouped(calls, warnings)]


def grouped(calls: Sequence[Call], warnings: Sequence[FieldError]) -> list[Caution]:
    """Each warning once, with the destinations it is about where a request has several."""
    places: dict[str, list[str]] = {}
    for warning in warnings:
        about = places.setdefault(warning.message, [])
        if warning.destination is not None and len(calls) > 1:
            about.append(calls[warning.destination].destination)
    return [Caution(message, tuple(dict.fromkeys(about))) for message, about in places.items()]
