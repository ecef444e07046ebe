"""What is to be told, to whom, and what became of it. A message is a row, written in the transaction of what it tells
of; it is removed when it has long ended, and only a worker that holds its lease says that it was sent."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import Q

from amicopy.notify import sealing, signatures, static_headers


class Kind(models.TextChoices):
    """What a message is about, as the person who can mute it says it."""

    ASKED = "asked", "A request waits for my approval"
    REMINDER = "reminder", "A request that waits for my approval is about to expire"
    DECIDED = "decided", "Somebody else decided on a request I was asked about"
    DECISION = "decision", "Somebody decided on my request"
    ENDED = "ended", "My request came to its end: done, partly done, failed, cancelled or expired"
    STUCK = "stuck", "A copy of mine, or any as an administrator, waits for a person"
    PROPOSAL = "proposal", "A change waits for a second administrator, or mine was decided on"
    EMERGENCY = "glass", "Somebody approved a request alone in an emergency"
    ALARM = "alarm", "A copy was stopped because it isn't what was approved"
    LINK = "link", "A link with which I set my password"
    ACCOUNT = "account", "How I sign in was changed"
    TEST = "test", "An administrator tries a channel"


# What a person can mute, and what a webhook can be given. "Somebody else decided" is for people only; nobody mutes an
# alarm or an emergency, or what concerns their own account.
MUTABLE = (Kind.ASKED, Kind.REMINDER, Kind.DECIDED, Kind.DECISION, Kind.ENDED, Kind.STUCK, Kind.PROPOSAL)
FOR_WEBHOOKS: Mapping[str, str] = {
    Kind.ASKED: "A request waits for approval",
    Kind.REMINDER: "A request that waits is about to expire",
    Kind.DECISION: "Somebody decided on a request",
    Kind.ENDED: "A request came to its end",
    Kind.STUCK: "A copy waits for a person",
    Kind.PROPOSAL: "A change waits for a second administrator",
    Kind.EMERGENCY: "Somebody approved a request alone in an emergency",
    Kind.ALARM: "A copy was stopped because it isn't what was approved",
}
# What the webhook that a request names is told of that request, whatever else it gets.
FOR_CALLBACKS = (Kind.DECISION, Kind.ENDED, Kind.STUCK)


class State(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    # Nothing is tried any more unless an administrator says so.
    FAILED = "failed", "Not delivered"
    # Not needed any more before it could be sent.
    DROPPED = "dropped", "Not needed"


# Why a message to a deleted webhook isn't needed any more.
DELETED = "The webhook was deleted."


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def existing(self) -> "EndpointQuerySet":
        """The webhooks that weren't deleted."""
        return self.filter(deleted_at__isnull=True)

    def nameable(self) -> "EndpointQuerySet":
        """Those that a request may name as its own."""
        return self.existing().filter(enabled=True, for_requests=True)


