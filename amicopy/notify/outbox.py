"""The outbox: rows that wait to be sent, and the lease under which exactly one worker sends each.

Whoever writes a row does so in the transaction of what it tells of, so neither is without the other. A row waits with a
time, is claimed by a conditional UPDATE, and is marked as being sent, and committed, before anything leaves the house.
A worker that dies after that leaves it in doubt: it is sent again with the same key, since a message that comes twice
under one Message-ID does less harm than one that never comes.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat, Left, Trim
from django.utils import timezone

from amicopy import leases
from amicopy.backoff import pause
from amicopy.notify.models import FOR_CALLBACKS, Endpoint, Kind, Message, Mute, State

# Seconds; see `backoff`.
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3600.0
# The mail server is one for all, and one message tries it: e-mail goes on within a minute of its return.
MAIL_PAUSE = 30.0
# After this long the trying ends, and an administrator can begin it anew.
GIVE_UP = timedelta(days=3)
# How many messages are being sent at the same time, so that a slow server leaves workers for the copies.
AT_ONCE = 2


@dataclass(frozen=True)
class Notice:
    """What there is to tell. `event` is the audit event's number, `payload` what a signed webhook gets, `callback` the
    primary key of the webhook that the request names, `requester` that of who asked."""

    event: int
    kind: Kind
    request: int
    round: int
    subject: str
    text: str
    path: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    callback: int | None = None
    requester: int | None = None

    @classmethod
    def of_account(cls, event: int, *, subject: str, text: str, path: str, kind: Kind = Kind.ACCOUNT) -> "Notice":
        """Of how somebody signs in, which is about no request."""
        return cls(event=event, kind=kind, request=0, round=0, subject=f"[amicopy] {subject}", text=text, path=path)


class Unsent(Exception):
    """A try failed; the words are fit for an administrator's page and hold no secret.

    `lasting`: another try can't help. `in_doubt`: it may have arrived. `all_down`: no other message to the same server
    or endpoint would fare better now. `wait`: seconds the other side asked for.
    """

    def __init__(
        self,
        words: str,
        *,
        lasting: bool = False,
        in_doubt: bool = False,
        all_down: bool = False,
        wait: float = 0.0,
    ) -> None:
        self.lasting, self.in_doubt, self.all_down, self.wait = lasting, in_doubt, all_down, wait
        super().__init__(words)


class NotNeeded(Exception):
    """The message has nobody to go to any more; the words say why."""


def put(
    notice: Notice, *, people: Iterable[int] = (), webhooks: bool = True, also_to: Mapping[int, str] | None = None
) -> None:
    """Writes a message for each of these people, by primary key, for each webhook that wants the kind, and for the one
    that the request names; and one for each address in `also_to` that was a person's until now, by the person.

    Left out are people who muted the kind, are switched off or have no address. Written again for the same event, a
    message stays the one it was. Runs in the caller's transaction.
    """
    now = timezone.now()
    common = {
        "event": notice.event,
        "kind": notice.kind,
        "request": notice.request,
        "round": notice.round,
        "subject": " ".join(notice.subject.split())[:250],
        "text": notice.text,
        "path": notice.path,
        "created_at": now,
        "trying_since": now,
        "next_try_at": now,
    }
    messages: list[Message] = []
    wanted = set(people) if settings.EMAIL_ON else set()
    if wanted:
        muted = Mute.objects.filter(person=OuterRef("pk"), kind=notice.kind)
        able = User.objects.filter(~Exists(muted), pk__in=wanted, is_active=True).exclude(email="")
        messages += [Message(person_id=pk, **common) for pk in able.order_by("pk").values_list("pk", flat=True)]
    if settings.EMAIL_ON and also_to:
        messages += [Message(person_id=pk, address=address, **common) for pk, address in also_to.items() if address]
    if webhooks:
        messages += [
            Message(endpoint=endpoint, payload=dict(notice.payload), **common)
            for endpoint in Endpoint.objects.filter(enabled=True)
            if (notice.kind in endpoint.kinds and _hears(endpoint, notice))
            or (endpoint.pk == notice.callback and notice.kind in FOR_CALLBACKS)
        ]
    Message.objects.bulk_create(messages, ignore_conflicts=True)


def _hears(endpoint: Endpoint, notice: Notice) -> bool:
    """Whether a webhook has no team, or it is the team of whoever asked for the notice's request."""
    team = endpoint.team_id
    members = User.groups.through.objects.filter(group=team, user=notice.requester)
    return team is None or members.exists()


def put_test(notice: Notice, *, person: int | None = None, endpoint: Endpoint | None = None) -> Message:
    """Writes one message with which an administrator tries a channel, whatever is muted or switched off."""
    now = timezone.now()
    return Message.objects.create(
        event=notice.event,
        kind=notice.kind,
        request=notice.request,
        round=notice.round,
        subject=notice.subject,
        text=notice.text,
        path=notice.path,
        payload=dict(notice.payload) if endpoint else {},
        person_id=person,
        endpoint=endpoint,
        created_at=now,
        trying_since=now,
        next_try_at=now,
    )


