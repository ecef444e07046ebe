"""`manage.py link_person NAME PROVIDER SUBJECT`: who somebody is at a provider of single sign-on."""

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from amicopy.audit.actor import Actor
from amicopy.copies.operations import sign_on


class Command(BaseCommand):
    help = "Links somebody who has an account here to who they are at a provider, so that they sign on with it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("provider", help="its name in OIDC_PROVIDERS")
        parser.add_argument("subject", help="what the provider's tokens say as sub")

    def handle(self, *, name: str, provider: str, subject: str, **options: object) -> None:
        if provider not in settings.OIDC_PROVIDERS:
            raise CommandError(f"OIDC_PROVIDERS names no {provider}.")
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is nobody called {name}.")
        try:
            issuer = settings.OIDC_PROVIDERS[provider].issuer
            sign_on.identify(user, issuer, subject, actor=Actor(name="link_person", source="command"))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"{name} signs on at {provider} from now on.")
