"""The signature of a webhook, as https://www.standardwebhooks.com has it: HMAC-SHA256 over id, timestamp and body; and
a second one over the body alone, for engines that know no other.

A webhook's key is random, and stored encrypted: see `sealing`.
"""

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"


def new_key() -> str:
    """A new signing key, as a receiver needs it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(key: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """What `webhook-signature` says: `v1,` and the HMAC in Base64."""
    raw = base64.b64decode(key.removeprefix(PREFIX))
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()


def body_signature(key: str, *, body: bytes) -> str:
    """`sha256=` and the HMAC in hexadecimal digits over the body alone. What counts is the key as it is shown, with its
    prefix: such receivers take a secret as text. It doesn't say when it was made, so it can be replayed."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
