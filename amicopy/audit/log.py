"""Writing history: one function, called by the verbs in the transaction that changes state."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from amicopy.audit import stream
from amicopy.audit.actions import ACTIONS
from amicopy.audit.actor import Actor
from amicopy.audit.chain import GENESIS, link, plain, text
from amicopy.audit.models import AuditEvent, EventRegion

# Any number that nothing else in the database uses for an advisory lock.
CHAIN_LOCK = 4_207_011
LAST_HASH = "SELECT hash FROM audit_auditevent ORDER BY id DESC LIMIT 1"
# Two statements in one round trip. The second must be a statement of its own: it has to see what the writer that held
# the lock has committed meanwhile.
LOCKED_LAST_HASH = f"SELECT pg_advisory_xact_lock({CHAIN_LOCK}); {LAST_HASH}"
# An event of a whole request is about the Regions that the one before it was about.
INHERITED = """
    INSERT INTO audit_eventregion (event, region) SELECT %s, region FROM audit_eventregion WHERE event =
    (SELECT id FROM audit_auditevent WHERE request = %s AND region = '' AND id < %s ORDER BY id DESC LIMIT 1)
"""
# The texts of an Entry.
TEXTS = ("action", "account", "region", "image_id", "aws_request_id", "error_code", "old", "new")
LENGTHS = {field.name: field.max_length for field in AuditEvent._meta.fields if field.max_length}


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `request` and `copy` are numbers, `requester` the id of the request's requester, who may
    see the event; `data` is anything JSON can say, with `changes` as {field: [old, new]} where something changed; the
    token that somebody acts with is added as `token`. Texts are cut to what the column holds: an event without its tail
    is better than a verb that fails for its event."""

    action: str
    actor: Actor
    request: int | None = None
    copy: int | None = None
    requester: int | None = None
    account: str = ""
    region: str = ""
    image_id: str = ""
    aws_request_id: str = ""
    error_code: str = ""
    old: str = ""
    new: str = ""
    data: Mapping[str, Any] | None = None

    def values(self) -> dict[str, Any]:
        """The columns of its event but the hashes. Raises KeyError for an action that `actions` doesn't list."""
        ACTIONS[self.action]
        actor = self.actor
        texts = {name: text(getattr(self, name), LENGTHS[name]) for name in TEXTS}
        return {
            **texts,
            "actor": text(actor.name, LENGTHS["actor"]),
            "source": text(actor.source, LENGTHS["source"]),
            "address": text(actor.address, LENGTHS["address"]),
            "at": timezone.now(),
            "actor_id": actor.id,
            "correlation_id": actor.correlation_id,
            "request": self.request,
            "copy": self.copy,
            "requester": self.requester,
            "data": plain(
                {**(self.data or {}), **actor.also, **({"token": asdict(actor.token)} if actor.token else {})}
            ),
        }


def record(
    action: str,
    *,
    actor: Actor,
    request: int | None = None,
    copy: int | None = None,
    requester: int | None = None,
    account: str = "",
    region: str = "",
    image_id: str = "",
    aws_request_id: str = "",
    error_code: str = "",
    old: str = "",
    new: str = "",
    data: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Writes one event, of what an Entry has, linked to the one before, and returns it.

    Must run inside a transaction, after its other locks: the chain is locked until the transaction ends. Raises
    KeyError for an action that `actions` doesn't list and TransactionManagementError outside a transaction.
    """
    entry = Entry(
        action=action,
        actor=actor,
        request=request,
        copy=copy,
        requester=requester,
        account=account,
        region=region,
        image_id=image_id,
        aws_request_id=aws_request_id,
        error_code=error_code,
        old=old,
        new=new,
        data=data,
    )
    return record_all([entry])[0]


def record_all(entries: Sequence[Entry]) -> list[AuditEvent]:
    """Writes events in their order, as `record` does, with one look at the chain for all of them."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An audit event belongs in the transaction of its change.")
    columns = [entry.values() for entry in entries]
    if not columns:
        return []
    prev_hash = lock_chain()
    events: list[AuditEvent] = []
    for values in columns:
        events.append(AuditEvent(**values, prev_hash=prev_hash, hash=link(prev_hash, values)))
        prev_hash = events[-1].hash
    # Both past the model's own methods, which refuse everybody. `bulk_create` opens a transaction, which would keep the
    # tests from seeing that an event's own is missing, so a single event goes without it.
    if len(events) == 1:
        events[0].save_base(force_insert=True)
    else:
        table: QuerySet[AuditEvent] = QuerySet(AuditEvent)
        table.bulk_create(events)
    for event in events:
        if event.request is not None and not event.region:
            _store_regions(event)
        if settings.AUDIT_LOG_STREAM:
            stream.send_after_commit(event)
    return events


def regions_of(data: Mapping[str, Any]) -> list[str]:
    """The Regions that an event is about because it lists the calls of a request."""
    calls = data.get("calls")
    found = [call.get("DestinationRegion") for call in calls or () if isinstance(call, Mapping)]
    return sorted({text(region, LENGTHS["region"]) for region in found if isinstance(region, str) and region})


def _store_regions(event: AuditEvent) -> None:
    """Has the event of a whole request found by each Region that the request's copies go to."""
    found = regions_of(event.data)
    if found:
        EventRegion.objects.bulk_create([EventRegion(event=event.pk, region=region) for region in found])
        return
    with connection.cursor() as cursor:
        cursor.execute(INHERITED, [event.pk, event.request, event.pk])


def lock_chain() -> str:
    """Makes every other writer wait until this transaction ends, and returns the hash to link to.

    On SQLite the transaction is the only writer anyway: it began with IMMEDIATE, as the settings say.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(LOCKED_LAST_HASH)
            cursor.nextset()
        else:
            cursor.execute(LAST_HASH)
        row = cursor.fetchone()
    return str(row[0]) if row else GENESIS
