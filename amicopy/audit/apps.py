"""Registers amicopy.audit with Django."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "amicopy.audit"
