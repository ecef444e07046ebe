"""The history: rows that are written once. Model, queryset and database each refuse to change or remove one."""

from typing import Any, NoReturn

from django.db import models

from amicopy.audit.actions import ACTIONS

GENESIS = "0" * 64


class AppendOnly(Exception):
    """Somebody tried to change or remove an audit event."""


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit events can't be changed or removed.")

    update = delete = bulk_update = bulk_create = update_or_create = _refuse


class AuditEvent(models.Model):
    """One thing that happened. No foreign keys: history outlives its subjects, and names are kept as text."""

    at = models.DateTimeField()
    action = models.CharField(max_length=64)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=150)
    source = models.CharField(max_length=16)
    address = models.CharField(max_length=64, blank=True)
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
        default_permissions = ()
        permissions = (("view_all", "Can see the whole audit history"),)
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
            )
        )

    def __str__(self) -> str:
        return f"{self.pk} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("Audit events can't be changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit events can't be removed.")

    @property
    def sentence(self) -> str:
        return ACTIONS[self.action]
