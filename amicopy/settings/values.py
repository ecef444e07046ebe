"""What the environment has to say in a form of its own, read or refused: tags, networks, keys."""

import hashlib
import ipaddress
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from environs import EnvError

from amicopy.audit import signing_keys

# What Celery's transports are called that amicopy's settings are for, and those of them that are a file.
SOCKETS = ("redis+socket", "valkey+socket")
BROKERS = ("amqp", "amqps", "pyamqp", "redis", "rediss", "valkey", "valkeys", *SOCKETS, "sqs")


def socket_path(directory: Path) -> Path:
    """Where the bundled broker listens: a socket's path may have about 100 bytes, so a deep folder gets a short one."""
    path = directory / "broker.sock"
    if len(str(path).encode()) < 100:
        return path
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"amicopy-{os.getuid()}-{digest}.sock"


def broker_url(url: str) -> str:
    """The broker's address. Raises EnvError for what can't be one: Celery would take it and reach nothing."""
    scheme = urlsplit(url).scheme
    if scheme not in BROKERS:
        words = f"begins with {scheme}://" if scheme else "is empty or has no scheme"
        raise EnvError(f"CELERY_BROKER_URL {words}; it must begin with one of {', '.join(BROKERS)}")
    if scheme != "sqs" and scheme not in SOCKETS and not urlsplit(url).hostname:
        raise EnvError("CELERY_BROKER_URL must name the broker's host, such as amqp://broker.example//")
    return url


def database(config: dict[str, Any]) -> dict[str, Any]:
    """The database as Django has it. Raises EnvError for another kind than the two that amicopy is for."""
    if config.get("ENGINE") not in {"django.db.backends.postgresql", "django.db.backends.sqlite3"}:
        raise EnvError("DATABASE_URL must begin with postgres:// or sqlite:///")
    if not config.get("NAME"):
        raise EnvError("DATABASE_URL must name a database, such as postgres://amicopy@db.example/amicopy")
    return config


# Those of `copies.core.roles`, which needs the settings; a test compares.
ROLES = ("requester", "approver", "auditor", "administrator", "break-glass")


def roles(names: list[str]) -> list[str]:
    """Names of roles. Raises EnvError for what is none."""
    if unknown := [name for name in names if name not in ROLES]:
        raise EnvError(f"SECOND_FACTOR_ROLES must be roles, of {', '.join(ROLES)}; {unknown[0]!r} is none")
    return names


def required_tags(entries: list[str]) -> dict[str, tuple[str, ...]]:
    """Keys with their allowed values, none for any, of entries such as `team` and `stage=dev|prod`. Raises EnvError for
    what can't be a tag of AWS."""
    tags = {}
    for entry in entries:
        key, equals, values = (part.strip() for part in entry.partition("="))
        allowed = tuple(value.strip() for value in values.split("|")) if equals else ()
        if not key or len(key) > 127 or key.lower().startswith("aws:") or key in tags or not all(allowed):
            raise EnvError(f"REQUIRED_TAGS must be keys such as team,stage=dev|prod, each once; {entry!r} is not")
        tags[key] = allowed
    return tags


def trusted_proxies(entries: list[str]) -> list[str]:
    """The networks of such entries. Raises EnvError for one that is none, or that is everybody."""
    return _networks(entries, "TRUSTED_PROXIES", "10.0.1.0/24", "name your proxies; {} lets everybody say who they are")


def metrics_addresses(entries: list[str]) -> list[str]:
    """The networks of such entries. Raises EnvError for one that is none, or that is everybody."""
    return _networks(entries, "METRICS_ADDRESSES", "10.0.1.5", "name who scrapes; {} shows the numbers to everybody")


def _networks(entries: list[str], name: str, example: str, not_everybody: str) -> list[str]:
    for entry in entries:
        try:
            everybody = ipaddress.ip_network(entry).prefixlen == 0
        except ValueError as error:
            raise EnvError(f"{name} must be addresses or networks, such as {example}: {error}") from None
        if everybody:
            raise EnvError(f"{name} must {not_everybody.format(entry)}")
    return entries


def head_keys(private: str, private_file: str, public: list[str]) -> tuple[str, list[str]]:
    """The private key for heads, or "", and the public keys, its own among them. Raises EnvError for what isn't one."""
    try:
        if private_file:
            private = private or Path(private_file).read_text(encoding="ascii")
        for text in public:
            signing_keys.public_key(text)
        if private and (own := signing_keys.public_text(signing_keys.private_key(private).public_key())) not in public:
            public = [own, *public]
    except OSError as error:
        raise EnvError(f"AUDIT_PRIVATE_KEY_FILE can't be read: {error.strerror}") from None
    except ValueError as error:
        raise EnvError(f"AUDIT_PRIVATE_KEY and AUDIT_PUBLIC_KEYS must be keys. {error}") from None
    return private, public


def encryption_keys(keys: list[str]) -> list[str]:
    """The keys for what is stored encrypted, the newest first. Raises EnvError for what isn't one, without repeating
    it."""
    try:
        for key in keys:
            Fernet(key)
    except ValueError:
        raise EnvError("ENCRYPTION_KEYS must be keys as manage.py make_encryption_key makes them") from None
    return keys
