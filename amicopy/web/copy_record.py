"""The record of one copy in words: a sentence that can be quoted, five steps, and each property at every step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from amicopy.audit.models import AuditEvent
from amicopy.copies.core import drift
from amicopy.copies.core.models import Attempt, CopyLook, Decision, DriftLook, DriftTrace, ImageCopy
from amicopy.copies.core.permissions import named
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.core.step_models import counts_of
from amicopy.copies.operations.copy_records import Property
from amicopy.web.status import copy_status, duration

ASKED = ("request.submitted", "request.resubmitted", "request.renewed")
APPROVED = ("request.vote", "request.approved", "request.break_glass")
SENT = ("copy.copying", "copy.adopted", "copy.checked")
GOT = ("copy.available", "copy.checked", "copy.failed", "copy.cancelled")
FOUND = ("image.found", "image.failed", "image.cancelled")
# The columns beside what was asked.
STEPS = ("approved", "sent", "got", "now")


@dataclass(frozen=True)
class Step:
    """One of the five; `events` are those that tell of it, `note` a second line."""

    name: str
    colour: str
    icon: str
    words: str
    when: datetime | None = None
    note: str = ""
    events: Sequence[AuditEvent] = field(default=())


@dataclass(frozen=True)
class Cell:
    """What a property was at one step, as a `value` or in the words that spare it; `off` where it isn't what was
    approved."""

    step: str
    value: Any = None
    words: str = ""
    off: bool = False

    @property
    def look(self) -> str:
        """The class of the cell in the table."""
        if self.off:
            return "off"
        return "as" if self.words else "" if self.value is not None else "nothing"


@dataclass(frozen=True)
class Row:
    """One property at every step."""

    name: str
    asked: Any
    cells: Sequence[Cell]


def rows_of(properties: Iterable[Property]) -> list[Row]:
    """The properties for the table."""
    return [Row(each.name, each.asked, [_cell(each, step) for step in STEPS]) for each in properties]


def _cell(row: Property, step: str) -> Cell:
    value = getattr(row, step)
    fits = {"got": row.got_fits, "now": row.now_fits}.get(step)
    if value is None and fits is None:
        return Cell(step)
    if fits is False:
        return Cell(step, value, off=True)
    if value == row.asked:
        return Cell(step, words="Same")
    if step != "approved" and value == row.approved:
        return Cell(step, words="As approved")
    # An alias and the ARN of its key are the same key, and both are worth reading.
    return Cell(step, value)


def steps_of(
    copy: ImageCopy,
    decisions: Sequence[Decision],
    attempts: Sequence[Attempt],
    events: Sequence[AuditEvent],
    look: CopyLook | None,
) -> list[Step]:
    """Asked, approved, sent, got, now."""
    request = copy.request
    # What was asked and decided in earlier rounds is told by the events below.
    asked = [each for each in events if each.action in ASKED][-1:]
    first = [
        Step("Asked", "ok", "person", named(request.requester), request.submitted_at, events=asked),
        _approved(copy, decisions, [each for each in events if each.action in APPROVED]),
    ]
    if copy.existing:
        # Nothing is sent for it but its steps, which have their own piece of the page.
        own = [each for each in events if each.copy == copy.pk and each.action in FOUND][-1:]
        return [*first, replace(_got(copy, own), name="Looked at", note=copy.error_code), _now(copy, look)]
    return [
        *first,
        _sent(attempts, [each for each in events if each.copy == copy.pk and each.action in SENT]),
        _got(copy, [each for each in events if each.copy == copy.pk and each.action in GOT][-1:]),
        _now(copy, look),
    ]


def _approved(copy: ImageCopy, decisions: Sequence[Decision], events: Sequence[AuditEvent]) -> Step:
    given = [row for row in decisions if row.kind in {Decision.Kind.APPROVE, Decision.Kind.BREAK_GLASS}]
    against = [row for row in decisions if row not in given]
    if given:
        words = _and([_voter(row) for row in given])
        alone = any(row.kind == Decision.Kind.BREAK_GLASS for row in given)
        note = "Alone, in an emergency" if alone else _rules(copy)
        open_ = copy.request.state == RequestState.PENDING
        return Step(
            "Approved", "wait" if open_ else "ok", "check", words, given[-1].decided_at, note=note, events=events
        )
    if against:
        row = against[-1]
        return Step("Approved", "idle", "stop", f"{row.get_kind_display()} by {_voter(row)}", row.decided_at)
    if copy.request.state == RequestState.PENDING:
        return Step("Approved", "wait", "clock", "Nobody yet")
    if events:
        return Step("Approved", "ok", "check", "Nobody had to", events[-1].at, note=_rules(copy), events=events)
    return Step("Approved", "idle", "stop", "Nobody did")


def _rules(copy: ImageCopy) -> str:
    """Which rules asked for the approval, with their versions."""
    named_rules = [(each["name"], each.get("version")) for each in copy.request.rules if each.get("name")]
    return ", ".join(f"{name}, version {version}" if version else name for name, version in named_rules)


def _sent(attempts: Sequence[Attempt], events: Sequence[AuditEvent]) -> Step:
    called = [each for each in attempts if each.first_called_at]
    if not called:
        return Step("Sent", "idle", "clock", "Never")
    times = "1 attempt" if len(called) == 1 else f"{len(called)} attempts"
    return Step("Sent", "ok", "arrow", "amicopy", called[-1].first_called_at, note=times, events=events)


def _got(copy: ImageCopy, events: Sequence[AuditEvent]) -> Step:
    status = copy_status(copy)
    if copy.state == CopyState.AVAILABLE:
        fits = all(check["ok"] for check in copy.verification)
        note = "Checked: as approved" if fits else "Not quite what was approved"
        return Step("Got", "ok" if fits else "warn", "copy", copy.ImageId, copy.finished_at, note=note, events=events)
    note = copy.error_code
    return Step("Got", status.colour, status.icon, status.words, copy.finished_at, note=note, events=events)


def _now(copy: ImageCopy, look: CopyLook | None) -> Step:
    if not copy.ImageId:
        return Step("Now", "idle", "info", "There is no AMI")
    if look is None or look.looked_at is None:
        words = "Not looked at since" if copy.finished_at else copy_status(copy).words
        return Step("Now", "idle", "info", words, copy.finished_at)
    if look.error:
        return Step("Now", "warn", "warn", "AWS couldn’t be asked", look.looked_at, note=look.error)
    if not look.State:
        return Step("Now", "warn", "warn", "AWS doesn’t know the AMI any more", look.looked_at)
    off = sum(not check["ok"] for check in look.verification)
    if off:
        words = f"{off} difference{'' if off == 1 else 's'}; the AMI is {look.State}"
        return Step("Now", "warn", "warn", words, look.looked_at)
    return Step("Now", "ok", "ok", f"As approved; the AMI is {look.State}", look.looked_at)


@dataclass(frozen=True)
class Drifted:
    """Something that isn't as it was approved any more: what, how it was approved and how it is now as far as that was
    told, who changed it, and what to do about it. `trace` has the call that did; `unknown` is why nobody knows."""

    words: drift.Words
    expected: Any
    found: Any
    trace: DriftTrace | None = None
    unknown: str = ""


def drifted_of(copy: ImageCopy) -> list[Drifted]:
    """What a sweep found to be otherwise than approved, in words, with who changed it."""
    traces = {trace.code: trace for trace in copy.drift_traces.all()} if copy.drift else {}
    refused = ""
    if any(trace.asked_at is None for trace in traces.values()):
        places = DriftLook.objects.filter(account=copy.account_id, DestinationRegion=copy.DestinationRegion)
        refused = places.values_list("trace_error", flat=True).first() or ""
    return [_drifted(each, traces.get(each["code"]), refused) for each in copy.drift]


def _drifted(found: Mapping[str, Any], trace: DriftTrace | None, refused: str) -> Drifted:
    words = drift.WORDS[drift.Drift(found["code"])]
    about = words, found.get("expected"), found.get("found")
    if trace is None:
        return Drifted(*about)
    if trace.asked_at is None:
        why = f"CloudTrail can’t be asked here ({refused})" if refused else "CloudTrail is asked in a while"
        return Drifted(*about, unknown=why)
    return Drifted(*about, trace=trace) if trace.EventId else Drifted(*about, unknown="CloudTrail doesn’t say")


def answer_of(
    copy: ImageCopy, decisions: Sequence[Decision], attempts: Sequence[Attempt], look: CopyLook | None
) -> tuple[str, str]:
    """What happened in one sentence that a person could quote, and what has become of it since, empty where that isn't
    known."""
    parts = [f"Asked by {named(copy.request.requester)}"]
    given = [row for row in decisions if row.kind in {Decision.Kind.APPROVE, Decision.Kind.BREAK_GLASS}]
    stopped = [row for row in decisions if row not in given]
    called = [each for each in attempts if each.first_called_at]
    if given:
        parts.append(f"approved by {_and([_voter(row) for row in given])}")
    elif stopped:
        parts.append(f"{stopped[-1].get_kind_display().lower()} by {_voter(stopped[-1])}")
    elif copy.request.state not in _UNDECIDED:
        parts.append("approved by a rule that asks for nobody")
    if called:
        parts.append(f"sent {_times(len(called))} by amicopy")
    elif not stopped and not copy.existing:
        parts.append("not sent")
    parts += _outcome(copy)
    return f"{', '.join(parts)}.", _since(copy, look)


_UNDECIDED = frozenset(
    {RequestState.PENDING, RequestState.CHANGES_REQUESTED, RequestState.EXPIRED, RequestState.WITHDRAWN}
)


def _outcome(copy: ImageCopy) -> list[str]:
    if copy.existing:
        steps = counts_of([copy.pk]).get(copy.pk)
        done = f"{steps.done} of {steps.of} steps done to {copy.ImageId}" if steps else ""
        ends = {CopyState.FAILED: f"failed with {copy.error_code}", CopyState.CANCELLED: "cancelled"}
        found = done if copy.state == CopyState.AVAILABLE else ends.get(CopyState(copy.state), "")
        return [found] if found else []
    if copy.state == CopyState.AVAILABLE:
        seconds = (copy.finished_at - copy.called_at).total_seconds() if copy.finished_at and copy.called_at else None
        taken = f" in {duration(seconds)}" if seconds is not None else ""
        fits = all(check["ok"] for check in copy.verification)
        return [f"got as {copy.ImageId}{taken}", "exactly as approved" if fits else "not quite as approved"]
    return {
        CopyState.CHECKED: ["allowed by AWS in a dry run"],
        CopyState.FAILED: [f"failed with {copy.error_code}"],
        CopyState.CANCELLED: ["cancelled"],
        CopyState.COPYING: [f"under way as {copy.ImageId}, {copy.progress}% done"],
    }.get(CopyState(copy.state), [])


def _since(copy: ImageCopy, look: CopyLook | None) -> str:
    if copy.state != CopyState.AVAILABLE or look is None or look.looked_at is None or look.error:
        return ""
    if not look.State:
        return "Since then the AMI has gone from AWS."
    # What differed from the start is part of what was got.
    before = {check["property"] for check in copy.verification if not check["ok"]}
    off = [check for check in look.verification if not check["ok"] and check["property"] not in before]
    if not off:
        return "Nothing was found changed since."
    number = {1: "one thing was", 2: "two things were", 3: "three things were"}.get(len(off), f"{len(off)} things were")
    return f"Since then {number} changed outside amicopy."


def _voter(row: Decision) -> str:
    who = row.decided_by.get_username()
    return f"{who} for {row.on_behalf_of.get_username()}" if row.on_behalf_of else who


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
