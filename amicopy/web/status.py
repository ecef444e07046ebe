"""States as people see them: an icon, a colour that repeats it, and words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.progress import overall
from amicopy.copies.core.reason_words import words_of
from amicopy.copies.core.reasons import Reason
from amicopy.copies.core.states import COPY_DONE, CopyState, RequestState


@dataclass(frozen=True)
class Status:
    """`colour` is one of wait, idle, run, ok, warn, fail; `detail` a second line, possibly empty; `short` the words
    for where a bar beside them says how far it is."""

    colour: str
    icon: str
    words: str
    detail: str = ""
    short: str = ""

    @property
    def running(self) -> bool:
        """Whether it is under way, so that its icon turns and a bar stands below it."""
        return self.icon == "run"


_REQUEST: Mapping[str, Status] = {
    RequestState.PENDING: Status("wait", "person", "Waiting for approval"),
    RequestState.CHANGES_REQUESTED: Status("wait", "person", "Changes requested"),
    RequestState.APPROVED: Status("run", "run", "In progress"),
    RequestState.REJECTED: Status("idle", "stop", "Rejected"),
    RequestState.WITHDRAWN: Status("idle", "stop", "Withdrawn"),
    RequestState.EXPIRED: Status("idle", "stop", "Expired", "nobody decided in time"),
    RequestState.COMPLETED: Status("ok", "ok", "Done"),
    RequestState.PARTIAL: Status("warn", "warn", "Partly done"),
    RequestState.FAILED: Status("fail", "fail", "Failed"),
    RequestState.CANCELLED: Status("idle", "stop", "Cancelled"),
}
_COPY: Mapping[str, Status] = {
    CopyState.HELD: Status("wait", "person", "Waiting for approval"),
    CopyState.QUEUED: Status("idle", "clock", "Queued", "starts by itself"),
    CopyState.STARTING: Status("run", "run", "Starting"),
    CopyState.COPYING: Status("run", "run", "Copying"),
    CopyState.AVAILABLE: Status("ok", "ok", "Available"),
    CopyState.CHECKED: Status("ok", "shield", "Permissions checked", "dry run; nothing created"),
    CopyState.FAILED: Status("fail", "fail", "Failed"),
    CopyState.CANCELLING: Status("run", "run", "Cancelling"),
    CopyState.CANCELLED: Status("idle", "stop", "Cancelled"),
}


def request_status(request: CopyRequest, copies: Sequence[ImageCopy] | None = None) -> Status:
    """The status of a request; while its copies run and after, with how many are done. `copies` are those of its
    current round where they are at hand."""
    known = _REQUEST[request.state]
    if request.state not in {RequestState.APPROVED, RequestState.PARTIAL, RequestState.COMPLETED}:
        return known
    copies = current(request) if copies is None else copies
    if request.state == RequestState.COMPLETED:
        if request.dry_run:
            return _COPY[CopyState.CHECKED]
        return replace(known, detail=_took(request, copies))
    counts = counted(copies)
    if request.state == RequestState.PARTIAL or len(copies) < 2:
        detail = counts if len(copies) > 1 else ""
        if request.state == RequestState.PARTIAL and all(copy.state in COPY_DONE for copy in copies):
            detail = "a step failed" if request.existing else "a step after the copy failed"
        known = replace(known, detail=detail)
    else:
        known = replace(known, detail=counts)
    if request.state != RequestState.APPROVED:
        return known
    if any(copy.state == CopyState.COPYING for copy in copies):
        return replace(known, words=f"Copying, {overall(copies)}%", short="Copying")
    if any(copy.state == CopyState.CANCELLING for copy in copies):
        return replace(known, words="Cancelling")
    if request.existing and copies and all(copy.state in COPY_DONE for copy in copies):
        return replace(known, words="Steps under way", short="Steps")
    if copies and all(copy.state in COPY_DONE for copy in copies):
        return replace(known, words="Copied, steps after it under way", short="Steps after the copy")
    waits = first_wait(copies)
    if waits is not None:
        words = words_of(waits)
        return Status("warn" if waits.who else "idle", "warn" if waits.who else "clock", words.title, words.detail)
    return Status("idle", "clock", "Approved, starting", known.detail)


def current(request: CopyRequest) -> list[ImageCopy]:
    """The copies of the request's current round; from the prefetched ones where there are any."""
    return [copy for copy in request.copies.all() if copy.round == request.round]


def counted(copies: Sequence[ImageCopy]) -> str:
    """How many copies are done and how many failed, in words."""
    done = sum(copy.state in COPY_DONE for copy in copies)
    failed = sum(copy.state == CopyState.FAILED for copy in copies)
    return f"{done} of {len(copies)} done" + (f", {failed} failed" if failed else "")


def copy_status(copy: ImageCopy) -> Status:
    """The status of a copy; what it waits for is the second line. Of a request that was sent back nobody decides."""
    if copy.state == CopyState.HELD and copy.request.state == RequestState.CHANGES_REQUESTED:
        return _REQUEST[RequestState.CHANGES_REQUESTED]
    known = _COPY[copy.state]
    if copy.wait is None:
        return known
    words = words_of(copy.wait)
    colour, icon = ("warn", "warn") if copy.wait.who else ("idle", "clock")
    if copy.state in {CopyState.CANCELLING, CopyState.COPYING}:
        return Status(colour, icon, known.words, words.sentence)
    return Status(colour, icon, words.title, words.detail)


def first_wait(copies: Iterable[ImageCopy]) -> Reason | None:
    """Why the first of these copies waits that waits at all; one that needs a person comes before the others."""
    waits = [copy.wait for copy in copies if copy.wait is not None]
    return next((wait for wait in waits if wait.who), waits[0] if waits else None)


def without_percent(status: Status) -> Status:
    """The status for where a bar beside it says how far it is."""
    return replace(status, words=status.short or status.words)


def _took(request: CopyRequest, copies: Sequence[ImageCopy]) -> str:
    begun = [copy.called_at for copy in copies if copy.called_at]
    if not begun or request.finished_at is None:
        return ""
    return f"in {duration((request.finished_at - min(begun)).total_seconds())}"


def duration(seconds: float | None) -> str:
    """Seconds as the two largest units people use."""
    if seconds is None:
        return ""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{max(0, int(seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 1440:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    hours = minutes % 1440 // 60
    return f"{minutes // 1440} d {hours} h" if hours else f"{minutes // 1440} d"
