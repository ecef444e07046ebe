"""Who is told of what happened to a request, and in which words. Called with the audit event of the change, in its
transaction; `notify` sends."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from django.urls import reverse

from amicopy.audit.models import AuditEvent
from amicopy.copies.approval import voters, votes
from amicopy.copies.models import CopyRequest, ImageCopy
from amicopy.copies.states import CopyState
from amicopy.notify import outbox
from amicopy.notify.models import Kind
from amicopy.notify.outbox import Notice

# A reason is quoted up to here; all of it is on the page.
QUOTED = 1000


def ask(event: AuditEvent) -> None:
    """Tells everybody whose vote could bring a submitted request on; nobody when it needs none."""
    request = _request(event)
    first = f"{request.requester.get_username()} asks for a copy of {request.SourceImageId} in {request.SourceRegion}."
    _to_whom_it_waits_for(event, request, Kind.ASKED, f"Approval needed: {request.Name} to {_places(request)}", first)


def remind(event: AuditEvent) -> None:
    """Tells those whose vote could still bring it on that a request expires soon."""
    request = _request(event)
    first = f"The request of {request.requester.get_username()} expires unless it is decided on."
    _to_whom_it_waits_for(event, request, Kind.REMINDER, f"Expires soon, approval needed: {request.Name}", first)


def tell(event: AuditEvent) -> None:
    """Tells of a decision or an end; of any other event nobody is told."""
    teller = TELLERS.get(event.action)
    if teller is not None:
        teller(event, _request(event))


def _voted(event: AuditEvent, request: CopyRequest) -> None:
    text = (
        f"{_who(event)} approved your request. It still waits for {votes.words(event.data['waits_for'])}.\n\n"
        f"{_facts(request)}{_reason(event)}"
    )
    _to_requester(event, request, Kind.DECISION, f"Approved by {event.actor}, more needed: {request.Name}", text)


def _decided(event: AuditEvent, request: CopyRequest) -> None:
    if event.actor_id in (None, request.requester_id):
        # By a rule that asks nobody, or by submitting again what has its approvals: no news to its requester.
        return
    said, then = DECISIONS[event.action]
    text = f"{_who(event)} {said} your request. {then}\n\n{_facts(request)}{_reason(event)}"
    _to_requester(event, request, Kind.DECISION, f"{said.capitalize()} by {event.actor}: {request.Name}", text)
    _to_others(event, request, said)


def _withdrawn(event: AuditEvent, request: CopyRequest) -> None:
    _to_others(event, request, "withdrawn")


def _ended(event: AuditEvent, request: CopyRequest) -> None:
    said, then = ENDS[event.action]
    copies = request.copies.filter(round=request.round).order_by("position")
    each = "" if event.action == "request.expired" else "\n".join(map(_became, copies)) + "\n\n"
    text = f"{then}\n\n{each}{_facts(request)}"
    _to_requester(event, request, Kind.ENDED, f"{said}: {request.Name}", text)


# What an approver did, as subject and sentence say it, and what it means.
DECISIONS: Mapping[str, tuple[str, str]] = {
    "request.approved": ("approved", "Its copies start by themselves."),
    "request.break_glass": ("approved in an emergency", "Its copies start by themselves."),
    "request.rejected": ("rejected", "Nothing was copied."),
    "request.changes_requested": ("sent back", "Change it and submit it again."),
}
ENDS: Mapping[str, tuple[str, str]] = {
    "request.completed": ("Done", "Every copy of your request is done."),
    "request.partial": ("Partly done", "Some copies of your request didn't work. The others stay."),
    "request.failed": ("Failed", "No copy of your request worked. The page says why and what to do next."),
    "request.cancelled": ("Cancelled", "Your request is cancelled."),
    "request.expired": ("Expired", "Nobody decided on your request in time. You can renew it with one click."),
}
Teller = Callable[[AuditEvent, CopyRequest], None]
TELLERS: Mapping[str, Teller] = {
    "request.vote": _voted,
    "request.withdrawn": _withdrawn,
    **dict.fromkeys(DECISIONS, _decided),
    **dict.fromkeys(ENDS, _ended),
}


def _to_whom_it_waits_for(event: AuditEvent, request: CopyRequest, kind: Kind, subject: str, first: str) -> None:
    people = voters.who_can_help(request)
    if people:
        waits = f"Waits for: {votes.words(voters.still_needed(request))}{_expiry(request)}"
        text = f"{first}\n\n{_facts(request)}\nWhy: {_quoted(request.reason)}\n{waits}"
        outbox.put(_notice(event, request, kind, subject, text), people=[person.pk for person in people])


def _to_requester(event: AuditEvent, request: CopyRequest, kind: Kind, subject: str, text: str) -> None:
    outbox.put(_notice(event, request, kind, subject, text), people=[request.requester_id])


def _to_others(event: AuditEvent, request: CopyRequest, said: str) -> None:
    """Tells those who were asked and did nothing yet that they needn't; who wasn't told so far isn't told at all."""
    asked = (Kind.ASKED, Kind.REMINDER)
    words = f"{said.capitalize()} before this was sent."
    reached = outbox.overtake(asked, request=request.pk, round=request.round, words=words)
    done = request.decisions.filter(round=request.round).values_list("decided_by", flat=True)
    text = f"{_who(event)} {said} the request. There is nothing left for you to do.\n\n{_facts(request)}"
    notice = _notice(event, request, Kind.DECIDED, f"Already {said} by {event.actor}: {request.Name}", text)
    outbox.put(notice, people=reached - set(done) - {event.actor_id}, webhooks=False)


