"""`manage.py archive_audit`: moves events older than AUDIT_KEEP_DAYS to verified files, as the database's owner."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from amicopy.audit import archives
from amicopy.audit.actor import Actor
from amicopy.audit.archives import NotArchived


class Command(BaseCommand):
    help = "Moves audit events older than AUDIT_KEEP_DAYS to verified files in AUDIT_ARCHIVE_DIR."

    def handle(self, **options: object) -> None:
        if not settings.AUDIT_KEEP_DAYS:
            self.stdout.write("Events are kept for ever: AUDIT_KEEP_DAYS is 0.")
            return
        actor, files = Actor(name="archive_audit", source="command"), 0
        try:
            while anchor := archives.archive_next(actor):
                files += 1
                self.stdout.write(f"Events up to {anchor.event_id} archived to {anchor.file}")
        except NotArchived as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"The database refuses; run this as the owner of its tables. {error}") from None
        self.stdout.write(f"{files} files written to {settings.AUDIT_ARCHIVE_DIR}")
