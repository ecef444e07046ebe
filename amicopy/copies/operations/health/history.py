"""Checks of the history: whether its chain holds and was looked at lately, its triggers, and where heads are kept."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from amicopy.audit import checks, head_store, triggers
from amicopy.audit.models import AuditCheck
from amicopy.copies.operations.health.finding import Finding, Part, down, look, well

# How late a verification may be, in times of AUDIT_VERIFY_SECONDS, and how long beat and workers may need on top.
LATE, SPARE = 3, timedelta(minutes=2)


def chain() -> Iterator[Finding]:
    """Whether the history was verified lately, and held."""
    last = checks.status()
    if last is None:
        yield look(Part.HISTORY, "chain-never-verified")
        return
    late = timezone.now() - LATE * timedelta(seconds=settings.AUDIT_VERIFY_SECONDS) - SPARE
    newest = AuditCheck.objects.exclude(outcome=AuditCheck.Outcome.RUNNING).order_by("-at").first()
    if last.outcome == AuditCheck.Outcome.BROKEN:
        yield down(Part.HISTORY, "chain-broken", since=last.at, finding=last.finding)
    elif newest is not None and newest.at < late:
        yield look(Part.HISTORY, "chain-late", since=newest.at)
    else:
        yield well(Part.HISTORY, "chain-verified", since=last.at, count=last.events)


def append_only() -> Iterator[Finding]:
    """Whether the database still refuses to change an event."""
    if faults := triggers.faults(connection):
        yield down(Part.HISTORY, "triggers-weakened", faults=faults)


def heads() -> Iterator[Finding]:
    """Whether the heads of the history arrive where they are kept, and stay there."""
    for found in head_store.findings():
        if not head_store.stores():
            # That there is no store is a choice, though not a good one; check --deploy warns of it.
            yield look(Part.HEADS, "heads-nowhere")
        elif found.ok:
            yield well(Part.HEADS, "head-kept", words=found.words)
        else:
            yield down(Part.HEADS, "head-not-kept", words=found.words)
