"""Who is told of what happened to a request, and in which words. Called with the audit event of the change, in its
transaction; `notify` sends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC
from functools import cached_property
from typing import Any

from django.urls import reverse

from amicopy.audit.models import AuditEvent
from amicopy.copies import rules
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.permissions import administrators, named, people_of, service_of
from amicopy.copies.core.reason_words import who_in_words, words_of
from amicopy.copies.core.reasons import Reason
from amicopy.copies.core.states import COPY_DONE, OUTCOMES, REQUEST_OPEN, CopyState
from amicopy.copies.core.step_models import StepCounts, counts_of
from amicopy.copies.lifecycle.request_summary import RequestSummary, quoted
from amicopy.copies.rules import cautions
from amicopy.copies.rules import steps as step_rules
from amicopy.copies.voting import voters, votes
from amicopy.copies.voting.fact_table import Told
from amicopy.notify import outbox
from amicopy.notify.models import Kind
from amicopy.notify.outbox import Notice


@dataclass(frozen=True)
class Story:
    """An event with its request as it is after it, and the copies of the round; read once for all messages."""

    event: AuditEvent
    request: CopyRequest
    copies: list[ImageCopy]
    # What sets the request apart, where that is at hand.
    told: Sequence[Told] | None = None

    @cached_property
    def summary(self) -> RequestSummary:
        return RequestSummary(self.request, self.copies, self.told)

    @cached_property
    def steps(self) -> Mapping[int, StepCounts]:
        """How far the steps after its copies are, by their primary keys; asks nothing where there are none."""
        return counts_of([copy.pk for copy in self.copies if copy.approved_steps and copy.state in COPY_DONE])

    @property
    def subject(self) -> str:
        """What it is about, in a subject."""
        return self.request.Name if self.request.existing else f"{self.request.Name} to {self.places}"

    @property
    def places(self) -> str:
        return ", ".join(copy.destination for copy in self.copies)

    @property
    def who(self) -> str:
        behalf = self.event.data.get("on_behalf_of")
        return f"{self.event.actor} (for {behalf})" if behalf else self.event.actor

    @property
    def whose(self) -> str:
        """The request, for those who hear of its end: their own, or that of a service they own."""
        requester = self.request.requester
        return f"the request of {requester.username}" if service_of(requester) else "your request"

    @property
    def facts(self) -> str:
        account = f"{self.request.account.name} ({self.request.account.account_id})"
        where = "Region" if self.request.existing else "Destinations"
        return f"Name: {self.request.Name}\n{where}: {self.places}\nAccount: {account}"

    @property
    def reason(self) -> str:
        reason = self.event.data.get("reason", "")
        return f"\nReason: {quoted(reason)}" if reason else ""


def ask(
    event: AuditEvent,
    request: CopyRequest,
    told: Sequence[Told] | None = None,
    copies: Sequence[ImageCopy] | None = None,
) -> None:
    """Tells everybody whose vote could bring a submitted request on; nobody when it needs none. `told` is what sets it
    apart, and `copies` are those of its round, where they are at hand."""
    if not request.plan:
        return
    story = replace(_story(event, request, copies), told=told)
    what = "steps for the AMI" if request.existing else "a copy of"
    first = f"{named(request.requester)} asks for {what} {request.SourceImageId} in {request.SourceRegion}."
    _to_whom_it_waits_for(story, Kind.ASKED, f"Approval needed: {story.subject}", first)


def remind(event: AuditEvent, request: CopyRequest) -> None:
    """Tells those whose vote could still bring it on that a request expires soon."""
    story = _story(event, request)
    first = f"The request of {named(request.requester)} expires unless it is decided on."
    _to_whom_it_waits_for(story, Kind.REMINDER, f"Expires soon, approval needed: {request.Name}", first)


def vote_withdrawn(event: AuditEvent, request: CopyRequest) -> None:
    """Tells the requester that an approval was taken back, and asks those again whose vote could bring the request
    on."""
    story = _story(event, request)
    then = f"{story.who} took the approval back. {_nothing(request)}"
    needed = votes.words(voters.still_needed(request))
    text = f"{then} {story.whose.capitalize()} waits for {needed} again.\n\n{story.facts}"
    _to_requester(story, Kind.DECISION, f"Approval taken back by {event.actor}: {request.Name}", text)
    _to_whom_it_waits_for(story, Kind.ASKED, f"Approval needed again: {story.subject}", then)


def tell(event: AuditEvent, request: CopyRequest) -> None:
    """Tells of a decision or an end; of any other event nobody is told."""
    teller = TELLERS.get(event.action)
    if teller is not None:
        teller(_story(event, request))


def stuck(event: AuditEvent, copy: ImageCopy, reason: Reason) -> None:
    """Tells the requester and the administrators of accounts that a copy waits for a person."""
    story, words = _story(event, copy.request), words_of(reason)
    said = reason.data.get("AwsMessage")
    text = "\n\n".join(
        filter(
            None,
            (
                f"The {_what(copy)} {copy.destination} waits. {words.title}: {words.detail}",
                f"AWS said: {quoted(str(said))}" if said else "",
                f"{who_in_words(reason.who)} can help: {words.next_step}",
                story.facts,
            ),
        )
    )
    people = {*_pks_of(copy.request), *administrators().values_list("pk", flat=True)}
    outbox.put(_notice(story, Kind.STUCK, f"Waits for a person: {copy.request.Name}", text), people=people)


def tell_of_copy(event: AuditEvent, copy: ImageCopy) -> None:
    """Tells the administrators, once a round, of a copy that was stopped because it isn't what was approved; of any
    other event of a copy nobody is told."""
    request = copy.request
    if event.error_code not in ALARMS or outbox.told(Kind.ALARM, request=request.pk, round=request.round):
        return
    story = _story(event, request)
    said = event.data["message"]
    text = f"amicopy sent nothing to AWS for the {_what(copy)} {copy.destination}. {said}\n\n{story.facts}"
    text += "\n\nSomebody or something changed the database. The history says what was approved, by whom and when."
    people = administrators().values_list("pk", flat=True)
    outbox.put(_notice(story, Kind.ALARM, f"Not what was approved: {request.Name}", text), people=people)


def _voted(story: Story) -> None:
    waits = votes.words(story.event.data["waits_for"])
    text = f"{story.who} approved {story.whose}. It still waits for {waits}.\n\n{story.facts}{story.reason}"
    subject = f"Approved by {story.event.actor}, more needed: {story.request.Name}"
    _to_requester(story, Kind.DECISION, subject, text)


def _decided(story: Story) -> None:
    event, request = story.event, story.request
    if event.actor_id in (None, request.requester_id):
        # By a rule that asks nobody, or by submitting again what has its approvals: no news to its requester.
        return
    said, then = (DECISIONS_OF_STEPS if request.existing else DECISIONS)[event.action]
    text = f"{story.who} {said} {story.whose}. {then}\n\n{story.facts}{story.reason}"
    _to_requester(story, Kind.DECISION, f"{said.capitalize()} by {event.actor}: {request.Name}", text)
    _to_others(story, said)


def _emergency(story: Story) -> None:
    """Tells the requester as of any approval, and every administrator, whoever it was."""
    event, request = story.event, story.request
    _decided(story)
    waited = votes.words(event.data["not_waited_for"])
    text = f"{story.who} approved the request alone, without {waited}.\n\n{story.facts}{story.reason}"
    notice = _notice(story, Kind.EMERGENCY, f"Approved alone by {event.actor}: {request.Name}", text)
    outbox.put(notice, people=administrators().values_list("pk", flat=True))


def _withdrawn(story: Story) -> None:
    """Webhooks hear of it as of any end; its requester did it."""
    _to_others(story, "withdrawn")
    text = f"{story.who} withdrew the request. {_nothing(story.request)}\n\n{story.facts}"
    outbox.put(_notice(story, Kind.ENDED, f"Withdrawn: {story.request.Name}", text))


def _ended(story: Story) -> None:
    said, then = (ENDS_OF_STEPS if story.request.existing else ENDS)[story.event.action]
    if (
        not story.request.existing
        and story.event.data.get("steps_failed")
        and all(copy.state in COPY_DONE for copy in story.copies)
    ):
        then = STEPS_FAILED
    then = then.replace("your request", story.whose)
    became = "\n".join(_became(copy, story.steps.get(copy.pk)) for copy in story.copies)
    each = "" if story.event.action == "request.expired" else f"{became}\n\n"
    text = f"{then}\n\n{each}{story.facts}"
    _to_requester(story, Kind.ENDED, f"{said}: {story.request.Name}", text)


# Messages that somebody decides by say what there is to know of a request.
TO_DECIDE = (Kind.ASKED, Kind.REMINDER)
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
    "request.cancelled": ("Cancelled", "Nothing more is copied for your request: it is cancelled."),
    "request.expired": ("Expired", "Nobody decided on your request in time. You can renew it with one click."),
}
# The same of steps for an AMI that exists.
DECISIONS_OF_STEPS: Mapping[str, tuple[str, str]] = {
    "request.approved": ("approved", "Its steps start by themselves."),
    "request.break_glass": ("approved in an emergency", "Its steps start by themselves."),
    "request.rejected": ("rejected", "Nothing was done to the AMI."),
    "request.changes_requested": ("sent back", "Change it and submit it again."),
}
ENDS_OF_STEPS: Mapping[str, tuple[str, str]] = {
    "request.completed": ("Done", "Every step of your request is done."),
    "request.partial": ("Partly done", "Not all steps of your request worked; the page says why. The AMI stays."),
    "request.failed": ("Failed", "No step of your request was done. The page says why and what to do next."),
    "request.cancelled": ("Cancelled", "Your request is cancelled: its steps are put back, and the AMI stays."),
    "request.expired": ("Expired", "Nobody decided on your request in time. You can renew it with one click."),
}
STEPS_FAILED = "Every copy of your request is there. Not all steps after them worked; the page says why."
# Codes of failures that point at a hand in the database.
ALARMS = frozenset({"NotApproved"})
Teller = Callable[[Story], None]
TELLERS: Mapping[str, Teller] = {
    "request.vote": _voted,
    "request.withdrawn": _withdrawn,
    **dict.fromkeys(DECISIONS, _decided),
    "request.break_glass": _emergency,
    **dict.fromkeys(ENDS, _ended),
}


def _to_whom_it_waits_for(story: Story, kind: Kind, subject: str, first: str) -> None:
    request = story.request
    if not request.plan:
        return
    given = voters.counted([request])[request.pk]
    people = voters.who_can_help(request, given)
    if people:
        waits = f"Waits for: {votes.words(votes.missing(request.plan, given.groups))}{_expiry(request)}"
        about = "\n".join(story.summary.lines)
        text = f"{first}\n\n{story.facts}\n{about}\n{waits}{_warnings(story)}"
        outbox.put(_notice(story, kind, subject, text), people=[person.pk for person in people])


def _warnings(story: Story) -> str:
    """What the requester was warned of, for those who decide."""
    request, calls = story.request, [copy.call() for copy in story.copies]
    account = request.account
    warned = rules.warnings(calls, account_id=account.account_id, partition=account.partition, lookups=request.lookups)
    steps = [copy.approved_steps for copy in story.copies]
    warned += step_rules.warnings(
        calls, steps, account_id=account.account_id, partition=account.partition, lookups=request.lookups
    )
    found = rules.found_in_the_way(calls, lookups=request.lookups)
    said = cautions.words_of(request.lookups, calls, [*found, *warned])
    first = f"\n\nSubmitted anyway: {quoted(request.anyway['reason'])}" if request.anyway else ""
    return first + ("\n\nTo consider:\n" + "\n".join(f"- {words}" for words in said) if said else "")


def _to_requester(story: Story, kind: Kind, subject: str, text: str) -> None:
    outbox.put(_notice(story, kind, subject, text), people=_pks_of(story.request))


def _pks_of(request: CopyRequest) -> list[int]:
    """Who hears of what becomes of a request."""
    return [person.pk for person in people_of(request.requester)]


def _to_others(story: Story, said: str) -> None:
    """Tells those who were asked and did nothing yet that they needn't; who wasn't told so far isn't told at all."""
    event, request = story.event, story.request
    asked = (Kind.ASKED, Kind.REMINDER)
    words = f"{said.capitalize()} before this was sent."
    people = outbox.overtake(asked, request=request.pk, round=request.round, words=words)
    if not people:
        return
    done = request.decisions.filter(round=request.round).values_list("decided_by", flat=True)
    text = f"{story.who} {said} the request. There is nothing left for you to do.\n\n{story.facts}"
    notice = _notice(story, Kind.DECIDED, f"Already {said} by {event.actor}: {request.Name}", text)
    outbox.put(notice, people=people - set(done) - {event.actor_id}, webhooks=False)


