"""What the engine notes for itself, beside requests and copies. No history: all of it can be found anew."""

from django.db import models


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
