"""Registers amicopy.copies with Django."""

from django.apps import AppConfig


class CopiesConfig(AppConfig):
    name = "amicopy.copies"
