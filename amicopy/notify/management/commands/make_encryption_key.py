"""`manage.py make_encryption_key`: a key for ENCRYPTION_KEYS."""

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Makes a key for ENCRYPTION_KEYS. Put it first, and leave the others until rotate_encryption has run."
    requires_system_checks = ()

    def handle(self, **options: object) -> None:
        self.stdout.write(Fernet.generate_key().decode())