def _what(copy: ImageCopy) -> str:
    return "AMI in" if copy.existing else "copy to"


def _nothing(request: CopyRequest) -> str:
    return "Nothing was done to the AMI." if request.existing else "Nothing was copied."


def _story(event: AuditEvent, request: CopyRequest, copies: Sequence[ImageCopy] | None = None) -> Story:
    return Story(event, request, list(request.copies_of_round() if copies is None else copies))


def _notice(story: Story, kind: Kind, subject: str, text: str) -> Notice:
    request = story.request
    return Notice(
        event=story.event.pk,
        kind=kind,
        request=request.pk,
        round=request.round,
        subject=f"[amicopy #{request.pk}] {subject}",
        text=text.strip(),
        path=reverse("request", args=[request.pk]),
        payload={**_payload(story), **({"about": story.summary.values} if kind in TO_DECIDE else {})},
        callback=request.webhook_id,
        requester=request.requester_id,
    )


def _payload(story: Story) -> dict[str, Any]:
    event, request = story.event, story.request
    return {
        "type": event.action,
        "event": event.pk,
        "at": event.at.isoformat(),
        "actor": event.actor,
        "reason": event.data.get("reason", ""),
        "correlation": request.correlation,
        "final": request.state not in REQUEST_OPEN,
        "outcome": OUTCOMES.get(request.state),
        "request": {
            "number": request.pk,
            "round": request.round,
            "state": request.state,
            "requester": request.requester.get_username(),
            "by_machine": request.by_machine,
            "account": request.account.account_id,
            "SourceRegion": request.SourceRegion,
            "SourceImageId": request.SourceImageId,
            "Name": request.Name,
            "copies": [
                {
                    "destination": copy.destination,
                    "state": copy.state,
                    "ImageId": copy.ImageId,
                    **({"steps": asdict(story.steps[copy.pk])} if copy.pk in story.steps else {}),
                }
                for copy in story.copies
            ],
        },
    }


def _expiry(request: CopyRequest) -> str:
    if request.expires_at is None:
        return ""
    return f"\nExpires: {request.expires_at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def _became(copy: ImageCopy, steps: StepCounts | None = None) -> str:
    words = CopyState(copy.state).label.lower()
    if steps is not None:
        words += f", {steps.done} of {steps.of} steps done,"
    return " ".join(filter(None, (f"{copy.destination}: {words}", copy.ImageId, copy.error_code)))
