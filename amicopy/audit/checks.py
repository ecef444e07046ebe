"""Verifying regularly: small walks over what is new, a full walk every day, and the result kept for the page."""

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.utils import timezone

from amicopy.audit import chain_verification
from amicopy.audit.actor import Actor
from amicopy.audit.chain_verification import Broken, Place, Walk
from amicopy.audit.heads import Head
from amicopy.audit.log import record
from amicopy.audit.models import AuditCheck

logger = logging.getLogger(__name__)

FULL_EVERY = timedelta(days=1)
Outcome = AuditCheck.Outcome


def status() -> AuditCheck | None:
    """The check that says how the chain stands: a full walk that failed counts until a later full walk is good.

    None before the first check.
    """
    finished = AuditCheck.objects.exclude(outcome=Outcome.RUNNING).order_by("-id")
    full = finished.filter(full=True).first()
    if full is not None and full.outcome == Outcome.BROKEN:
        return full
    return finished.first()


def verify_new(*, seconds: float, actor: Actor) -> AuditCheck:
    """Checks the events since the last good check, for at most about `seconds`, and keeps the result.

    Without a good check yet it begins at the start of the chain. What it doesn't reach in time, the next one does.
    """
    known = AuditCheck.objects.filter(outcome=Outcome.GOOD).order_by("-head_id", "-id").first()
    check = AuditCheck(full=False)
    try:
        start = _start(known)
        lost = _lost(start) or chain_verification.protection() or chain_verification.newest_heads()
        found = Walk(start, lost) if lost else chain_verification.walk(start, seconds=seconds)
    except Broken as broken:
        found = Walk(Place(), str(broken))
    _store(check, found, outcome=Outcome.BROKEN if found.finding else Outcome.GOOD, actor=actor)
    if check.outcome == Outcome.GOOD:
        AuditCheck.objects.filter(full=False, outcome=Outcome.GOOD, pk__lt=check.pk).delete()
    return check


def verify_all(*, seconds: float | None, actor: Actor) -> AuditCheck:
    """Goes on with the full walk that is under way, or begins one, for at most about `seconds` (None: to the end)."""
    check = AuditCheck.objects.filter(full=True, outcome=Outcome.RUNNING).order_by("-id").first()
    if check is None or seconds is None:
        check = AuditCheck(full=True)
    try:
        start = _start(check if check.pk else None)
        lost = chain_verification.protection() or chain_verification.newest_heads()
        found = Walk(start, lost) if lost else chain_verification.walk(start, seconds=seconds)
    except Broken as broken:
        found = Walk(Place(), str(broken))
    good = Outcome.GOOD if found.finished else Outcome.RUNNING
    _store(check, found, outcome=Outcome.BROKEN if found.finding else good, actor=actor)
    return check


def full_is_due(now: datetime) -> bool:
    """Whether a full walk is under way or should begin."""
    last = AuditCheck.objects.filter(full=True).order_by("-id").first()
    return last is None or last.outcome == Outcome.RUNNING or last.started_at < now - FULL_EVERY


def _start(check: AuditCheck | None) -> Place:
    """Where a check ended, or the beginning of the chain if events were archived beyond that."""
    beginning = chain_verification.beginning()
    if check is None or check.head_id < beginning.id:
        return beginning
    return Place(check.head_id, check.head_hash, check.events)


def _lost(start: Place) -> str:
    head = Head(at="", id=start.id, hash=start.hash, events=start.events)
    return chain_verification.missing_head(head, "the last good check")


def _store(check: AuditCheck, found: Walk, *, outcome: AuditCheck.Outcome, actor: Actor) -> None:
    before = status()
    check.at = timezone.now()
    check.outcome = outcome
    check.finding = found.finding
    check.head_id, check.head_hash, check.events = found.place.id, found.place.hash, found.place.events
    check.save()
    if outcome != Outcome.BROKEN:
        return
    logger.error("The audit history doesn't hold: %s", found.finding)
    if before is None or before.finding != found.finding:
        try:
            with transaction.atomic():
                record("audit.broken", actor=actor, data={"finding": found.finding})
        except DatabaseError:
            # Events in a wrong order leave no place for another one. The check itself is kept.
            logger.exception("The history takes no more events")
