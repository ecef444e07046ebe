"""What the engine notes for itself, beside requests and copies. No history: all of it can be found anew."""

import socket
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from amicopy.copies.core.absence import Missable
from amicopy.version import VERSION


class EventQueue(models.Model):
    """How a queue of AWS's events is doing: when it last answered a listener, or why it didn't."""

    url = models.CharField(max_length=500, unique=True)
    polled_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.url


class EventSource(models.Model):
    """A place whose events arrive: when one came last, and when one should have come and didn't."""

    account = models.ForeignKey("copies.Account", on_delete=models.CASCADE, related_name="+")
    DestinationRegion = models.CharField(max_length=32)
    queue = models.ForeignKey(EventQueue, on_delete=models.CASCADE, related_name="+")
    heard_at = models.DateTimeField()
    missed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("account", "DestinationRegion"), name="event_source_one_a_place"),
        )

    def __str__(self) -> str:
        return f"{self.account_id} {self.DestinationRegion}"


class AccountCheck(models.Model):
    """Whether amicopy gets into an account: the last look, and one that is asked for or under way."""

    account = models.OneToOneField("copies.Account", on_delete=models.CASCADE, related_name="check_result")
    # Set while a look is wanted; a worker takes it under a lease and takes it back when it is done.
    requested_at = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    # Who amicopy is in the account, and who it is by itself: whom the role has to trust.
    arn = models.CharField(max_length=2048, blank=True)
    own_arn = models.CharField(max_length=2048, blank=True)
    # Why it doesn't get in, and AWS's own words; empty when it does.
    error = models.TextField(blank=True)
    said = models.TextField(blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"check of {self.account_id}"


class PermissionCheck(models.Model):
    """A dry run of one call that somebody asks for before submitting; those of one question share `asked`.

    A worker takes it under a lease and stores AWS's answer, see `lookups.dry_run`.
    """

    asked = models.UUIDField()
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey("copies.Account", on_delete=models.CASCADE, related_name="+")
    DestinationRegion = models.CharField(max_length=32)
    parameters = models.JSONField()
    # Of Region and parameters, by which an answer is found again.
    fingerprint = models.CharField(max_length=64)
    requested_at = models.DateTimeField()
    lease_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    answer = models.JSONField(default=dict)

    # An answer is of use for minutes; whoever looks into what was asked finds it for a day.
    KEPT = timedelta(days=1)

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(fields=("asked",), name="permission_check_asked"),
            models.Index(fields=("account", "fingerprint", "answered_at"), name="permission_check_by_call"),
            models.Index(fields=("person", "requested_at"), name="permission_check_by_person"),
            models.Index(
                fields=("requested_at",), condition=models.Q(answered_at__isnull=True), name="permission_check_wanted"
            ),
        )

    def __str__(self) -> str:
        return f"dry run into {self.DestinationRegion} of {self.account_id}"


class CopyLook(models.Model):
    """The last look at the image of a finished copy, and whether somebody asked for another; see `copy_looks`."""

    copy = models.OneToOneField("copies.ImageCopy", on_delete=models.CASCADE, related_name="look")
    requested_at = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    # As AWS calls it; empty where AWS doesn't know the image, or couldn't be asked.
    State = models.CharField(max_length=32, blank=True)
    # As `ImageCopy.verification`.
    verification = models.JSONField(default=list)
    # Why AWS couldn't be asked, in words; empty when it answered.
    error = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(
                fields=("requested_at",), condition=models.Q(requested_at__isnull=False), name="copy_look_wanted"
            ),
        )

    def __str__(self) -> str:
        return f"look at copy {self.copy_id}"

    @property
    def pending(self) -> bool:
        """Whether somebody asked for a look that hasn't happened yet."""
        return self.requested_at is not None


class RegionCheck(models.Model):
    """What the last look found of one Region of an account."""

    account = models.ForeignKey("copies.Account", on_delete=models.CASCADE, related_name="region_checks")
    Region = models.CharField(max_length=32)
    enabled = models.BooleanField()
    # Whether its images can be looked at with the account's credentials; not tried where it isn't enabled.
    reachable = models.BooleanField(null=True)
    encryption_by_default = models.BooleanField(null=True)
    KmsKeyId = models.CharField(max_length=2048, blank=True)
    # What couldn't be found out, and why.
    error = models.TextField(blank=True)
    checked_at = models.DateTimeField()

    class Meta:
        ordering = ("-enabled", "Region")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("account", "Region"), name="region_check_one_a_region"),)

    def __str__(self) -> str:
        return f"{self.account_id} {self.Region}"


class LeftoverLook(models.Model):
    """The last look for leftovers in an account, and whether somebody asked for another."""

    account = models.OneToOneField("copies.Account", on_delete=models.CASCADE, related_name="leftover_look")
    asked_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    # [{"region", "error"}, ...]: what could not be looked at.
    unreachable = models.JSONField(default=list)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"leftovers of {self.account_id}"

    @property
    def pending(self) -> bool:
        """Whether somebody asked for a look that hasn't happened yet."""
        return self.asked_at is not None and (self.looked_at is None or self.looked_at < self.asked_at)


