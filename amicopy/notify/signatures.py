"""The signature of a webhook, as https://www.standardwebhooks.com has it: HMAC-SHA256 over id, timestamp and body.

A key is made from SECRET_KEY and the endpoint's salt whenever it is needed, so the database holds none.
"""

import base64
import hashlib
import hmac
import uuid

from django.conf import settings

PREFIX = "whsec_"


def key_of(salt: uuid.UUID) -> str:
    """The signing key of an endpoint with this salt, as its receiver needs it."""
    raw = hmac.new(settings.SECRET_KEY.encode(), f"amicopy webhook {salt}".encode(), hashlib.sha256).digest()
    return PREFIX + base64.b64encode(raw).decode()


def signature(key: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """What `webhook-signature` says: `v1,` and the HMAC in Base64."""
    raw = base64.b64decode(key.removeprefix(PREFIX))
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()
