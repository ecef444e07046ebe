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
