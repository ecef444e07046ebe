"""The history: rows that are written once. Model, queryset and database each refuse to change or remove one.

A migration that rebuilds the table of events (SQLite does so for most changes of a column) loses its triggers and has
to install them again: see `triggers`.
"""

from typing import Any, NoReturn

from django.db import models
from django.utils import timezone

from amicopy.audit.actions import ACTIONS
from amicopy.audit.chain import fits, values_of


class AppendOnly(Exception):
    """Somebody tried to change or remove an audit event, or to write one past `log.record`."""


def _refuse(*args: Any, **kwargs: Any) -> NoReturn:
    raise AppendOnly("Audit events are written by amicopy.audit.log.record, and never changed or removed.")


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    update = delete = bulk_update = bulk_create = create = get_or_create = update_or_create = _refuse
    # What Django itself calls past the methods above: the admin's and a cascade's fast deletes, and Model.save.
    _raw_delete = _update = _refuse


class AuditEvent(models.Model):
    """One thing that happened. No foreign keys: history outlives its subjects, and names are kept as text."""

    at = models.DateTimeField()
    action = models.CharField(max_length=64)
    # None: amicopy itself.
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=150)
    source = models.CharField(max_length=16)
    address = models.CharField(max_length=64, blank=True)
    # Shared by all events of one action.
    correlation_id = models.UUIDField()
    request = models.BigIntegerField(null=True)
    copy = models.BigIntegerField(null=True)
    # The request's requester, who may see the event.
    requester = models.BigIntegerField(null=True)
    account = models.CharField(max_length=12, blank=True)
    region = models.CharField(max_length=32, blank=True)
    image_id = models.CharField(max_length=64, blank=True)
    aws_request_id = models.CharField(max_length=64, blank=True)
    error_code = models.CharField(max_length=128, blank=True)
    old = models.CharField(max_length=64, blank=True)
    new = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        base_manager_name = "objects"
        default_permissions = ()
        permissions = (("view_all", "Can see the whole audit history"),)
        # Each filter of the page walks one of these from the newest event on, so a page costs the same at any size.
        indexes = tuple(
            models.Index(fields=(name, "-id"), name=f"audit_by_{name}")
            for name in (
                "request",
                "copy",
                "requester",
                "actor_id",
                "action",
                "account",
                "region",
                "image_id",
                "at",
                "correlation_id",
                "actor",
                "aws_request_id",
            )
        )

    def __str__(self) -> str:
        return f"{self.pk} {self.action}"

    save = delete = _refuse

    @property
    def sentence(self) -> str:
        return ACTIONS.get(self.action, self.action)

    @property
    def holds(self) -> bool:
        """Whether the event's content fits its own hash."""
        return fits(self.prev_hash, values_of(self), self.hash)


class EventRegion(models.Model):
    """A Region that an event of a whole request is about, for finding it: those of the calls that were submitted. Other
    events name their Region themselves. Made of events, see `log.regions_of`, so it proves nothing and needs not to."""

    event = models.BigIntegerField()
    region = models.CharField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("region", "event"), name="event_region_once"),)
        indexes = (models.Index(fields=("event",), name="event_region_by_event"),)

    def __str__(self) -> str:
        return f"{self.event} {self.region}"


class AuditCheck(models.Model):
    """One walk along the chain, possibly in several steps: how far it came and what it found.

    A full walk begins at the oldest event; any other goes on where the last good one ended.
    """

    class Outcome(models.TextChoices):
        RUNNING = "running", "Still walking"
        GOOD = "good", "Chain verified"
        BROKEN = "broken", "Chain broken"

    full = models.BooleanField()
    started_at = models.DateTimeField(default=timezone.now)
    at = models.DateTimeField(default=timezone.now)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.RUNNING)
    # The last event that was found good, and how many events stand in the chain up to it.
    head_id = models.BigIntegerField()
    head_hash = models.CharField(max_length=64)
    events = models.BigIntegerField()
    # Where it broke, in words; empty otherwise.
    finding = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=models.Q(outcome__in=("running", "good", "broken")), name="check_outcome_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.outcome}"


class HeadStore(models.Model):
    """A place outside of the database that signed heads are put into: the newest one there, and what came of the last
    try. One row a kind."""

    class Kind(models.TextChoices):
        FOLDER = "folder", "Folder"
        BUCKET = "bucket", "Bucket"

    class Fault(models.TextChoices):
        MISSING = "missing", "Gone"
        UNWRITABLE = "unwritable", "Can't be written"
        REFUSED = "refused", "Takes no head"
        NO_KEY = "no-key", "No private key"

    kind = models.CharField(max_length=8, choices=Kind.choices, unique=True)
    # The newest head: its name there, what it says, and its event.
    name = models.CharField(max_length=255, blank=True)
    content = models.TextField(blank=True)
    event_id = models.BigIntegerField(default=0)
    written_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField()
    # Why the last try failed; empty when it didn't.
    fault = models.CharField(max_length=16, choices=Fault.choices, blank=True)
    # The last head that was put there and was gone later.
    lost = models.CharField(max_length=255, blank=True)
    lost_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class AuditAnchor(models.Model):
    """The last of the events that were moved to a file: the remaining chain begins right after it."""

    at = models.DateTimeField()
    event_id = models.BigIntegerField(unique=True)
    hash = models.CharField(max_length=64)
    # How many events were ever archived, up to and with this one.
    events = models.BigIntegerField()
    file = models.CharField(max_length=255)
    # HMAC as on an exported head: an anchor put in by hand is recognised.
    signature = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.event_id} {self.file}"
