"""What copies cost: price lists, what each copy costs, and what teams may spend a month."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

# AWS bills a month as the hours it has; here each has as many days as the average one.
DAYS_A_MONTH = Decimal("30.4375")


class PriceList(models.Model):
    """A price list as `prices` reads it; the latest counts. Stored by `operations.price_refresh` only."""

    data = models.JSONField()
    fetched_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"prices of {self.fetched_at:%Y-%m-%d}"


class CopyCost(models.Model):
    """What a copy costs, once it may run: at most, as estimated; and, once it is there, by what was really copied.
    None: not known. Money is in the currency of the price list, see `prices`."""

    copy = models.OneToOneField("copies.ImageCopy", on_delete=models.PROTECT, related_name="cost", primary_key=True)
    currency = models.CharField(max_length=3)
    approved_at = models.DateTimeField()
    estimated_once = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    estimated_month = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    # Of the copy's snapshots, as AWS says it of each; `less` where earlier copies of the same key may have had a part.
    bytes = models.BigIntegerField(null=True)
    less = models.BooleanField(default=False)
    once = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    month = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    kept_from = models.DateTimeField(null=True)
    # When amicopy learnt that the image was gone; None while it is kept, as far as is known.
    kept_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(fields=("approved_at",), name="cost_by_approval"),
            models.Index(fields=("kept_from", "kept_until"), name="cost_by_time_kept"),
        )

    def __str__(self) -> str:
        return f"cost of copy {self.copy_id}"

    def months(self, now: datetime) -> Decimal:
        """How long the copy has been kept until now or its end."""
        if self.kept_from is None:
            return Decimal(0)
        seconds = ((self.kept_until or now) - self.kept_from).total_seconds()
        return Decimal(max(0.0, seconds)) / (DAYS_A_MONTH * 86400)

    def storage_so_far(self, now: datetime) -> Decimal | None:
        """What keeping it has cost until now or its end, at most."""
        return None if self.month is None else self.month * self.months(now)


class Budget(models.Model):
    """What a team's copies may cost a month. It stops nothing: it is said, and rules may look at it. Written by
    `requests.budget_actions` only."""

    team = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="+")
    # In whole units of the price list's currency.
    amount = models.PositiveIntegerField(validators=[MinValueValidator(1), MaxValueValidator(10_000_000)])
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()

    class Meta:
        ordering = ("team__name",)
        default_permissions = ()
        constraints = (models.CheckConstraint(condition=Q(amount__gte=1), name="budget_of_something"),)

    def __str__(self) -> str:
        return f"budget of {self.team.name}"

    def as_dict(self) -> dict[str, Any]:
        """For audit rows."""
        return {"team": self.team.name, "amount": self.amount}
