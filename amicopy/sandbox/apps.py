"""Registers amicopy.sandbox with Django."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "amicopy.sandbox"
