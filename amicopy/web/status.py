"""States as people see them: an icon, a colour that repeats it, and words."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone

from amicopy.copies.models import CopyRequest, ImageCopy
from amicopy.copies.states import COPY_DONE, CopyState, RequestState


@dataclass(frozen=True)
class Status:
    """`colour` is one of wait, idle, run, ok, warn, fail; `detail` a second line, possibly empty."""

    colour: str
    icon: str
    words: str
    detail: str = ""


_REQUEST: Mapping[str, Status] = {
    RequestState.PENDING: Status("wait", "person", "Waiting for approval"),
    RequestState.CHANGES_REQUESTED: Status("wait", "person", "Changes requested"),
    RequestState.APPROVED: Status("run", "run", "Copying"),
    RequestState.REJECTED: Status("idle", "stop", "Rejected"),
    RequestState.WITHDRAWN: Status("idle", "stop", "Withdrawn"),
    RequestState.EXPIRED: Status("idle", "stop", "Expired"),
    RequestState.COMPLETED: Status("ok", "ok", "Done"),
    RequestState.PARTIAL: Status("warn", "warn", "Partly done"),
    RequestState.FAILED: Status("fail", "fail", "Failed"),
    RequestState.CANCELLED: Status("idle", "stop", "Cancelled"),
}
_COPY: Mapping[str, Status] = {
    CopyState.HELD: Status("wait", "person", "Waiting for approval"),
    CopyState.QUEUED: Status("idle", "clock", "Queued"),
    CopyState.STARTING: Status("run", "run", "Starting"),
    CopyState.COPYING: Status("run", "run", "Copying"),
    CopyState.AVAILABLE: Status("ok", "ok", "Available"),
    CopyState.CHECKED: Status("ok", "ok", "Permissions checked"),
    CopyState.FAILED: Status("fail", "fail", "Failed"),
    CopyState.CANCELLING: Status("run", "run", "Cancelling"),
    CopyState.CANCELLED: Status("idle", "stop", "Cancelled"),
}


def request_status(request: CopyRequest) -> Status:
    """The status of a request; while its copies run, with how many are done."""
    known = _REQUEST[request.state]
    if request.state not in {RequestState.APPROVED, RequestState.PARTIAL, RequestState.COMPLETED}:
        return known
    copies = list(request.copies.all())
    done = sum(copy.state in COPY_DONE for copy in copies)
    failed = sum(copy.state == CopyState.FAILED for copy in copies)
    detail = f"{done} of {len(copies)} done" if len(copies) > 1 else ""
    if failed and len(copies) > 1:
        detail += f", {failed} failed"
    words = known.words
    if request.state == RequestState.APPROVED and any(copy.state == CopyState.COPYING for copy in copies):
        words = f"Copying, {overall(copies)}%"
    elif request.state == RequestState.APPROVED:
        return Status("idle", "clock", "Approved, starting", detail)
    return Status(known.colour, known.icon, words, detail)


def copy_status(copy: ImageCopy) -> Status:
    """The status of a copy; what it waits for is the second line."""
    known = _COPY[copy.state]
    if copy.waiting_for:
        return Status("idle", "clock", known.words, copy.waiting_for)
    if copy.state == CopyState.COPYING:
        return Status(known.colour, known.icon, f"Copying, {copy.progress}%")
    return known


def overall(copies: list[ImageCopy]) -> int:
    """Whole percent over all copies, weighted by GiB; failed and cancelled ones are left out."""
    counted = [copy for copy in copies if copy.state not in {CopyState.FAILED, CopyState.CANCELLED}]
    sizes = {copy.pk: sum(row["VolumeSize"] for row in copy.snapshots) for copy in counted}
    known = [size for size in sizes.values() if size]
    usual = sum(known) / len(known) if known else 1
    total = sum(size or usual for size in sizes.values())
    if not total:
        return 0
    return int(sum((sizes[copy.pk] or usual) * copy.progress for copy in counted) / total)


def seconds_left(copy: ImageCopy) -> float | None:
    """How long a copy still takes if it goes on as so far; None while that can't be told."""
    if copy.state != CopyState.COPYING or copy.called_at is None or copy.progress < 5:
        return None
    taken = (timezone.now() - copy.called_at).total_seconds()
    return taken * (100 - copy.progress) / copy.progress
