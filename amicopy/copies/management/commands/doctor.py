"""`manage.py doctor`: says what is wrong with this installation; ends with 1 if anything is."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from amicopy.copies.operations.health.examination import examine_all
from amicopy.copies.operations.health.finding import Finding, State
from amicopy.copies.operations.health.words import words_of

MARKS = {State.WELL: "ok", State.LOOK: "warning", State.DOWN: "WRONG"}


class Command(BaseCommand):
    help = "Say what is wrong with this installation, within 15 seconds; ends with 1 if anything is down."
    # They could ask a database that hangs.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON, for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        found = examine_all()
        if options["json"]:
            self.stdout.write(json.dumps([_as_dict(finding) for finding in found], indent=1))
        else:
            for finding in found:
                self.stdout.write(f"{MARKS[finding.state]:8} {finding.what}: {words_of(finding)}")
        if any(finding.state is State.DOWN for finding in found):
            raise SystemExit(1)


def _as_dict(finding: Finding) -> dict[str, Any]:
    words = words_of(finding)
    return {
        "part": finding.part,
        "place": finding.place,
        "code": finding.code,
        "state": finding.state,
        "since": finding.since.isoformat() if finding.since else None,
        "seen": words.seen,
        "means": words.means,
        "do": words.do,
        "data": dict(finding.data),
    }
