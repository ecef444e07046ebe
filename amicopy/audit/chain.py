"""The chain: each event's hash covers its own content and the hash of the event before.

`hash = SHA-256(prev_hash + SHA-256(content))`, both in hex, where content is canonical JSON (keys sorted, no spaces,
UTF-8) of every column except `id`, `hash` and `prev_hash`. Empty columns are left out, so that a column added later
leaves old hashes true. The digest of its content stands for an event that an export leaves out: the chain goes on
through it. Older events have `SHA-256(prev_hash + content)`.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

GENESIS = "0" * 64
# The columns a hash covers. A new column goes here too; one that vanishes or changes its name ends old hashes.
FIELDS = (
    "at",
    "action",
    "actor_id",
    "actor",
    "source",
    "address",
    "correlation_id",
    "request",
    "copy",
    "requester",
    "account",
    "region",
    "image_id",
    "aws_request_id",
    "error_code",
    "old",
    "new",
    "data",
)
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def link(prev_hash: str, values: Mapping[str, Any]) -> str:
    """The hash of an event with these columns, as stored, after the event with `prev_hash`."""
    return _sha256(prev_hash + digest(values))


def fits(prev_hash: str, values: Mapping[str, Any], stored: str) -> bool:
    """Whether an event with these columns has the hash that is stored with it, of today or of before."""
    return stored == link(prev_hash, values) or stored == _sha256(prev_hash + _content(values))


def digest(values: Mapping[str, Any]) -> str:
    """What stands for the content of an event that isn't shown."""
    return _sha256(_content(values))


def _content(values: Mapping[str, Any]) -> str:
    content = {name: value for name in FIELDS if (value := values[name]) is not None and value != "" and value != {}}
    content["at"] = stamp(content["at"])
    content["correlation_id"] = str(content["correlation_id"])
    return _encode(content)


def _sha256(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()


def stamp(when: datetime) -> str:
    """ISO 8601 in UTC, always with six digits of microseconds: one moment, one text."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def plain(value: Any) -> Any:
    """The value as JSON that reads back equal from SQLite's text and from PostgreSQL's jsonb.

    Whole floats become integers (jsonb turns 1e20 into one), what isn't finite becomes text, characters that
    PostgreSQL can't store are left out, everything unknown becomes its text.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() else value
    if isinstance(value, datetime):
        return stamp(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {text(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    return text(str(value))


def text(value: str, most: int | None = None) -> str:
    """A string both databases store as it is: without NUL and lone surrogates, at most `most` characters."""
    clean = str(value).replace("\0", "").encode("utf-8", "ignore").decode()
    return clean if most is None else clean[:most]


def values_of(event: object) -> dict[str, Any]:
    """The columns of an event (a model's instance) that its hash covers."""
    return {name: getattr(event, name) for name in FIELDS}
