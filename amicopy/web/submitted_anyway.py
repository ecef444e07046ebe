"""What pages say of a request that was submitted although something known was in its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from amicopy.copies.core.models import CopyRequest
from amicopy.copies.rules import known_problems


@dataclass(frozen=True)
class Spite:
    """One thing that was known: where, what, and whether a later look found it still so; None before one."""

    destination: str
    message: str
    still: bool | None


@dataclass(frozen=True)
class SubmittedAnyway:
    """Why it was submitted, in spite of what; `looked_at` is when somebody last looked whether it is still so."""

    reason: str
    problems: Sequence[Spite]
    looked_at: datetime | None


def of_request(row: CopyRequest) -> SubmittedAnyway | None:
    """What is said of a request; None where nothing was in its way."""
    if not row.anyway:
        return None
    looked = row.anyway_looked
    answers = dict.fromkeys(looked.get("still", ()), True) | dict.fromkeys(looked.get("over", ()), False)
    problems = [
        Spite(each["destination"], each["message"], answers.get(known_problems.key_of_kept(each)))
        for each in row.anyway["problems"]
    ]
    at = looked.get("at")
    return SubmittedAnyway(row.anyway["reason"], problems, datetime.fromisoformat(at) if at else None)
