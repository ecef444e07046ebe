"""A request's history as a person tells it: the audit events that matter, and what comes next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import COPY_STARTABLE, CopyState, RequestState
from amicopy.copies.core.steps.table import BY_CODE

# Steps in between, which the copies' own rows show; the history has them all.
_LEFT_OUT = frozenset(
    {"step.called", "copy.queued", "copy.held_again", "copy.starting", "copy.waiting", "audit.bundled"}
    | {"image.queued", "image.held_again", "image.starting", "image.waiting"}
)
# action -> (colour, icon); every other action is a plain step
_LOOKS: Mapping[str, tuple[str, str]] = {
    "request.submitted": ("ok", "person"),
    "request.resubmitted": ("ok", "person"),
    "request.approved": ("ok", "check"),
    "request.vote": ("ok", "check"),
    "request.vote_withdrawn": ("idle", "undo"),
    "request.break_glass": ("warn", "warn"),
    "request.rejected": ("idle", "stop"),
    "request.changes_requested": ("wait", "retry"),
    "request.withdrawn": ("idle", "stop"),
    "request.expired": ("idle", "clock"),
    "request.completed": ("ok", "ok"),
    "request.partial": ("warn", "warn"),
    "request.failed": ("fail", "fail"),
    "request.cancelled": ("idle", "stop"),
    "request.retried": ("run", "retry"),
    "copy.copying": ("run", "copy"),
    "copy.adopted": ("run", "copy"),
    "copy.checked": ("ok", "shield"),
    "copy.available": ("ok", "ok"),
    "copy.failed": ("fail", "fail"),
    "copy.cancelling": ("idle", "stop"),
    "copy.cancelled": ("idle", "stop"),
    "copy.retried": ("run", "retry"),
    "copy.drifted": ("warn", "warn"),
    "copy.traced": ("idle", "person"),
    "image.found": ("ok", "ok"),
    "image.failed": ("fail", "fail"),
    "image.retried": ("run", "retry"),
    "image.cancelling": ("idle", "stop"),
    "image.cancelled": ("idle", "stop"),
    "step.done": ("ok", "check"),
    "step.failed": ("fail", "fail"),
    "step.retried": ("run", "retry"),
    "step.undoing": ("idle", "undo"),
    "step.undone": ("idle", "undo"),
}
# What becomes of a step after a copy, behind its name.
_STEP_WORDS: Mapping[str, str] = {
    "step.done": "done",
    "step.failed": "failed",
    "step.retried": "tried again",
    "step.undoing": "being undone",
    "step.undone": "undone",
}
_NEXT: Mapping[str, str] = {
    RequestState.PENDING: "Approval",
    RequestState.CHANGES_REQUESTED: "A new submission by the requester",
}
# More than anybody reads; the rest is a link away.
MOST = 60


@dataclass(frozen=True)
class Step:
    """`number` is the audit event's, None for a step to come."""

    colour: str
    icon: str
    words: str
    number: int | None = None
    actor: str = ""
    at: datetime | None = None
    quote: str = ""
    place: str = ""


def steps_of(request: CopyRequest, copies: Sequence[ImageCopy], *, own_name: str) -> list[Step]:
    """Oldest first, at most the last MOST, then the next step while there is one. `own_name` is the reader's."""
    places = {copy.pk: copy.destination for copy in copies}
    events = AuditEvent.objects.filter(request=request.pk).exclude(action__in=_LEFT_OUT).order_by("-id")[:MOST]
    steps = [_step(event, places, own_name) for event in reversed(events)]
    return [*steps, *next_steps(request, copies, own_name=own_name)]


def _step(event: AuditEvent, places: Mapping[int, str], own_name: str) -> Step:
    colour, icon = _LOOKS.get(event.action, ("idle", "info"))
    by_person = event.source in {"page", "api"}
    return Step(
        colour=colour,
        icon=icon,
        words=_words(event),
        number=event.pk,
        actor=("you" if event.actor == own_name else event.actor) if by_person else "",
        at=event.at,
        quote=str(event.data.get("reason") or ""),
        place=places.get(event.copy or 0, event.region),
    )


def _words(event: AuditEvent) -> str:
    """What happened; of a step after a copy, to which of them."""
    step = BY_CODE.get(str(event.data.get("step", "")))
    return f"{step.label}: {_STEP_WORDS[event.action]}" if step and event.action in _STEP_WORDS else event.sentence


def next_steps(request: CopyRequest, copies: Iterable[ImageCopy], *, own_name: str) -> list[Step]:
    """What is under way and what comes next. How far a copy is stands in its row, which changes far more often."""
    if request.state == RequestState.CHANGES_REQUESTED and request.requester.get_username() == own_name:
        return [Step("next", "clock", "Your new submission")]
    if request.state in _NEXT:
        return [Step("next", "clock", _NEXT[request.state])]
    if request.state != RequestState.APPROVED:
        return []
    running = [copy for copy in copies if copy.state == CopyState.COPYING]
    waiting = [copy for copy in copies if copy.state in COPY_STARTABLE]
    return [
        *(Step("run", "run", "Copying", place=copy.destination) for copy in running),
        *(Step("next", "clock", "Starts by itself", place=copy.destination) for copy in waiting),
    ]
