"""What the pages keep for a person. Nothing of it is part of the record: it may be changed and deleted."""

import uuid
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q


class SavedView(models.Model):
    """A person's own view of the list of requests: a name for the filters and the order in an address."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=40)
    # As `Search.address` writes it, with the question mark.
    address = models.CharField(max_length=1000)

    class Meta:
        ordering = ("name", "id")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("person", "name"), name="saved_view_one_a_name"),)

    def __str__(self) -> str:
        return self.name


class Preset(models.Model):
    """What a person or a team fills into the form often, under a name: the fields as typed, without reason and
    tokens."""

    # Whose it is, or nobody's where it is a team's.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="presets")
    team = models.ForeignKey("auth.Group", null=True, on_delete=models.CASCADE, related_name="presets")
    name = models.CharField(max_length=40)
    # HTML name of an input -> what was typed.
    fields = models.JSONField(default=dict)

    class Meta:
        ordering = ("name", "id")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("person", "name"), name="preset_one_a_name"),
            models.UniqueConstraint(fields=("team", "name"), name="preset_one_a_name_of_a_team"),
            models.CheckConstraint(
                condition=Q(person__isnull=True) ^ Q(team__isnull=True), name="preset_of_a_person_or_a_team"
            ),
        )

    def __str__(self) -> str:
        return self.name


class SignInTries(models.Model):
    """How often signing in was tried lately for a name, from an address, or both: see `sign_in_limits`. Nothing that
    was typed stands here."""

    # What is counted, and the keyed digest of for whom.
    key = models.CharField(max_length=80, primary_key=True)
    tries = models.PositiveIntegerField(default=0)
    # Then it is forgotten; until then nobody tries again once there were as many tries as the limit.
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.key.partition(':')[0]} {self.tries}"


class KnownPlace(models.Model):
    """An address or a browser that a person signed in from: the tries of others elsewhere don't count there."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="known_places")
    # A keyed digest.
    place = models.CharField(max_length=64)
    last_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("person", "place"), name="known_place_one_a_person"),)

    def __str__(self) -> str:
        return f"{self.person_id} {self.last_at:%Y-%m-%d}"


class UnsentPost(models.Model):
    """What somebody sent while they weren't signed in, for a while: see `unsent_posts`, which bounds the rows."""

    # A secret of the browser that sent it.
    key = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    address = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField(db_index=True)
    # HTML name of an input -> what was typed.
    fields = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"unsent at {self.at:%Y-%m-%d %H:%M}"


class SeenLogout(models.Model):
    """A logout token that a provider sent: it counts once, in whatever process."""

    # An older one isn't taken; one of a clock that is ahead holds for as long again.
    WINDOW = timedelta(minutes=15)
    KEPT = 2 * WINDOW

    # Of its issuer and its id.
    digest = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.digest


class Session(AbstractBaseSession):
    """Django's session with whose it is and where from, so that people see theirs. Its key is a secret: nothing shows
    it."""

    # None while nobody has signed in.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="sessions")
    began_at = models.DateTimeField(null=True)
    # When somebody last clicked something in it.
    seen_at = models.DateTimeField(null=True)
    address = models.CharField(max_length=64, blank=True)
    # In words.
    browser = models.CharField(max_length=80, blank=True)
    # By which provider they signed on, and what it calls their session there, where it says so: it can end them.
    provider = models.CharField(max_length=64, blank=True, db_default="")
    sid = models.CharField(max_length=255, blank=True, db_default="")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"session of {self.person_id}"

    @classmethod
    def get_session_store_class(cls) -> Any:
        return import_module(settings.SESSION_ENGINE).SessionStore
