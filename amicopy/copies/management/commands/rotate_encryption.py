"""`manage.py rotate_encryption`: encrypts what is stored encrypted with the first of ENCRYPTION_KEYS."""

from django.core.management.base import BaseCommand, CommandError

from amicopy.audit.actor import Actor
from amicopy.copies.operations import access_keys, app_secrets
from amicopy.notify import endpoints


class Command(BaseCommand):
    help = (
        "Encrypts addresses and keys of webhooks, secrets of access keys and those of authenticator apps anew with the "
        "first of ENCRYPTION_KEYS; the others aren't needed then."
    )

    def handle(self, **options: object) -> None:
        actor = Actor(name="rotate_encryption", source="command")
        unreadable = []
        for what, seal_again in (
            ("webhooks", endpoints.seal_again),
            ("access keys", access_keys.seal_again),
            ("authenticator apps", app_secrets.seal_again),
        ):
            count, left = seal_again(actor)
            unreadable += left
            self.stdout.write(f"{count} {what} encrypted with the first key")
        if unreadable:
            names = ", ".join(unreadable)
            raise CommandError(
                f"None of ENCRYPTION_KEYS decrypts: {names}. Add their key; or enter such addresses anew, revoke "
                "such access keys and reset such second factors."
            )