class Endpoint(models.Model):
    """Where an administrator wants events posted to. Its address may hold a token: no page and no event shows it, and
    the database holds it, the signing key and the headers encrypted.

    A deleted one stays as a row, without address and key, so that what it got can still be read.
    """

    class Format(models.TextChoices):
        SIGNED = "signed", "JSON, signed"
        SLACK = "slack", "Slack"

    name = models.CharField(max_length=64)
    format = models.CharField(max_length=8, choices=Format.choices, default=Format.SIGNED)
    # Read and written as `url` and `key`.
    sealed_url = models.TextField(blank=True)
    sealed_key = models.TextField(blank=True, editable=False)
    # Read and written as `headers`.
    sealed_headers = models.TextField(blank=True, editable=False)
    # The header of a second signature, over the body alone, for receivers that know no other; empty: none.
    body_signature = models.CharField(max_length=64, blank=True)
    # The kinds of message it gets, of all requests, or of those that people of one team or role asked for.
    kinds = models.JSONField(default=list, blank=True)
    team = models.ForeignKey("auth.Group", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    # Whether whoever asks through the API may name it, and it is told of that request too.
    for_requests = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "webhooks"
        default_permissions = ()
        permissions = (("manage_endpoints", "Can set up webhooks and see what was sent"),)
        constraints = (
            models.CheckConstraint(condition=Q(format__in=("signed", "slack")), name="endpoint_format_known"),
            models.UniqueConstraint(
                fields=("name",), condition=Q(deleted_at__isnull=True), name="endpoint_name_once_unless_deleted"
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True)
                | Q(enabled=False, sealed_url="", sealed_key="", sealed_headers=""),
                name="endpoint_deleted_has_no_address",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        """Stores it; a new one gets its signing key."""
        if self.pk is None and not self.sealed_key:
            self.key = signatures.new_key()
        super().save(**options)

    @property
    def url(self) -> str:
        """The address. Raises Unreadable."""
        return sealing.unseal(self.sealed_url)

    @url.setter
    def url(self, url: str) -> None:
        self.sealed_url = sealing.seal(url)

    @property
    def key(self) -> str:
        """The signing key, as its receiver needs it. Raises Unreadable."""
        return sealing.unseal(self.sealed_key)

    @key.setter
    def key(self, key: str) -> None:
        self.sealed_key = sealing.seal(key)

    @property
    def headers(self) -> dict[str, str]:
        """The headers it gets beside amicopy's own, by name. Raises Unreadable."""
        return static_headers.from_text(sealing.unseal(self.sealed_headers))

    @headers.setter
    def headers(self, headers: Mapping[str, str]) -> None:
        self.sealed_headers = sealing.seal(static_headers.as_text(headers))

    @property
    def sealed_now(self) -> bool:
        """Whether the newest key encrypted all of it."""
        return all(map(sealing.is_current, (self.sealed_url, self.sealed_key, self.sealed_headers)))

    @property
    def shown(self) -> str:
        """The address as far as it may be shown."""
        try:
            parts = urlsplit(self.url)
        except sealing.Unreadable:
            return "an address that can't be decrypted"
        return f"{parts.scheme}://{parts.hostname or ''}/…"

    @property
    def header_names(self) -> list[str]:
        """Its own headers as far as they may be shown."""
        try:
            return sorted(self.headers)
        except sealing.Unreadable:
            return ["headers that can't be decrypted"]

    def as_dict(self) -> dict[str, Any]:
        """For audit rows."""
        return {
            "name": self.name,
            "format": self.format,
            "url": self.shown,
            "headers": self.header_names,
            "body_signature": self.body_signature,
            "kinds": self.kinds,
            "team": self.team.name if self.team else "",
            "for_requests": self.for_requests,
            "enabled": self.enabled,
        }


class Mute(models.Model):
    """A kind of message a person doesn't want."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mutes")
    kind = models.CharField(max_length=8, choices=Kind.choices)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("person", "kind"), name="mute_once"),)

    def __str__(self) -> str:
        return f"{self.person_id} {self.kind}"


class Message(models.Model):
    """One thing told to one person by e-mail, or to one endpoint."""

    # Stable over all tries: the Message-ID of an e-mail, the idempotency id of a webhook.
    key = models.UUIDField(unique=True, default=uuid.uuid4)
    # The number of the audit event it tells of.
    event = models.BigIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    # The request's number and round; 0 for a test.
    request = models.BigIntegerField()
    round = models.PositiveIntegerField()
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="messages")
    endpoint = models.ForeignKey(Endpoint, null=True, on_delete=models.PROTECT, related_name="messages")
    # Where an e-mail goes instead of to the person's address of the moment: one that was theirs until now.
    address = models.EmailField(blank=True)
    subject = models.CharField(max_length=250)
    text = models.TextField()
    # Where it leads, below SITE_URL.
    path = models.CharField(max_length=200)
    # What a signed webhook gets; empty for an e-mail.
    payload = models.JSONField(default=dict)

    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField()
    # Since then it is tried; the trying ends some days later.
    trying_since = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    # A try ended without an answer: it may have arrived, and the next one bears the same key.
    in_doubt = models.BooleanField(default=False)
    sent_at = models.DateTimeField(null=True)
    # Why the last try failed, or why it isn't needed; never anything the other side may have put in as a body.
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("event", "person", "address"), name="message_once_to_a_person"),
            models.UniqueConstraint(fields=("event", "endpoint"), name="message_once_to_an_endpoint"),
            models.CheckConstraint(
                condition=Q(person__isnull=True, endpoint__isnull=False)
                | Q(person__isnull=False, endpoint__isnull=True),
                name="message_to_person_or_endpoint",
            ),
            models.CheckConstraint(condition=Q(state__in=State.values), name="message_state_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", next_try_at__isnull=False)
                | Q(state="sending", lease_until__isnull=False)
                | Q(state="sent", sent_at__isnull=False)
                | Q(state__in=("failed", "dropped")),
                name="message_has_what_its_state_needs",
            ),
        )
        indexes = (
            models.Index(fields=("state", "next_try_at"), name="message_due"),
            models.Index(fields=("request", "round", "kind"), name="message_by_request"),
        )

    def __str__(self) -> str:
        return f"{self.kind} of #{self.request}"

    @property
    def recipient(self) -> str:
        """The name of the person or the webhook it goes to."""
        return self.person.get_username() if self.person else str(self.endpoint)
