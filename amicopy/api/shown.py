"""Requests, copies, attempts and events as JSON: codes for programs, and the words of the pages beside them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from pydantic import BaseModel, Field

from amicopy.api.steps import StepOut
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Attempt, CopyRequest, Decision, ImageCopy
from amicopy.copies.core.permissions import people_of, service_of
from amicopy.copies.core.reason_words import words_of
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.lifecycle import holds
from amicopy.copies.operations import step_records
from amicopy.copies.operations.step_records import StepRecord


class Wait(BaseModel):
    """Why a copy waits; `who` has to do something, empty for nobody."""

    code: str
    who: str
    words: str


class AwsError(BaseModel):
    """What AWS said when the copy failed."""

    code: str
    message: str
    request_id: str


class CopyOut(BaseModel):
    """One call of CopyImage, for one destination; or the AMI that exists, to which the steps are done."""

    id: int
    account: str
    DestinationRegion: str
    destination: str = Field(description="The Outpost's ARN, the Local Zone, or else the Region.")
    state: CopyState
    ImageId: str | None
    progress: int = Field(description="Percent.")
    parameters: dict[str, Any] = Field(description="The exact arguments of the call, without ClientToken.")
    steps: list[StepOut] = Field(description="What follows once the AMI is there, in the order in which it is done.")
    wait: Wait | None
    error: AwsError | None
    queued_at: datetime | None
    called_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, copy: ImageCopy, steps: Iterable[StepRecord] = ()) -> "CopyOut":
        wait = copy.wait
        return cls(
            id=copy.pk,
            account=copy.account.account_id,
            DestinationRegion=copy.DestinationRegion,
            destination=copy.destination,
            state=CopyState(copy.state),
            ImageId=copy.ImageId or None,
            progress=copy.progress,
            parameters=copy.parameters,
            steps=[StepOut.of(each) for each in steps],
            wait=Wait(code=wait.code, who=wait.who, words=words_of(wait).sentence) if wait else None,
            error=AwsError(code=copy.error_code, message=copy.error_message, request_id=copy.error_request_id)
            if copy.error_code
            else None,
            queued_at=copy.queued_at,
            called_at=copy.called_at,
            finished_at=copy.finished_at,
        )


class Needed(BaseModel):
    """So many approvals from a group; without one, from anybody who may decide."""

    group: str | None
    count: int


class KnownProblem(BaseModel):
    """What a look-up found in the way of a copy; `destination` is empty where it is in the way of all."""

    code: str
    field: str
    destination: str
    message: str


class SubmittedAnyway(BaseModel):
    """That a request was submitted in spite of what was known."""

    reason: str
    problems: list[KnownProblem]


class RequestOut(BaseModel):
    """A request for copies, without them."""

    number: int
    url: str = Field(description="Its page, for people.")
    status_url: str = Field(description="What to ask until it is final.")
    state: RequestState
    correlation: str = Field(description="What the program that asked calls it; empty for a person's.")
    webhook: str | None = Field(description="The webhook that is told of it, if the program named one.")
    account: str
    requester: str
    owners: list[str] = Field(description="Who owns the service account that asked; empty for a person.")
    by_machine: bool = Field(description="Whether a program asked, with a token.")
    reason: str
    SourceRegion: str
    SourceImageId: str
    Name: str
    dry_run: bool
    existing: bool = Field(
        description="Whether nothing is copied: the source is an AMI that exists, and the steps are all of it."
    )
    steps: dict[str, dict[str, Any]] = Field(
        description="What is asked for after each copy, but where a destination has its own; see the copies."
    )
    content_hash: str = Field(description="Of all that is approved; what a decision sends in If-Match.")
    needs: list[Needed] = Field(description="Who has to approve; empty: nobody.")
    round: int
    submitted_at: datetime
    expires_at: datetime | None
    start_not_before: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    starts_at: datetime | None = Field(
        description="Before then nothing starts, and whoever approved can take that back; null once it has passed."
    )
    finished_at: datetime | None
    continues: int | None
    mends: int | None = Field(description="The failed copy of another request that this asks for again.")
    submitted_anyway: SubmittedAnyway | None = Field(
        description="Why it was submitted in spite of what was known, and what that was; null where nothing was."
    )

    @classmethod
    def of(cls, row: CopyRequest) -> "RequestOut":
        return cls(**values_of(row))


class DecisionOut(BaseModel):
    """What one person decided, on the content of one round."""

    round: int
    kind: Decision.Kind
    by: str
    on_behalf_of: str | None = Field(description="Whose vote it is, where that was handed on.")
    at: datetime
    reason: str

    @classmethod
    def of(cls, row: Decision) -> "DecisionOut":
        return cls(
            round=row.round,
            kind=Decision.Kind(row.kind),
            by=row.decided_by.get_username(),
            on_behalf_of=row.on_behalf_of.get_username() if row.on_behalf_of else None,
            at=row.decided_at,
            reason=row.reason,
        )


class RequestWithCopies(RequestOut):
    """A request with what was decided on it and the copies of its current round."""

    decisions: list[DecisionOut] = Field(description="The oldest first.")
    copies: list[CopyOut]

    @classmethod
    def of(cls, row: CopyRequest) -> "RequestWithCopies":
        decisions = row.decisions.select_related("decided_by", "on_behalf_of").only(
            *("round", "kind", "decided_at", "reason", "decided_by__username", "on_behalf_of__username")
        )
        return cls(
            **values_of(row),
            decisions=[DecisionOut.of(each) for each in decisions],
            copies=copies_of(row.copies_of_round().select_related("account")),
        )


class AttemptOut(BaseModel):
    """One try at a copy, with its token."""

    number: int
    ClientToken: str
    created_at: datetime
    first_called_at: datetime | None
    last_called_at: datetime | None
    in_doubt: bool = Field(description="AWS never said what came of a call.")
    ImageId: str | None
    aws_request_id: str | None
    error_code: str | None

    @classmethod
    def of(cls, row: Attempt) -> "AttemptOut":
        return cls(
            number=row.number,
            ClientToken=row.ClientToken,
            created_at=row.created_at,
            first_called_at=row.first_called_at,
            last_called_at=row.last_called_at,
            in_doubt=row.in_doubt,
            ImageId=row.ImageId or None,
            aws_request_id=row.aws_request_id or None,
            error_code=row.error_code or None,
        )


class EventOut(BaseModel):
    """One thing that happened, as the history keeps it."""

    id: int
    at: datetime
    action: str
    words: str
    actor: str
    source: str
    address: str
    correlation_id: str
    copy_id: int | None
    old: str
    new: str
    data: dict[str, Any]
    hash: str

    @classmethod
    def of(cls, event: AuditEvent) -> "EventOut":
        return cls(
            id=event.pk,
            at=event.at,
            action=event.action,
            words=event.sentence,
            actor=event.actor,
            source=event.source,
            address=event.address,
            correlation_id=str(event.correlation_id),
            copy_id=event.copy,
            old=event.old,
            new=event.new,
            data=event.data,
            hash=event.hash,
        )


def _starts_at(row: CopyRequest) -> datetime | None:
    until = holds.undo_until(row) if row.state == RequestState.APPROVED else None
    return until if until is not None and until > timezone.now() else None


def copies_of(copies: Iterable[ImageCopy]) -> list[CopyOut]:
    listed = list(copies)
    steps = step_records.of_copies(listed)
    return [CopyOut.of(copy, steps.get(copy.pk, ())) for copy in listed]


def values_of(row: CopyRequest) -> dict[str, Any]:
    """What is shown of a request itself."""
    return {
        "number": row.pk,
        "url": settings.SITE_URL + reverse("request", args=[row.pk]),
        "status_url": settings.SITE_URL + reverse("api:read_status", args=[row.pk]),
        "state": RequestState(row.state),
        "correlation": row.correlation,
        "webhook": row.webhook.name if row.webhook else None,
        "account": row.account.account_id,
        "requester": row.requester.get_username(),
        "owners": sorted(person.username for person in people_of(row.requester)) if service_of(row.requester) else [],
        "by_machine": row.by_machine,
        "reason": row.reason,
        "SourceRegion": row.SourceRegion,
        "SourceImageId": row.SourceImageId,
        "Name": row.Name,
        "dry_run": row.dry_run,
        "existing": row.existing,
        "steps": row.steps,
        "content_hash": row.content_hash,
        "needs": [Needed(group=each.get("group"), count=each["count"]) for each in row.plan],
        "round": row.round,
        "submitted_at": row.submitted_at,
        "expires_at": row.expires_at,
        "start_not_before": row.start_not_before,
        "decided_by": row.decided_by.get_username() if row.decided_by else None,
        "decided_at": row.decided_at,
        "starts_at": _starts_at(row),
        "finished_at": row.finished_at,
        "continues": row.continues_id,
        "mends": row.mends_id,
        "submitted_anyway": SubmittedAnyway(**row.anyway) if row.anyway else None,
    }
