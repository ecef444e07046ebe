"""`manage.py verify_audit`: walks the chain and names the first broken link."""

import time
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from amicopy.audit import archives, chain_verification, checks, heads
from amicopy.audit.actor import Actor
from amicopy.audit.chain_verification import Broken, Place
from amicopy.audit.models import AuditCheck


class Command(BaseCommand):
    help = "Verifies the audit history; ends with 1 and the first broken link when it doesn't hold."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", type=Path, help="an earlier head: proves that nothing before it was cut off")
        parser.add_argument("--since-head", action="store_true", help="check only the events after that head")

    def handle(self, *, head: Path | None, since_head: bool, **options: object) -> None:
        if since_head and head is None:
            raise CommandError("--since-head needs --head FILE.")
        known = None
        if head is not None:
            try:
                known = heads.read(head)
            except heads.InvalidHead as error:
                raise CommandError(str(error)) from None
            # An archived event is looked for in its file, after the chain.
            lost = (
                ""
                if not since_head and chain_verification.archive_of(known)
                else chain_verification.missing_head(known, str(head))
            )
            if lost:
                raise CommandError(lost)
        began = time.monotonic()
        if since_head and known is not None:
            found = chain_verification.walk(Place(known.id, known.hash, known.events))
            finding, place = chain_verification.protection() or found.finding, found.place
            checked = place.events - known.events
        else:
            check = checks.verify_all(seconds=None, actor=Actor(name="verify_audit", source="command"))
            finding = check.finding if check.outcome == AuditCheck.Outcome.BROKEN else ""
            place = Place(check.head_id, check.head_hash, check.events)
            checked = place.events
            if not finding:
                try:
                    archives.verify_all(known)
                except Broken as broken:
                    raise CommandError(str(broken)) from None
        if finding:
            raise CommandError(f"{finding} {checked} events before it are good.")
        self.stdout.write(
            f"{checked} events verified in {time.monotonic() - began:.1f} s. Head: event {place.id}, {place.hash}"
        )
