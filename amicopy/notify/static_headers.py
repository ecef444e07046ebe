"""Headers that a webhook gets beside amicopy's own, such as the Authorization that a workflow engine asks for.

Written one to a line, `Name: value`; kept encrypted, since a value is a secret more often than not.
"""

import json
import re
from collections.abc import Mapping

from django.core.exceptions import ValidationError

MOST = 5
LONGEST = 1000
# A token, as RFC 9110 has the names of headers; and what it allows in a value, without obsolete forms.
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")
VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\Z")
# What amicopy or the connection says itself.
OWN = frozenset(("connection", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"))
OWN_PREFIXES = ("content-", "proxy-", "webhook-")


def parse(text: str) -> dict[str, str]:
    """The headers in lines a person typed, by name. Raises ValidationError that names the line."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or NAME.match(name) is None:
            raise ValidationError(f"Line {number} must be a header's name, a colon and its value.")
        if is_own(name):
            raise ValidationError(f"Line {number}: amicopy sets {name} itself.")
        if len(value) > LONGEST or VALUE.match(value) is None:
            raise ValidationError(f"Line {number}: a value has 1 to {LONGEST:,} characters of ASCII, without breaks.")
        if name.lower() in map(str.lower, found):
            raise ValidationError(f"Line {number}: {name} is there twice.")
        found[name] = value
    if len(found) > MOST:
        raise ValidationError(f"Enter at most {MOST} headers. These are {len(found)}.")
    return found


def is_own(name: str) -> bool:
    """Whether a header of this name comes from amicopy or the connection."""
    return name.lower() in OWN or name.lower().startswith(OWN_PREFIXES)


def as_text(headers: Mapping[str, str]) -> str:
    """For the database, before it is encrypted; empty without headers."""
    return json.dumps(headers) if headers else ""


def from_text(text: str) -> dict[str, str]:
    """What `as_text` made."""
    return dict(json.loads(text)) if text else {}
