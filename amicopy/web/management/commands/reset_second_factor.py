"""`manage.py reset_second_factor NAME`: lets somebody in again who has lost all of theirs."""

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from amicopy.audit.actor import Actor
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.operations import second_factors
from amicopy.web import sessions


class Command(BaseCommand):
    help = "Removes all second factors and recovery codes of somebody who has lost them, and ends their sessions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *, name: str, **options: object) -> None:
        actor = Actor(name="reset_second_factor", source="command")
        try:
            with transaction.atomic():
                sessions.end_all(actor, second_factors.reset_by_operator(actor, name))
        except User.DoesNotExist:
            raise CommandError(f"There is nobody called {name}.") from None
        except NotAllowed as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{name} has no second factor any more: the password alone lets them in.")
