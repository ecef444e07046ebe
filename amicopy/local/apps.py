"""Registers amicopy.local with Django."""

from django.apps import AppConfig


class LocalConfig(AppConfig):
    name = "amicopy.local"
