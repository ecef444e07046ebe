"""Writing history: one function, called by the verbs in the transaction that changes state."""

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from amicopy.audit.actions import ACTIONS
from amicopy.audit.actor import Actor
from amicopy.audit.chain import link
from amicopy.audit.models import GENESIS, AuditEvent

# Any number that nothing else in the database uses for an advisory lock.
CHAIN_LOCK = 4_207_011


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
    """Writes one event, linked to the one before, and returns it.

    Must run inside a transaction, after its other locks: the chain is locked until the transaction ends. Raises
    KeyError for an action that `actions` doesn't list and TransactionManagementError outside a transaction.
    """
    ACTIONS[action]
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An audit event belongs in the transaction of its change.")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
    last = AuditEvent.objects.order_by("-id").values_list("hash", flat=True).first()
    event = AuditEvent(
        at=timezone.now(),
        action=action,
        actor_id=actor.id,
        actor=actor.name,
        source=actor.source,
        address=actor.address,
        correlation_id=actor.correlation_id,
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
        data=dict(data or {}),
        prev_hash=last or GENESIS,
    )
    event.hash = link(event)
    event.save(force_insert=True)
    return event
