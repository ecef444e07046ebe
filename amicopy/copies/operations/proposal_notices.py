"""What people are told of proposals, and what events say of them."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.proposal_models import Proposal
from amicopy.notify import outbox
from amicopy.notify.models import Kind as Message
from amicopy.notify.outbox import Notice


def about(proposal: Proposal) -> dict[str, Any]:
    """For events."""
    return {"proposal": proposal.pk, "what": proposal.title}


def tell(event: AuditEvent, proposal: Proposal, subject: str, text: str, *, people: Iterable[int]) -> None:
    """Puts a message for each of these people, by primary key, into the outbox; runs in the event's transaction."""
    notice = Notice(
        event=event.pk,
        kind=Message.PROPOSAL,
        request=0,
        round=0,
        subject=f"[amicopy] {subject}: {proposal.title}",
        text=f"{proposal.title}\n\n{text}\n\nThe page says what would change, and what became of it.",
        path=reverse("changes"),
        payload={
            "type": event.action,
            "event": event.pk,
            "at": event.at.isoformat(),
            "actor": event.actor,
            "what": proposal.title,
        },
    )
    outbox.put(notice, people=people)