def overtake(kinds: Iterable[Kind], *, request: int, round: int, words: str) -> set[int]:
    """Drops what of these kinds still waits for people in a round, and returns whom such a message has reached or may
    reach: nobody is told that something is over before they were told that it began."""
    messages = Message.objects.filter(request=request, round=round, kind__in=list(kinds), person__isnull=False)
    messages.filter(state=State.WAITING, in_doubt=False).update(state=State.DROPPED, next_try_at=None, last_error=words)
    reached = messages.filter(state__in=(State.SENT, State.SENDING, State.WAITING))
    return {person for person in reached.values_list("person", flat=True) if person is not None}


def told(kind: Kind, *, request: int, round: int) -> bool:
    """Whether anybody was, or will be, told of this kind in a round."""
    return Message.objects.filter(request=request, round=round, kind=kind).exists()


def due() -> Q:
    """The messages to send now: those whose time has come, and those whose worker is gone."""
    now = timezone.now()
    return Q(state=State.WAITING, next_try_at__lte=now) | Q(state=State.SENDING, lease_until__lt=now)


def claim_next() -> Message | None:
    """Leases the message that waits longest, as being sent; None when nothing is due or enough are at it."""
    now, lease = timezone.now(), uuid.uuid4()
    if Message.objects.filter(state=State.SENDING, lease_until__gte=now).count() >= AT_ONCE:
        return None
    leases.take(
        lease,
        Message.objects.filter(due()).order_by("next_try_at", "pk"),
        now=now,
        state=State.SENDING,
        tries=F("tries") + 1,
        # Of one that is being sent somebody else was at it and never said how it ended.
        in_doubt=ExpressionWrapper(Q(in_doubt=True) | Q(state=State.SENDING), output_field=BooleanField()),
    )
    found = Message.objects.filter(state=State.SENDING, lease_id=lease)
    return found.select_related("person", "endpoint").first()


def held(message: Message) -> bool:
    """Whether the lease under which this message was claimed still holds."""
    return Message.objects.filter(pk=message.pk, lease_id=message.lease_id, lease_until__gt=timezone.now()).exists()


def hand_back(message: Message) -> None:
    """Ends the lease of a message whose fate couldn't be stored: it is due now, and in doubt."""
    Message.objects.filter(pk=message.pk, lease_id=message.lease_id).update(lease_until=timezone.now())


def sent(message: Message) -> bool:
    """Stores that a leased message has arrived; False when the lease was lost meanwhile."""
    return _end(message, state=State.SENT, sent_at=timezone.now(), in_doubt=False, last_error="")


def drop(message: Message, words: str) -> bool:
    """Stores that a leased message needn't be sent, and why; False when the lease was lost meanwhile."""
    return _end(message, state=State.DROPPED, last_error=words[:300])


def put_off(message: Message, failure: Unsent) -> bool:
    """Stores why a try failed and when the next one is due, or that there is none; False when the lease was lost."""
    now, words = timezone.now(), str(failure)[:300]
    in_doubt = message.in_doubt or failure.in_doubt
    if failure.lasting or now - message.trying_since > GIVE_UP:
        return _end(message, state=State.FAILED, in_doubt=in_doubt, last_error=words)
    no_mail_server = failure.all_down and message.endpoint_id is None
    seconds = pause(base=FIRST_PAUSE, cap=MAIL_PAUSE if no_mail_server else LONGEST_PAUSE, failures=message.tries)
    next_try_at = now + timedelta(seconds=max(seconds, min(failure.wait, LONGEST_PAUSE)))
    stored = _end(message, state=State.WAITING, next_try_at=next_try_at, in_doubt=in_doubt, last_error=words)
    if failure.all_down:
        same = Q(endpoint=message.endpoint_id) if message.endpoint_id else Q(person__isnull=False)
        others = Message.objects.filter(same, state=State.WAITING, next_try_at__lt=next_try_at)
        others.update(next_try_at=next_try_at, last_error=words)
    return stored


def try_now(messages: QuerySet[Message]) -> int:
    """Has messages that wait or were given up sent as soon as a worker is free; returns how many."""
    return _begin_anew(messages.filter(state__in=(State.WAITING, State.FAILED)))


def send_again(message: Message) -> bool:
    """Has a message to a webhook sent once more under its own key, also one that was sent; False when it is being sent
    or isn't needed any more."""
    able = (State.SENT, State.WAITING, State.FAILED)
    return bool(_begin_anew(Message.objects.filter(pk=message.pk, endpoint__deleted_at__isnull=True, state__in=able)))


def _begin_anew(messages: QuerySet[Message]) -> int:
    """Makes them due now; their time to be tried begins anew."""
    now = timezone.now()
    return messages.update(state=State.WAITING, next_try_at=now, trying_since=now, tries=0, sent_at=None)


def call_off(messages: QuerySet[Message], words: str) -> int:
    """Drops messages that wait or were given up, with these words before what was said of them; returns how many. One
    that is being sent ends as its worker says."""
    said = Trim(Left(Concat(Value(f"{words} "), "last_error"), 300))
    return messages.filter(state__in=(State.WAITING, State.FAILED)).update(
        state=State.DROPPED, next_try_at=None, last_error=said
    )


def _end(message: Message, **values: Any) -> bool:
    values = {"lease_id": None, "lease_until": None, "next_try_at": None, **values}
    return bool(Message.objects.filter(pk=message.pk, lease_id=message.lease_id).update(**values))
