"""`manage.py confirm_person NAME`: whoever operates amicopy stands for somebody."""

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from amicopy.audit.actor import Actor
from amicopy.copies.operations import confirmations


class Command(BaseCommand):
    help = (
        "Confirms that an account is a person's own, whoever gave it to them, so that their vote counts for everybody."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *, name: str, **options: object) -> None:
        try:
            count = confirmations.confirm_by_operator(Actor(name="confirm_person", source="command"), name)
        except User.DoesNotExist:
            raise CommandError(f"There is nobody called {name}.") from None
        self.stdout.write(f"{name} is confirmed." if count else f"There is nothing to confirm of {name}.")
