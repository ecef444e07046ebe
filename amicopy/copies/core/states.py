"""The states of a request, of an image copy and of its steps, and the moves between them. The README's picture is
compared with this."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from django.db.models import TextChoices


class RequestState(TextChoices):
    PENDING = "PENDING", "Waiting for approval"
    CHANGES_REQUESTED = "CHANGES_REQUESTED", "Changes requested"
    APPROVED = "APPROVED", "Approved"
    REJECTED = "REJECTED", "Rejected"
    WITHDRAWN = "WITHDRAWN", "Withdrawn"
    EXPIRED = "EXPIRED", "Expired"
    COMPLETED = "COMPLETED", "Completed"
    PARTIAL = "PARTIAL", "Partly done"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


class CopyState(TextChoices):
    HELD = "HELD", "Waiting for approval"
    QUEUED = "QUEUED", "Queued"
    STARTING = "STARTING", "Starting"
    COPYING = "COPYING", "Copying"
    AVAILABLE = "AVAILABLE", "Available"
    CHECKED = "CHECKED", "Permissions checked"
    FAILED = "FAILED", "Failed"
    CANCELLING = "CANCELLING", "Cancelling"
    CANCELLED = "CANCELLED", "Cancelled"


class StepState(TextChoices):
    WAITING = "WAITING", "Waiting"
    CALLED = "CALLED", "Under way"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"
    UNDOING = "UNDOING", "Being undone"
    UNDONE = "UNDONE", "Undone"


R, C, S = RequestState, CopyState, StepState

REQUEST_MOVES: Mapping[str, frozenset[str]] = {
    R.PENDING: frozenset({R.APPROVED, R.REJECTED, R.CHANGES_REQUESTED, R.WITHDRAWN, R.EXPIRED}),
    R.CHANGES_REQUESTED: frozenset({R.PENDING, R.WITHDRAWN, R.EXPIRED}),
    R.EXPIRED: frozenset({R.PENDING}),
    # Back to PENDING while the last approval can be taken back.
    R.APPROVED: frozenset({R.COMPLETED, R.PARTIAL, R.FAILED, R.CANCELLED, R.PENDING}),
    # A retry sets a finished request to work again; its approval still holds.
    R.PARTIAL: frozenset({R.APPROVED}),
    R.FAILED: frozenset({R.APPROVED}),
    R.REJECTED: frozenset(),
    R.WITHDRAWN: frozenset(),
    R.COMPLETED: frozenset(),
    R.CANCELLED: frozenset(),
}

COPY_MOVES: Mapping[str, frozenset[str]] = {
    C.HELD: frozenset({C.QUEUED, C.CANCELLED}),
    C.QUEUED: frozenset({C.STARTING, C.CANCELLED, C.HELD}),
    # An AMI that exists is there once it was looked at.
    C.STARTING: frozenset({C.COPYING, C.AVAILABLE, C.CHECKED, C.FAILED, C.CANCELLING}),
    C.COPYING: frozenset({C.AVAILABLE, C.FAILED, C.CANCELLING}),
    C.CANCELLING: frozenset({C.CANCELLED}),
    C.FAILED: frozenset({C.QUEUED}),
    # While its steps aren't done.
    C.AVAILABLE: frozenset({C.CANCELLING}),
    C.CHECKED: frozenset(),
    C.CANCELLED: frozenset(),
}

# A step after the copy. Its call is CALLED before it is sent; what is found to be as wanted needs none.
STEP_MOVES: Mapping[str, frozenset[str]] = {
    S.WAITING: frozenset({S.CALLED, S.DONE, S.FAILED, S.UNDONE}),
    S.CALLED: frozenset({S.DONE, S.FAILED, S.UNDOING}),
    S.FAILED: frozenset({S.WAITING, S.UNDOING}),
    S.DONE: frozenset({S.UNDOING}),
    S.UNDOING: frozenset({S.UNDONE}),
    S.UNDONE: frozenset(),
}
# What a worker still has to do something about, and what is over well: an alias that was put back was done before.
STEP_OPEN = frozenset({S.WAITING, S.CALLED})
STEP_DONE = frozenset({S.DONE, S.UNDOING, S.UNDONE})

# What a worker starts when it is due.
COPY_STARTABLE = frozenset({C.QUEUED, C.STARTING})
# What AWS may have something of.
COPY_AT_AWS = frozenset({C.STARTING, C.COPYING, C.CANCELLING})
# A copy that AWS or a worker may still move; its page asks again.
COPY_UNFINISHED = COPY_STARTABLE | COPY_AT_AWS
COPY_DONE = frozenset({C.AVAILABLE, C.CHECKED})
COPY_FINAL = frozenset({C.AVAILABLE, C.CHECKED, C.FAILED, C.CANCELLED})
# Requests on which something still happens by itself or waits for a person.
REQUEST_OPEN = frozenset({R.PENDING, R.CHANGES_REQUESTED, R.APPROVED})


class Outcome(StrEnum):
    """What became of a request, as programs are told once it is final."""

    SUCCEEDED = "succeeded"
    PARTLY = "partly"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


OUTCOMES: Mapping[str, Outcome] = {
    R.COMPLETED: Outcome.SUCCEEDED,
    R.PARTIAL: Outcome.PARTLY,
    R.FAILED: Outcome.FAILED,
    R.REJECTED: Outcome.REJECTED,
    R.EXPIRED: Outcome.EXPIRED,
    R.WITHDRAWN: Outcome.CANCELLED,
    R.CANCELLED: Outcome.CANCELLED,
}


def outcome(states: list[str], *, steps: Collection[str] = ()) -> str | None:
    """The state of a request whose copies are in these states, or None while one of them is not final. `steps` are the
    states of the steps after its available copies: while none of a copy's has failed they go on, so that a caller
    leaves out those that wait behind one that failed."""
    if not states or any(state not in COPY_FINAL for state in states) or any(step in STEP_OPEN for step in steps):
        return None
    if all(state in COPY_DONE for state in states):
        return R.PARTIAL if S.FAILED in steps else R.COMPLETED
    if any(state in COPY_DONE for state in states):
        return R.PARTIAL
    return R.FAILED if C.FAILED in states else R.CANCELLED
