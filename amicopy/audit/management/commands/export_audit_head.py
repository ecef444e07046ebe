"""`manage.py export_audit_head FILE`: the chain's head, signed, to be kept where amicopy can't change it."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from amicopy.audit import heads


class Command(BaseCommand):
    help = "Writes the signed head of the audit history to a new file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: object) -> None:
        head = heads.current()
        try:
            heads.write(file, head)
        except heads.NoKey as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{file} can't be written: {error}.") from None
        self.stdout.write(f"Head of event {head.id}, {head.events} events, written to {file}")
