"""Failed sign-ins in the history: so many events in an hour and no more, whoever tries, then a count. A name that is
nobody's is kept as a keyed digest, since people type passwords into the field for the name."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor, worker
from amicopy.audit.log import record
from amicopy.web.models import SignInTries
from amicopy.web.sign_in_limits import digest

# Apart for names of people and for others: a flood of made-up names hides no guessing of a real one's password.
MOST_EVENTS, WINDOW = 60, timedelta(hours=1)
KINDS = ("events:people", "events:others")
# Of a digest: enough to tell names apart, too little to be sure of what somebody typed, even with the key.
DIGITS = 8


def failed(name: str, address: str, reached: Iterable[str]) -> None:
    """Records a wrong password, and a rest that began with it, or only counts it."""
    known = User.objects.filter(username=name).exists()
    who = {"username": name} if known else {"unknown_name": digest(name)[:DIGITS]}
    actor = Actor(name="nobody", source="page", address=address)
    with transaction.atomic():
        row = _window(KINDS[0] if known else KINDS[1])
        row.tries += 1
        row.save(update_fields=["tries"])
        if row.tries > MOST_EVENTS:
            return
        record("person.sign_in_failed", actor=actor, data=who)
        for kind in sorted(reached):
            record("person.locked_out", actor=actor, data={**who, "limit": kind})


def refused(provider: str, reason: str, address: str) -> None:
    """Records that nobody was signed on who came from a provider, or only counts it."""
    with transaction.atomic():
        row = _window(KINDS[1])
        row.tries += 1
        row.save(update_fields=["tries"])
        if row.tries <= MOST_EVENTS:
            actor = Actor(name="nobody", source="page", address=address)
            record("person.sign_in_failed", actor=actor, data={"provider": provider, "why": reason})


def sum_up() -> None:
    """Ends windows that are over, each with an event for what was only counted."""
    with transaction.atomic():
        over = SignInTries.objects.select_for_update().filter(pk__in=KINDS, ends_at__lte=timezone.now())
        for row in over.order_by("key"):
            _sum_up(row)
            row.delete()


def _window(kind: str) -> SignInTries:
    now = timezone.now()
    row, _ = SignInTries.objects.select_for_update().get_or_create(key=kind, defaults={"ends_at": now + WINDOW})
    if row.ends_at <= now:
        _sum_up(row)
        row.tries, row.ends_at = 0, now + WINDOW
        row.save(update_fields=["tries", "ends_at"])
    return row


def _sum_up(row: SignInTries) -> None:
    more = row.tries - MOST_EVENTS
    if more > 0:
        said = {"count": more, "names": row.key.partition(":")[2], "since": _stamp(row.ends_at - WINDOW)}
        record("person.sign_ins_failed", actor=worker("sweep_tables"), data={**said, "until": _stamp(row.ends_at)})


def _stamp(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
