"""`manage.py samples`: makes the sample people and accounts of the sandbox."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from amicopy.local import samples


class Command(BaseCommand):
    help = "Make the sample people and accounts of the sandbox."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            samples.make(samples.password())
        except samples.SamplesRefused as refused:
            raise CommandError(str(refused)) from None
