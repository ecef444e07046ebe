"""Every try at a copy, with the token it was made under: what makes a call that is sent twice one image."""

from datetime import datetime
from typing import Any

from django.db import models

from amicopy.copies.core import absence


class Attempt(models.Model):
    """One try at a copy: its ClientToken, stored before the call, and what became of it. All are kept."""

    copy = models.ForeignKey("copies.ImageCopy", on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    account = models.ForeignKey("copies.Account", on_delete=models.PROTECT, related_name="+")
    DestinationRegion = models.CharField(max_length=32)
    ClientToken = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    first_called_at = models.DateTimeField(null=True)
    last_called_at = models.DateTimeField(null=True)
    # A call went out, and AWS never said what came of it: it may have made the image. `last_called_at` is then that
    # call's. It stays so when the copy fails over it.
    in_doubt = models.BooleanField(default=False)
    ImageId = models.CharField(max_length=64, blank=True)
    aws_request_id = models.CharField(max_length=64, blank=True)
    error_code = models.CharField(max_length=128, blank=True)

    class Meta:
        ordering = ("copy", "number")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("copy", "number"), name="attempt_one_a_number"),
            # AWS scopes a token to account and Region.
            models.UniqueConstraint(fields=("account", "DestinationRegion", "ClientToken"), name="attempt_one_a_token"),
        )

    def __str__(self) -> str:
        return f"attempt {self.number} at {self.copy_id}"

    def may_appear(self, now: datetime) -> bool:
        """Whether the image of an unanswered call may be there without being listed yet."""
        return self.in_doubt and not self.ImageId and absence.young(self.last_called_at or self.first_called_at, now)

    def as_dict(self) -> dict[str, Any]:
        """For audit rows and pages."""
        return {"number": self.number, "ClientToken": self.ClientToken}
