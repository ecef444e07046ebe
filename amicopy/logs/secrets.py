"""What never stands in the log: the installation's own secrets, and whatever has the form of one.

Nothing logs a secret on purpose; this is for an exception's words, a broker's address, and libraries.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote, urlsplit

from django.conf import settings

HIDDEN = "(hidden)"
# Shorter values would be found in ordinary words.
SHORTEST = 8
SETTINGS = (
    "SECRET_KEY",
    "AUDIT_SIGNING_KEY",
    "AUDIT_SIGNING_KEY_FALLBACKS",
    "AUDIT_PRIVATE_KEY",
    "ENCRYPTION_KEYS",
    "EMAIL_HOST_PASSWORD",
    "METRICS_TOKEN",
    "SAMPLE_PASSWORD",
)
# Each with what stays as its first group.
FORMS = (
    # a password in an address
    r"(\w://[^\s:/@]*:)[^\s/@]+(?=@)",
    # amicopy's tokens keep the part that may be shown, and keys of webhooks their prefix
    r"(\bamic_[A-Za-z0-9]{8})[A-Za-z0-9]{20,}",
    r"(whsec_)[A-Za-z0-9+/=]+",
    # AWS's, in addresses, headers and bodies
    r"(?i)((?:x-amz-(?:security-token|signature)|secretaccesskey|aws_secret_access_key|sessiontoken|signature)"
    r"[\"']?\s*[=:]\s*[\"']?)[A-Za-z0-9%+/=_-]{16,}",
    r"(<(?:SecretAccessKey|SessionToken)>)[^<]+",
    # headers
    r"(?i)((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|aws4-hmac-sha256)?\s*)[^\s\"',}]+",
    r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{16,}",
    r"(?i)((?:sessionid|csrftoken|csrfmiddlewaretoken|password)[\"']?\s*[=:]\s*[\"']?)[^\s;,\"'&}]+",
    # what a provider of single sign-on sends, and is sent
    r"(?i)((?:client_secret|id_token|id_token_hint|access_token|refresh_token|code_verifier)[\"']?\s*[=:]\s*[\"']?)"
    r"[A-Za-z0-9%._~+/=-]{8,}",
    r"(/return\?(?:[^\s\"']*&)?code=)[^\s&\"']+",
    # links that set a password
    r"(/set-password/[^/\s]+/)[^/\s\"']+",
)
_forms = tuple(re.compile(form) for form in FORMS)


def redacted(line: str) -> str:
    """The line without what must not be in it."""
    for value in _own():
        line = line.replace(value, HIDDEN)
    for form in _forms:
        line = form.sub(rf"\1{HIDDEN}", line)
    return line


@cache
def _own() -> tuple[str, ...]:
    """The installation's secrets as they may stand in a line, the longest first; settings don't change."""
    found = {form for value in _values() if len(value) >= SHORTEST for form in (value, quote(value), _in_json(value))}
    return tuple(sorted(found, key=len, reverse=True))


def _values() -> Iterator[str]:
    for name in SETTINGS:
        value = getattr(settings, name, "")
        yield from [value] if isinstance(value, str) else map(str, value)
    yield from (provider.client_secret for provider in settings.OIDC_PROVIDERS.values())
    yield urlsplit(settings.CELERY_BROKER_URL).password or ""
    yield str(settings.DATABASES["default"].get("PASSWORD") or "")


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]
