"""What a requester was warned of, for whoever decides: from the rules and look-ups that the form's notes come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.rules.destinations import PLACES


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


def looked_up(calls: Sequence[Call], lookups: Mapping[str, Any]) -> list[FieldError]:
    """What the look-ups found against these calls: places the account can't use, and keys that can't encrypt."""
    return unusable_places(calls, lookups) + unusable_keys(calls, lookups)


def unusable_places(calls: Sequence[Call], lookups: Mapping[str, Any]) -> list[FieldError]:
    """Why the account can't copy to a destination, at the member that says where it is."""
    return [
        FieldError(next((name for name in PLACES if call.parameters.get(name)), "DestinationRegion"), words, index)
        for index, call in enumerate(calls)
        if (words := known_of(calls, lookups, index).get("place"))
    ]


def unusable_keys(calls: Sequence[Call], lookups: Mapping[str, Any]) -> list[FieldError]:
    """Why a chosen key can't encrypt a copy."""
    found = []
    for index, call in enumerate(calls):
        key = known_of(calls, lookups, index).get("key") if call.parameters.get("KmsKeyId") else None
        if key and key["problem"]:
            words = f"{key['problem']} AWS would take the request and fail the copy later."
            found.append(FieldError("KmsKeyId", words, index))
    return found


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
