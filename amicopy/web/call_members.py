"""The calls of a request and what follows them, member by member, as pages show them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.parameters import shown
from amicopy.copies.core.steps.table import in_order


def calls_of(copies: Sequence[ImageCopy]) -> list[dict[str, Any]]:
    """What is sent for each copy, member by member, and each step after it; what is the same everywhere comes once,
    first."""
    members, own_members = _divided(copies, _members)
    steps, own_steps = _divided(copies, _steps)
    groups: list[dict[str, Any]] = [{"title": "", "members": members, "steps": steps}]
    for copy, own, after in zip(copies, own_members, own_steps, strict=True):
        if own or after:
            title = {"title": copy.destination, "region": copy.DestinationRegion}
            groups.append({**title, "members": own, "steps": after})
    return groups


def _divided(
    copies: Sequence[ImageCopy], of: Callable[[ImageCopy], dict[str, tuple[Any, Any]]]
) -> tuple[list[tuple[Any, Any]], list[list[tuple[Any, Any]]]]:
    """What is the same for all copies, and what each has besides."""
    each = [of(copy) for copy in copies]
    first = each[0] if each else {}
    same = {name for name in first if all(found.get(name) == first[name] for found in each)}
    own = [[pair for name, pair in found.items() if name not in same] for found in each]
    return [first[name] for name in first if name in same], own


def _members(copy: ImageCopy) -> dict[str, tuple[Any, Any]]:
    members = {parameter.name: (parameter, value) for parameter, value in shown(copy.parameters)}
    if copy.existing:
        # It is the source of nothing.
        words = {"SourceRegion": "Region", "SourceImageId": "AMI"}
        return {name: (replace(each, label=words[name]), value) for name, (each, value) in members.items()}
    return members


def _steps(copy: ImageCopy) -> dict[str, tuple[Any, Any]]:
    """The steps after a copy, each with its members and their values."""
    return {
        step.code: (
            step,
            [
                (each, copy.approved_steps[step.code][each.name])
                for each in step.members
                if each.name in copy.approved_steps[step.code]
            ],
        )
        for step in in_order(copy.approved_steps)
    }
