"""What a requester gives reasons for: the copy itself, and submitting it although something known is in its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.rules import known_problems

LONGEST_REASON = 4000


@dataclass(frozen=True)
class Anyway:
    """That somebody submits although something known is in the way, and why. `known` are the problems that they were
    shown, by `known_problems.key_of`; None: a program, which takes what there is."""

    reason: str
    known: frozenset[str] | None = None


def reason_errors(
    reason: str, *, field: str = "reason", empty: str = "Enter why this copy is needed."
) -> list[FieldError]:
    """What is wrong with a reason; `empty` is said of none."""
    if not reason.strip():
        return [FieldError(field, empty)]
    if "\0" in reason:
        return [FieldError(field, "Remove the NUL character: it isn't text.")]
    if len(reason) > LONGEST_REASON:
        return [FieldError(field, f"Shorten the reason to {LONGEST_REASON:,} characters. This has {len(reason):,}.")]
    return []


def kept(in_the_way: Sequence[FieldError], calls: Sequence[Call], anyway: Anyway | None) -> dict[str, Any]:
    """What a request keeps of being submitted anyway; empty when nothing was in its way."""
    problems = [known_problems.kept(each, calls) for each in in_the_way]
    return {"reason": anyway.reason.strip(), "problems": problems} if problems and anyway else {}


def not_accepted(in_the_way: Sequence[FieldError], calls: Sequence[Call], anyway: Anyway | None) -> list[FieldError]:
    """What is in the way and wasn't known to who submits it anyway, and what is wrong with why they do."""
    if anyway is None or not in_the_way:
        return list(in_the_way)
    known = anyway.known
    new = [each for each in in_the_way if known is not None and known_problems.key_of(each, calls) not in known]
    empty = "Enter why to submit it anyway: who decides reads that first."
    return new + reason_errors(anyway.reason, field="submit_anyway_reason", empty=empty)
