"""Registers amicopy.copies with Django."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from amicopy.copies.operations import deploy_checks


class CopiesConfig(AppConfig):
    name = "amicopy.copies"

    def ready(self) -> None:
        register(deploy_checks.given_by_groups, Tags.security)
        register(deploy_checks.two_person_changes, Tags.security, deploy=True)
        register(deploy_checks.nothing_outside, Tags.security, deploy=True)
        register(deploy_checks.https_behind_a_proxy, Tags.security, deploy=True)
