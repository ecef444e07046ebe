"""Heads: the last link of the chain, signed and kept elsewhere, proves later that the end was not cut off.

The signature is Ed25519 over the head's JSON without its signature, keys sorted, no spaces; `key` says with which key.
Whoever has the public key can check it, see `verify_amicopy.py`. Heads of before, and of an installation without such a
key, bear an HMAC-SHA256 with AUDIT_SIGNING_KEY, as anchors do.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from amicopy.audit import signing_keys
from amicopy.audit.chain import GENESIS, stamp
from amicopy.audit.models import AuditAnchor, AuditEvent

NAME = "amicopy-head-*.json"
LONGEST = 4096


class InvalidHead(Exception):
    """A file that isn't a head of ours, or not as we wrote it; the words are fit to be shown."""


class NoKey(Exception):
    """This process has no private key, so it can't sign a head; the words are fit to be shown."""


@dataclass(frozen=True)
class Head:
    """The chain's end at one moment: its last event, that event's hash, and how many events led to it."""

    at: str
    id: int
    hash: str
    events: int


def current() -> Head:
    """The head as it is now; id 0 while there are no events."""
    anchor = AuditAnchor.objects.order_by("-event_id").first()
    archived = anchor.events if anchor else 0
    last = AuditEvent.objects.order_by("-id").values_list("id", "hash").first()
    if last is None:
        return Head(at=stamp(timezone.now()), id=0, hash=GENESIS, events=archived)
    count = AuditEvent.objects.filter(id__lte=last[0]).order_by().count()
    return Head(at=stamp(timezone.now()), id=last[0], hash=last[1], events=archived + count)


def sign(content: Mapping[str, Any]) -> str:
    """The signature of some JSON, with the key of today."""
    return _signature(settings.AUDIT_SIGNING_KEY, content)


def is_signed(content: Mapping[str, Any], signature: str) -> bool:
    """Whether the signature was made with the key of today or one of the past."""
    keys = (settings.AUDIT_SIGNING_KEY, *settings.AUDIT_SIGNING_KEY_FALLBACKS)
    return any(hmac.compare_digest(_signature(key, content).encode(), signature.encode()) for key in keys)


def _signature(key: str, content: Mapping[str, Any]) -> str:
    return hmac.new(key.encode(), _canonical(content), hashlib.sha256).hexdigest()


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def can_sign() -> bool:
    """Whether this process can sign a head: all can but those that the private key is kept from."""
    return bool(settings.AUDIT_PRIVATE_KEY) or not settings.AUDIT_PUBLIC_KEYS


def to_json(head: Head) -> str:
    """The head with its signature, as a file holds it. Raises NoKey."""
    content: dict[str, Any] = {"kind": "head", **asdict(head)}
    if not can_sign():
        raise NoKey("Heads are signed where AUDIT_PRIVATE_KEY is set, and it isn't here.")
    if not settings.AUDIT_PRIVATE_KEY:
        return json.dumps({**content, "signature": sign(content)}, indent=1) + "\n"
    key = signing_keys.private_key(settings.AUDIT_PRIVATE_KEY)
    content |= {"algorithm": "ed25519", "key": signing_keys.key_id(key.public_key())}
    signature = base64.b64encode(key.sign(_canonical(content))).decode()
    return json.dumps({**content, "signature": signature}, indent=1) + "\n"


def from_json(text: str) -> Head:
    """The head a file holds. Raises InvalidHead when it isn't one or its signature doesn't fit."""
    try:
        content = json.loads(text)
        signature = content.pop("signature")
        head = Head(**{name: content[name] for name in ("at", "id", "hash", "events")})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidHead("The file isn't a head that amicopy wrote.") from None
    if content.get("kind") != "head" or not isinstance(signature, str):
        raise InvalidHead("The file isn't a head that amicopy wrote.")
    if "algorithm" in content and (key := str(content.get("key"))[:40]) not in _keys():
        raise InvalidHead(f"The head was signed with another key, {key}, than those in AUDIT_PUBLIC_KEYS.")
    fits = _fits(content, signature) if "algorithm" in content else is_signed(content, signature)
    if not fits:
        raise InvalidHead("The head's signature doesn't fit: it was changed, or signed with another key.")
    return head


def _keys() -> dict[str, Ed25519PublicKey]:
    """The known public keys, of today and the past, by what heads call them."""
    return {signing_keys.key_id(key): key for key in map(signing_keys.public_key, settings.AUDIT_PUBLIC_KEYS)}


def _fits(content: Mapping[str, Any], signature: str) -> bool:
    """Whether an Ed25519 signature was made with the known key that it names."""
    if content["algorithm"] != "ed25519":
        return False
    try:
        _keys()[str(content["key"])].verify(base64.b64decode(signature, validate=True), _canonical(content))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def read(path: Path) -> Head:
    """The head in a file. Raises InvalidHead, also when the file can't be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return from_json(file.read(LONGEST))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidHead(f"{path} can't be read: {error}.") from None


def write(path: Path, head: Head) -> None:
    """Writes a head to a new file, whole or not at all. Raises NoKey, and FileExistsError: a head is never written
    over."""
    text = to_json(head)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_to(folder: Path, head: Head) -> Path:
    """Writes a head into a folder and returns its path. Raises NoKey and OSError."""
    path = folder / name_of(head)
    write(path, head)
    return path


def name_of(head: Head) -> str:
    """A head's name, which sorts by time."""
    moment = parse_datetime(head.at) or timezone.now()
    return f"amicopy-head-{moment:%Y%m%dT%H%M%S%f}-{head.id}.json"


def newest(folder: Path, count: int) -> list[Path]:
    """The paths of the newest heads in a folder, at most so many, the newest first."""
    return sorted(folder.glob(NAME), key=lambda path: path.name, reverse=True)[:count]
