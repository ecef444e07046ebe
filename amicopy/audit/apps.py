"""Registers amicopy.audit with Django."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from amicopy.audit import setting_checks


class AuditConfig(AppConfig):
    name = "amicopy.audit"

    def ready(self) -> None:
        register(setting_checks.check_heads, Tags.security, deploy=True)
