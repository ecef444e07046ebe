"""`manage.py add_administrator NAME`: the first person, who adds everybody else on the page People."""

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from amicopy.audit.actor import Actor
from amicopy.copies.operations import people


class Command(BaseCommand):
    help = "Adds an administrator and prints the path with which they set their password, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--email", default="")

    def handle(self, *, name: str, email: str, **options: object) -> None:
        try:
            actor = Actor(name="add_administrator", source="command")
            parts = people.add_administrator(actor, name=name, email=email)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"{name} sets a password at {reverse('password-set', args=parts)}")
