"""`manage.py doctor`: says what is wrong with this installation; ends with 1 if anything is."""

from typing import Any

from django.core.management.base import BaseCommand

from amicopy.copies.operations.doctor import findings


class Command(BaseCommand):
    help = "Say what is wrong with database, broker, workers, beat, clock, credentials and permissions."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for finding in findings():
            mark = "warning" if finding.warning else "ok" if finding.ok else "WRONG"
            self.stdout.write(f"{mark:8} {finding.what}: {finding.words}")
            wrong += not finding.ok
        if wrong:
            raise SystemExit(1)
