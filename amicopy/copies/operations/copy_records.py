"""One copy from first to last: what was asked, approved, sent and got, for the record that auditors read and take away.

Everything is as it is stored; what it means in words is the page's. A value that isn't there is None.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Q, QuerySet

from amicopy.audit.models import AuditEvent
from amicopy.copies.core import marks
from amicopy.copies.core.models import Attempt, CopyRequest, Decision, ImageCopy
from amicopy.copies.core.parameters import PARAMETERS

TAGS = "TagSpecifications"
# What a finished image's tags are called where it is compared with what was approved.
TAGS_OF: Mapping[str, str] = {"image": "Tags of the image", "snapshot": "Tags of the snapshots"}
NEVER_SENT = frozenset({"ClientToken"})


@dataclass(frozen=True)
class Property:
    """One property of a copy, at each step. `got_fits` and `now_fits` say whether what was found is what was approved;
    None where nothing was compared."""

    name: str
    asked: Any = None
    approved: Any = None
    sent: Any = None
    got: Any = None
    now: Any = None
    got_fits: bool | None = None
    now_fits: bool | None = None


def slug(destination: str) -> str:
    """A destination in an address: the Region, the Local Zone, or the Outpost's ID out of its ARN."""
    return destination.rpartition("/")[2]


def find(request: CopyRequest, name: str, *, round_: int | None = None) -> ImageCopy | None:
    """The copy of a request to the destination with this slug, in the newest round or in another; None without one."""
    copies = request.copies.select_related("request__account", "request__requester", "account")
    for copy in copies.filter(round=round_ or request.round).order_by("position"):
        if slug(copy.destination) == name:
            return copy
    return None


def events_of(copy: ImageCopy) -> QuerySet[AuditEvent]:
    """The events of a copy and of its whole request, the oldest first."""
    about = Q(copy=copy.pk) | Q(request=copy.request_id, copy__isnull=True)
    return AuditEvent.objects.filter(about).order_by("id")


def decisions_of(copy: ImageCopy) -> list[Decision]:
    """The decisions that counted for the copy's round or ended it, the first one first."""
    request = copy.request
    rows = request.decisions.select_related("decided_by", "on_behalf_of").filter(round__lte=copy.round)
    if copy.round == request.round:
        return [row for row in rows if row.round >= request.votes_from_round]
    return [row for row in rows if row.round == copy.round]


def properties_of(
    copy: ImageCopy, attempts: Sequence[Attempt], now: Sequence[Mapping[str, Any]] | None = None
) -> list[Property]:
    """The properties of a copy, in the order of the form. `now` is how its image compared with what was approved when
    it was last looked at, None if it never was."""
    asked = dict(marks.unmarked(copy.call(), copy.mark).parameters)
    sent = copy.parameters if _was_sent(attempts) else {}
    got = {check["property"]: check for check in copy.verification}
    later = {check["property"]: check for check in now or ()}
    rows = [_place(copy, sent=bool(sent), there=now is not None)]
    for name in (each.name for each in PARAMETERS if each.name not in {*NEVER_SENT, TAGS}):
        if name in asked or name in copy.parameters or name in got:
            rows.append(_compared(name, asked.get(name), copy.parameters.get(name), sent.get(name), got, later))
    for kind, words in TAGS_OF.items():
        first, bound, last = (_tags(each.get(TAGS), kind) for each in (asked, copy.parameters, sent))
        if first or bound or words in got:
            rows.append(_compared(words, first, bound, last, got, later))
    listed = {row.name for row in rows}
    # What follows from the source without being sent, such as its volumes.
    rest = [name for name in got if name not in listed]
    return rows + [_compared(name, None, None, None, got, later) for name in rest]


