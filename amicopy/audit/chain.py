"""The chain: each event carries the SHA-256 of the one before and of its own content."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from amicopy.audit.models import AuditEvent

FIELDS = tuple(field.attname for field in AuditEvent._meta.fields if field.attname not in {"id", "hash"})


def link(event: AuditEvent) -> str:
    """The hash of an event, from what is or will be stored."""
    content = {name: _plain(getattr(event, name)) for name in FIELDS}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, UUID):
        return str(value)
    return value
