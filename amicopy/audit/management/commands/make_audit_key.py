"""`manage.py make_audit_key`: a new pair of keys for signing the heads of the history."""

import os
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from amicopy.audit import signing_keys


class Command(BaseCommand):
    help = "Makes a pair of Ed25519 keys for the heads of the audit history, and prints the settings with them."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--private-key-file", type=Path, help="write the private key to this new file instead")

    def handle(self, *, private_key_file: Path | None, **options: object) -> None:
        private = signing_keys.make()
        public = signing_keys.private_key(private).public_key()
        if private_key_file is None:
            self.stdout.write(f"AUDIT_PRIVATE_KEY={private}")
        else:
            try:
                # For its owner only, from its first byte on; a key is never written over.
                handle = os.open(private_key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except OSError as error:
                raise CommandError(f"{private_key_file} can't be written: {error.strerror}.") from None
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(signing_keys.pem(private))
            self.stdout.write(f"AUDIT_PRIVATE_KEY_FILE={private_key_file}")
        # What the keys of before have signed stays valid.
        known = [signing_keys.public_text(public), *settings.AUDIT_PUBLIC_KEYS]
        self.stdout.write(f"AUDIT_PUBLIC_KEYS={','.join(known)}")
        self.stderr.write(
            f"Key {signing_keys.key_id(public)}. The private key belongs where workers run and nowhere else, the "
            "public keys everywhere; give them to whoever is to verify the history."
        )