def _request(event: AuditEvent) -> CopyRequest:
    return CopyRequest.objects.select_related("account", "requester").get(pk=event.request or 0)


def _notice(event: AuditEvent, request: CopyRequest, kind: Kind, subject: str, text: str) -> Notice:
    return Notice(
        event=event.pk,
        kind=kind,
        request=request.pk,
        round=request.round,
        subject=f"[amicopy #{request.pk}] {subject}",
        text=text.strip(),
        path=reverse("request", args=[request.pk]),
        payload=_payload(event, request),
    )


def _payload(event: AuditEvent, request: CopyRequest) -> dict[str, Any]:
    copies = request.copies.filter(round=request.round).order_by("position")
    return {
        "type": event.action,
        "event": event.pk,
        "at": event.at.isoformat(),
        "actor": event.actor,
        "reason": event.data.get("reason", ""),
        "request": {
            "number": request.pk,
            "round": request.round,
            "state": request.state,
            "requester": request.requester.get_username(),
            "account": request.account.account_id,
            "SourceRegion": request.SourceRegion,
            "SourceImageId": request.SourceImageId,
            "Name": request.Name,
            "copies": [
                {"destination": copy.destination, "state": copy.state, "ImageId": copy.ImageId} for copy in copies
            ],
        },
    }


def _who(event: AuditEvent) -> str:
    behalf = event.data.get("on_behalf_of")
    return f"{event.actor} (for {behalf})" if behalf else event.actor


def _facts(request: CopyRequest) -> str:
    account = f"{request.account.name} ({request.account.account_id})"
    return f"Name: {request.Name}\nDestinations: {_places(request)}\nAccount: {account}"


def _places(request: CopyRequest) -> str:
    return ", ".join(call.destination for call in request.calls())


def _expiry(request: CopyRequest) -> str:
    if request.expires_at is None:
        return ""
    return f"\nExpires: {request.expires_at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def _reason(event: AuditEvent) -> str:
    reason = event.data.get("reason", "")
    return f"\nReason: {_quoted(reason)}" if reason else ""


def _quoted(text: str) -> str:
    return text if len(text) <= QUOTED else text[:QUOTED].rstrip() + "…"


def _became(copy: ImageCopy) -> str:
    words = CopyState(copy.state).label.lower()
    return " ".join(filter(None, (f"{copy.destination}: {words}", copy.ImageId, copy.error_code)))