class SeenLeftover(Missable):
    """A leftover as it was last seen at AWS; gone from here once it is gone there."""

    account = models.ForeignKey("copies.Account", on_delete=models.CASCADE, related_name="+")
    DestinationRegion = models.CharField(max_length=32)
    ImageId = models.CharField(max_length=64)
    # None for an image that bears this installation's mark and that no row knows, as after a restored backup.
    copy = models.ForeignKey("copies.ImageCopy", null=True, on_delete=models.CASCADE, related_name="+")
    # Empty when the image is gone and only snapshots are left.
    State = models.CharField(max_length=32, blank=True)
    snapshots = models.JSONField(default=list)
    gib = models.PositiveIntegerField()
    seen_at = models.DateTimeField()
    # Somebody said that it is to go; by whom is in the history.
    removing_since = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    # As `ImageCopy.removal`.
    removal = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        permissions = (("remove_leftovers", "Can see and remove leftovers"),)
        default_permissions = ()
        ordering = ("account__name", "DestinationRegion", "-gib", "ImageId")
        constraints = (
            models.UniqueConstraint(fields=("account", "DestinationRegion", "ImageId"), name="leftover_one_an_image"),
        )

    def __str__(self) -> str:
        return f"{self.ImageId} in {self.DestinationRegion}"


class DriftLook(models.Model):
    """An account and Region whose finished copies are compared with what was approved: the last round, see
    `engine.drift`."""

    account = models.ForeignKey("copies.Account", on_delete=models.CASCADE, related_name="+")
    DestinationRegion = models.CharField(max_length=32)
    looked_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    # Why AWS didn't show all of it; empty when it did.
    error = models.TextField(blank=True)
    # When CloudTrail may be asked again who changed something, and AWS's code where it didn't say; see `drift_traces`.
    trace_after = models.DateTimeField(null=True)
    trace_error = models.CharField(max_length=128, blank=True, db_default="")

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("account", "DestinationRegion"), name="drift_look_one_a_place"),)

    def __str__(self) -> str:
        return f"drift in {self.account_id} {self.DestinationRegion}"


class DriftTrace(models.Model):
    """Who made something of a finished copy another than approved, as far as CloudTrail says: one for each of
    `ImageCopy.drift`, gone with it. It is asked once, a while after the difference was found; see
    `engine.drift_traces`."""

    copy = models.ForeignKey("copies.ImageCopy", on_delete=models.CASCADE, related_name="drift_traces")
    # Of `core.drift`.
    code = models.CharField(max_length=32)
    # It was still as approved at this time, as far as that is known.
    since = models.DateTimeField()
    found_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True)
    # The call as CloudTrail has it; empty where it says nothing.
    EventId = models.CharField(max_length=64, blank=True)
    EventName = models.CharField(max_length=128, blank=True)
    EventTime = models.DateTimeField(null=True)
    Arn = models.CharField(max_length=2048, blank=True)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("copy", "code"), name="drift_trace_once"),)
        indexes = (models.Index(fields=("found_at",), condition=Q(asked_at__isnull=True), name="drift_trace_wanted"),)

    def __str__(self) -> str:
        return f"{self.code} of copy {self.copy_id}"


class Pulse(models.Model):
    """When something that should happen all the time happened last on a host, and which version did it: `worker` and
    `web` are alive, beat sent (`beat`), a worker swept (`sweep`), did some of the work (`work`), or answered doctor
    (`ping` and the queue). By the database's clock and by the host's own, so that clocks can be compared."""

    # A row older than this is of a host that is gone.
    KEPT = timedelta(days=30)

    name = models.CharField(max_length=16)
    host = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()
    host_at = models.DateTimeField(null=True)
    version = models.CharField(max_length=32, blank=True)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("name", "host"), name="pulse_one_a_host"),)

    def __str__(self) -> str:
        return f"{self.name} {self.host}"

    @property
    def apart(self) -> timedelta:
        """By how much the host's clock was ahead of the database's; negative when it was behind."""
        return self.host_at - self.at if self.host_at else timedelta()

    @staticmethod
    def mark(name: str) -> None:
        """Stores that it happened now on this host, in one statement, whoever does the same at this moment."""
        row = Pulse(name=name, host=socket.gethostname()[:64], at=Now(), host_at=timezone.now(), version=VERSION)
        Pulse.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["name", "host"], update_fields=["at", "host_at", "version"]
        )

    @staticmethod
    def last(name: str) -> timedelta | None:
        """How long ago it happened last on any host, by the database's clock; None: never."""
        ages = Pulse.objects.filter(name=name).order_by("-at").annotate(ago=Now() - F("at"))
        return ages.values_list("ago", flat=True).first()


class CallBucket(models.Model):
    """How many CopyImage calls an account may still make in a Region, at a moment; see `call_buckets`."""

    account = models.ForeignKey("copies.Account", on_delete=models.CASCADE, related_name="+")
    DestinationRegion = models.CharField(max_length=32)
    tokens = models.FloatField()
    filled_at = models.DateTimeField()
    # While less than a token is left, when there will be one.
    spent_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("account", "DestinationRegion"), name="bucket_one_a_place"),)
        indexes = (
            models.Index(fields=("spent_until",), condition=Q(spent_until__isnull=False), name="bucket_that_is_spent"),
        )

    def __str__(self) -> str:
        return f"{self.account_id} {self.DestinationRegion}"
