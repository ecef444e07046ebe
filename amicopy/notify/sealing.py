"""Texts that the database holds encrypted: what webhooks need, secrets of access keys and of authenticator apps.

Fernet (AES-128-CBC with an HMAC) of `cryptography`, with the keys in ENCRYPTION_KEYS: the first encrypts, all decrypt.
Whoever reads the database, or a backup of it, without the settings learns none of them.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Sealed(Protocol):
    """A row of the database with one secret."""

    sealed_secret: Any


Row = TypeVar("Row", bound=Sealed)


class Unreadable(Exception):
    """The text was encrypted with a key that isn't among ENCRYPTION_KEYS, or was changed; the words are fit to be
    shown."""

    def __init__(self) -> None:
        super().__init__("It can't be decrypted: its key isn't among ENCRYPTION_KEYS. Enter it anew.")


def seal(text: str) -> str:
    """The text encrypted; an empty one stays empty."""
    return _keys(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode() if text else ""


def unseal(sealed: str) -> str:
    """The text again. Raises Unreadable."""
    try:
        return _keys(tuple(settings.ENCRYPTION_KEYS)).decrypt(sealed.encode()).decode() if sealed else ""
    except (InvalidToken, UnicodeDecodeError):
        raise Unreadable from None


def is_current(sealed: str) -> bool:
    """Whether the first key encrypted it, so that the others aren't needed for it; True for an empty one."""
    try:
        Fernet(settings.ENCRYPTION_KEYS[0]).decrypt(sealed.encode() or seal(" ").encode())
    except InvalidToken:
        return False
    return True


def is_readable(sealed: str) -> bool:
    """Whether any of the keys decrypts it."""
    try:
        unseal(sealed)
    except Unreadable:
        return False
    return True


def sealed_again(rows: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """Of these rows, those whose secret the first key didn't encrypt, with it encrypted anew, to be stored; and those
    that none of the keys decrypts."""
    anew, lost = [], []
    for row in rows:
        if is_current(row.sealed_secret):
            continue
        try:
            row.sealed_secret = seal(unseal(row.sealed_secret))
        except Unreadable:
            lost.append(row)
        else:
            anew.append(row)
    return anew, lost


@lru_cache(maxsize=4)
def _keys(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
