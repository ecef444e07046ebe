"""`manage.py rotate_encryption`: encrypts what is stored encrypted with the first of ENCRYPTION_KEYS."""

from django.core.management.base import BaseCommand, CommandError

from amicopy.audit.actor import Actor
from amicopy.notify import endpoints


class Command(BaseCommand):
    help = (
        "Encrypts addresses and keys of webhooks anew with the first of ENCRYPTION_KEYS; the others aren't needed then."
    )

    def handle(self, **options: object) -> None:
        count, unreadable = endpoints.seal_again(Actor(name="rotate_encryption", source="command"))
        self.stdout.write(f"{count} webhooks encrypted with the first key")
        if unreadable:
            names = ", ".join(unreadable)
            raise CommandError(
                f"None of ENCRYPTION_KEYS decrypts: {names}. Add their key, or enter their addresses anew."
            )
