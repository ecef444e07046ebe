"""What the pages keep for a person. Nothing of it is part of the record: it may be changed and deleted."""

from django.conf import settings
from django.db import models


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
    """What a person fills into the form often, under a name: the fields as typed, without reason and tokens."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="presets")
    name = models.CharField(max_length=40)
    # HTML name of an input -> what was typed.
    fields = models.JSONField(default=dict)

    class Meta:
        ordering = ("name", "id")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("person", "name"), name="preset_one_a_name"),)

    def __str__(self) -> str:
        return self.name
