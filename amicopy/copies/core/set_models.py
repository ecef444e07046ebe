"""Requests that were handed in together, a source image each: linked, and each decided, followed and told of alone."""

import uuid

from django.conf import settings
from django.db import models


class RequestSet(models.Model):
    """What one sending of the form made, where that had several source images; `id` is its number. It never changes."""

    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="request_sets")
    # One sending of the form makes one set; the submissions of its requests are made from it.
    submission = models.UUIDField(unique=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"set {self.pk}"


def part_of(submission: uuid.UUID, source: str) -> uuid.UUID:
    """The submission of the request for one source image in a set: the same whenever the set is sent again."""
    return uuid.uuid5(submission, source)
