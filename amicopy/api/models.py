"""What the API keeps for itself: answers to calls that name a key, so that the same call again does nothing twice, and
the signatures that the EC2 endpoint has seen."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models


class KeptAnswer(models.Model):
    """A call under a key of its caller's, and its answer; without one while the call is under way."""

    KEPT = timedelta(days=7)

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    # Of method, address, body and what the token is limited to.
    fingerprint = models.CharField(max_length=64)
    # What a request asked for by this call is submitted as: a call that is taken over makes no second one.
    submission = models.UUIDField(default=uuid.uuid4)
    started_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    location = models.CharField(max_length=255, blank=True)
    content = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("person", "key"), name="kept_answer_one_a_key"),)

    def __str__(self) -> str:
        return self.key


class SeenSignature(models.Model):
    """A signature that somebody signed a call to the EC2 endpoint with: it counts once, in whatever process."""

    # A signature that is 15 minutes ahead holds for half an hour.
    WINDOW = timedelta(minutes=15)
    KEPT = 2 * WINDOW

    signature = models.CharField(max_length=64, unique=True)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=("at",), name="seen_signature_by_time"),)

    def __str__(self) -> str:
        return self.signature
