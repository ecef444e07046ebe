"""Keys for signing heads, Ed25519: as settings hold them, and as `cryptography` takes them. Knows no settings.

A key is the Base64 of its DER, which is the middle line of the PEM that `openssl genpkey -algorithm ed25519` writes;
the whole PEM is taken as well.
"""

import base64
import binascii
import hashlib
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class InvalidKey(ValueError):
    """What should be a key isn't one; the words don't repeat it."""


def make() -> str:
    """A new private key."""
    return _private_text(Ed25519PrivateKey.generate())


def derived(secret: str) -> str:
    """A private key made from a secret, for the sandbox, where nobody sets one."""
    seed = hashlib.sha256(f"amicopy head key {secret}".encode()).digest()
    return _private_text(Ed25519PrivateKey.from_private_bytes(seed))


@lru_cache
def private_key(text: str) -> Ed25519PrivateKey:
    """The private key in a text. Raises InvalidKey."""
    try:
        key = serialization.load_der_private_key(_der(text), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidKey("It isn't an Ed25519 private key; manage.py make_audit_key makes one.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidKey("It is a private key, but not one for Ed25519; manage.py make_audit_key makes one.")
    return key


@lru_cache
def public_key(text: str) -> Ed25519PublicKey:
    """The public key in a text. Raises InvalidKey."""
    try:
        key = serialization.load_der_public_key(_der(text))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidKey("It isn't an Ed25519 public key; manage.py make_audit_key prints one.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidKey("It is a public key, but not one for Ed25519.")
    return key


def public_text(key: Ed25519PublicKey) -> str:
    """A public key as settings hold it and as it is handed out."""
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_bytes(serialization.Encoding.DER, spki)).decode()


def pem(private: str) -> str:
    """A private key as a file holds it."""
    return f"-----BEGIN PRIVATE KEY-----\n{private}\n-----END PRIVATE KEY-----\n"


def key_id(key: Ed25519PublicKey) -> str:
    """What a head calls the key it was signed with: the beginning of the SHA-256 of its DER."""
    return hashlib.sha256(base64.b64decode(public_text(key))).hexdigest()[:16]


def _private_text(key: Ed25519PrivateKey) -> str:
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return base64.b64encode(der).decode()


def _der(text: str) -> bytes:
    lines = [line for line in text.split() if line]
    if text.lstrip().startswith("-----"):
        lines = [line for line in text.splitlines() if not line.startswith("-----")]
    try:
        return base64.b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidKey("It isn't Base64.") from None