def record_of(
    copy: ImageCopy, *, attempts: Sequence[Attempt], events: Iterable[AuditEvent], now: Mapping[str, Any] | None
) -> dict[str, Any]:
    """All of it as JSON can say it. `now` is the last look at the image, see `copy_looks`; None without one."""
    request = copy.request
    return {
        "request": request.pk,
        "copy": copy.pk,
        "round": copy.round,
        "destination": copy.destination,
        "DestinationRegion": copy.DestinationRegion,
        "account": request.account.account_id,
        "state": copy.state,
        # Nothing was copied: all that was done are the steps, which the events tell of.
        **({"existing": True} if copy.existing else {}),
        "asked": {
            "by": request.requester.get_username(),
            "at": _stamp(request.submitted_at),
            "reason": request.reason,
            "parameters": dict(marks.unmarked(copy.call(), copy.mark).parameters),
        },
        "approved": {
            "content_hash": request.content_hash,
            "plan": request.plan,
            "rules": request.rules,
            "decisions": [_decision(row) for row in decisions_of(copy)],
        },
        "sent": [_attempt(row) for row in attempts if row.first_called_at],
        "got": {
            "ImageId": copy.ImageId,
            "called_at": _stamp(copy.called_at),
            "finished_at": _stamp(copy.finished_at),
            "snapshots": copy.snapshots,
            "verification": copy.verification,
            "error_code": copy.error_code,
            "error_message": copy.error_message,
        },
        "now": now,
        "properties": [asdict(row) for row in properties_of(copy, attempts, (now or {}).get("verification"))],
        "events": [event.pk for event in events],
    }


def calls_of(copy: ImageCopy, attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    """Every call of CopyImage that was made for the copy, with what AWS answered."""
    return [
        {
            "Action": "CopyImage",
            "Region": copy.DestinationRegion,
            "parameters": {**copy.parameters, "ClientToken": row.ClientToken},
            "first_called_at": _stamp(row.first_called_at),
            "last_called_at": _stamp(row.last_called_at),
            "answer": {
                "ImageId": row.ImageId,
                "error_code": row.error_code,
                "aws_request_id": row.aws_request_id,
                "in_doubt": row.in_doubt,
            },
        }
        for row in attempts
        if row.first_called_at
    ]


def _was_sent(attempts: Iterable[Attempt]) -> bool:
    return any(row.first_called_at for row in attempts)


def _place(copy: ImageCopy, *, sent: bool, there: bool) -> Property:
    where = copy.destination
    made = bool(copy.ImageId)
    return Property(
        "DestinationRegion",
        asked=where,
        approved=where,
        sent=where if sent else None,
        got=where if made else None,
        now=where if there else None,
        got_fits=True if made else None,
        now_fits=True if there else None,
    )


def _compared(
    name: str, asked: Any, approved: Any, sent: Any, got: Mapping[str, Any], later: Mapping[str, Any]
) -> Property:
    first, last = got.get(name), later.get(name)
    return Property(
        name,
        asked=asked,
        approved=approved,
        sent=sent,
        got=first["found"] if first else None,
        now=last["found"] if last else None,
        got_fits=first["ok"] if first else None,
        now_fits=last["ok"] if last else None,
    )


def _tags(specifications: Sequence[Mapping[str, Any]] | None, kind: str) -> dict[str, str] | None:
    """The tags of one kind of resource in TagSpecifications; None without any."""
    found = {
        tag["Key"]: tag["Value"]
        for each in specifications or ()
        if each["ResourceType"] == kind
        for tag in each["Tags"]
    }
    return found or None


def _decision(row: Decision) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "by": row.decided_by.get_username(),
        "on_behalf_of": row.on_behalf_of.get_username() if row.on_behalf_of else "",
        "at": _stamp(row.decided_at),
        "round": row.round,
        "reason": row.reason,
        "content_hash": row.content_hash,
    }


def _attempt(row: Attempt) -> dict[str, Any]:
    return {
        "number": row.number,
        "ClientToken": row.ClientToken,
        "at": _stamp(row.first_called_at),
        "ImageId": row.ImageId,
        "error_code": row.error_code,
        "aws_request_id": row.aws_request_id,
    }


def _stamp(when: Any) -> str | None:
    return when.isoformat() if when else None
