"""Running checks: side by side, each caught by itself and with an end of its own, so that whatever hangs, the others
are heard."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.utils import timezone

from amicopy.copies.operations.health import places
from amicopy.copies.operations.health.checks import CHECKS, DOCTORS, Check
from amicopy.copies.operations.health.finding import Finding, Part, State, down, look

logger = logging.getLogger(__name__)
# All of doctor ends within this, in seconds, and is told to a little before.
ALL_SECONDS = 14.0
# Listing what else there is to ask.
LIST_SECONDS = 1.5
# So many checks at once have a connection to the database.
CONNECTIONS = 4
STATEMENT_SECONDS = 4


# A page and a scrape look again when what this process saw last is older than this.
KEPT_SECONDS = 5.0
KEY = "examination"
_one_looks = threading.Lock()


@dataclass(frozen=True)
class Examination:
    """What was found, and when."""

    at: datetime
    findings: list[Finding]


class _Look(threading.Thread):
    """One check under way. Nobody waits for its thread: one that hangs is left behind."""

    def __init__(self, check: Check, room: threading.Semaphore) -> None:
        super().__init__(name=f"check-{check.part}", daemon=True)
        self.check, self.room = check, room
        self.found: list[Finding] = []
        self.ended = threading.Event()

    def run(self) -> None:
        if not self.check.asks_database:
            self._look()
            return
        with self.room:
            self._look()

    def _look(self) -> None:
        try:
            if self.check.asks_database:
                _limit_statements()
            for finding in _caught(self.check):
                self.found.append(finding)
        except DatabaseError as error:
            self.found.append(look(self.check.part, "database-needed", kind=type(error).__name__))
        finally:
            # Looks at AWS read rows on the way, too. A connection that can't even be closed counts as no answer.
            connection.close()
            self.ended.set()

    def findings(self, ends: float) -> list[Finding]:
        """What it found until then, by the monotonic clock."""
        in_time = self.ended.wait(max(0.0, ends - time.monotonic()))
        found = list(self.found)
        return found if in_time else [*found, down(self.check.part, "no-answer", seconds=round(self.check.seconds))]


def _caught(check: Check) -> Iterator[Finding]:
    """What a check finds. Whatever goes wrong in it is a finding too; a database that is away is the caller's."""
    try:
        yield from check.look()
    except DatabaseError:
        raise
    except Exception as error:
        logger.exception("A check failed: %s", check.part)
        yield look(check.part, "check-failed", kind=type(error).__name__)


def _limit_statements() -> None:
    """On PostgreSQL, a statement of this thread ends by itself; SQLite has no such limit."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")


def examine(checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """What the checks find, in their order. Takes at most as long as the longest of them may."""
    began, room = time.monotonic(), threading.Semaphore(CONNECTIONS)
    looks = [_Look(check, room) for check in checks]
    for each in looks:
        each.start()
    return [finding for each in looks for finding in each.findings(began + each.check.seconds)]


def recent() -> Examination:
    """What this process sees, looked at anew by one thread every few seconds at most."""
    with _one_looks:
        known: Examination | None = cache.get(KEY)
        if known is None:
            known = Examination(timezone.now(), examine())
            cache.set(KEY, known, KEPT_SECONDS)
        return known


def examine_all() -> list[Finding]:
    """What doctor says: the checks, whether a worker takes a message, and every account as it answers now."""
    ends = time.monotonic() + ALL_SECONDS
    found = examine((*CHECKS, *DOCTORS))
    if any(finding.part is Part.DATABASE and finding.state is State.DOWN for finding in found):
        return found
    asks: list[places.Ask] = []

    def listed() -> Iterator[Finding]:
        asks.extend(places.asked())
        yield from ()

    found += examine((Check(Part.ACCOUNT, listed, LIST_SECONDS),))
    seconds = max(0.5, ends - time.monotonic())
    # These wait for AWS, not for the database.
    return found + examine([Check(Part.ACCOUNT, ask, seconds, asks_database=False) for ask in asks])
