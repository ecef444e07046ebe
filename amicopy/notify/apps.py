"""Registers amicopy.notify with Django."""

from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "amicopy.notify"
