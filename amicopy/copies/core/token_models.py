"""Tokens of the API: what somebody's programs ask with instead of them. Only a digest of a token is kept.

An access key of the EC2 endpoint is a token whose text never travels: signatures are computed with it, so it is kept,
encrypted.
"""

import hashlib
import secrets
import zlib
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

PREFIX = "amic_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# What stands before the secret, and names the token to people; 43 characters of 62 are 256 bits.
_ID, _SECRET, _CHECK = 8, 43, 6
_KEY_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_KEY_PREFIX, _KEY_ID = "AMIC", 16
LENGTH = len(PREFIX) + _ID + _SECRET + _CHECK


class Scope(models.TextChoices):
    """What a token may be used for, within what its person may do."""

    READ = "read", "Read requests and copies"
    REQUEST = "request", "Ask for copies, withdraw, cancel, retry"
    AUDIT = "audit", "Read the audit history"
    DECIDE = "decide", "Decide on requests of others"


class ApiToken(models.Model):
    """A token: whose it is, what for, from where, until when. The token itself is shown once and kept nowhere.

    `access_key_id` makes it an access key, which is good for signatures only.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens")
    # Of a service's: the owner who made it, and with whom it ends. None: the person themselves.
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    # The first characters after the prefix, for people; and the SHA-256 of the whole.
    public_id = models.CharField(max_length=_ID, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField()
    # Networks such as 10.0.0.0/8 and accounts by their 12 digits; empty: any.
    addresses = models.JSONField(default=list)
    accounts = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    # To the minute, and from where.
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.CharField(max_length=64, blank=True)
    # Of an access key: its public name, and its text as `notify.sealing` encrypts it; empty once it is revoked.
    access_key_id = models.CharField(max_length=20, unique=True, null=True, blank=True)
    sealed_secret = models.TextField(blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        default_permissions = ()
        constraints = (
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="token_expires_after_it_was_made"),
            models.CheckConstraint(
                condition=Q(access_key_id__isnull=False) | Q(sealed_secret=""), name="token_keeps_no_secret"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.shown_id})"

    @property
    def shown_id(self) -> str:
        return self.access_key_id or f"{PREFIX}{self.public_id}…"

    def works(self, now: datetime | None = None) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and self.expires_at > (now or timezone.now())

    @property
    def scope_labels(self) -> list[str]:
        return [Scope(scope).label for scope in self.scopes]


def new_text() -> str:
    """A new token: prefix, public id, secret, and a check sum that tells one that was cut or mistyped."""
    body = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_ID + _SECRET))
    return body + _check_sum(body)


def new_access_key_id() -> str:
    """A new name of an access key, as long as AWS's own."""
    return _KEY_PREFIX + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(_KEY_ID))


def well_formed(text: str) -> bool:
    """Whether a text is a whole token, by its length, prefix and check sum."""
    body, check = text[:-_CHECK], text[-_CHECK:]
    return len(text) == LENGTH and text.isascii() and text.startswith(PREFIX) and _check_sum(body) == check


def public_id_of(text: str) -> str:
    return text[len(PREFIX) : len(PREFIX) + _ID]


def digest_of(text: str) -> str:
    """The SHA-256 of a token, in hex. A token is random enough that no slow hash is needed."""
    return hashlib.sha256(text.encode()).hexdigest()


def _check_sum(body: str) -> str:
    """CRC-32 in six digits of the alphabet, as GitHub's tokens have it."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
