"""What differs between two submissions of a request, for the person who decides on the second."""

from collections.abc import Mapping, Sequence
from typing import Any

from amicopy.copies.core.calls import Call


def changes(before: Sequence[Call], after: Sequence[Call]) -> list[dict[str, Any]]:
    """One row a difference: {"destination", "member", "old", "new"}; None stands for what isn't there.

    Calls are matched by destination; one that came or went is a row with the member DestinationRegion.
    """
    old = {call.destination: call for call in before}
    new = {call.destination: call for call in after}
    rows: list[dict[str, Any]] = []
    for destination in [*old, *(destination for destination in new if destination not in old)]:
        was, becomes = old.get(destination), new.get(destination)
        if was is None or becomes is None:
            rows.append(
                {
                    "destination": destination,
                    "member": "DestinationRegion",
                    "old": was.DestinationRegion if was else None,
                    "new": becomes.DestinationRegion if becomes else None,
                }
            )
            continue
        left, right = _members(was), _members(becomes)
        rows += [
            {"destination": destination, "member": member, "old": left.get(member), "new": right.get(member)}
            for member in sorted({*left, *right})
            if left.get(member) != right.get(member)
        ]
    return rows


def step_changes(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The same for the steps after copies, each as {destination: {step: members}}: a row a step, of destinations that
    are in both."""
    return [
        {"destination": destination, "member": code, "old": before[destination].get(code), "new": steps.get(code)}
        for destination, steps in after.items()
        if destination in before
        for code in sorted({*before[destination], *steps})
        if before[destination].get(code) != steps.get(code)
    ]


def _members(call: Call) -> Mapping[str, Any]:
    token = {"ClientToken": call.ClientToken} if call.ClientToken else {}
    return {**call.parameters, **token}
