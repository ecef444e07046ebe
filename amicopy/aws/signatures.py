"""Signature Version 4 from the receiving side: who says that they signed a request, and whether they did.

botocore's own signer computes the signature that a request must have.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

DATE_HEADER = "x-amz-date"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([A-Za-z0-9]{1,128})/([0-9]{8})/([a-z0-9-]{1,32})"
    r"/([a-z0-9-]{1,32})/aws4_request, *SignedHeaders=([a-z0-9;-]{1,2000}),"
    r" *Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True)
class Received:
    """A request as it arrived: `headers` by their names in lower case, no query in its address."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Claim:
    """What the header Authorization says: whose key, for which day, Region and service, and over which headers."""

    access_key_id: str
    day: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str


def claim_of(received: Received) -> Claim | None:
    """The claim of a request, None where there is none that can be read."""
    found = _AUTHORIZATION.fullmatch(received.headers.get("authorization", ""))
    if found is None:
        return None
    key, day, region, service, headers, signature = found.groups()
    return Claim(key, day, region, service, tuple(headers.split(";")), signature)


def signed_at(received: Received) -> datetime | None:
    """When a request says it was signed, None where it says no time."""
    said = received.headers.get(DATE_HEADER, "")
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", said):
        return None
    try:
        return datetime.strptime(said, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def covers_all(claim: Claim, received: Received) -> bool:
    """Whether all is signed that has to be: host, time, the body's kind, and whatever is AWS's own."""
    own = {name for name in received.headers if name.startswith("x-amz-")}
    return {"host", "content-type", DATE_HEADER, *own} <= set(claim.headers) <= set(received.headers)


def body_is_signed(received: Received) -> bool:
    """Whether a body that says its own digest says the right one: not UNSIGNED-PAYLOAD, nor that of a stream."""
    said = received.headers.get("x-amz-content-sha256")
    return said is None or hmac.compare_digest(said.encode(), sha256(received.body).hexdigest().encode())


def is_signed_with(secret: str, claim: Claim, received: Received) -> bool:
    """Whether the claimed signature is the one that this secret makes; compared in constant time."""
    headers = {name: received.headers[name] for name in claim.headers if name in received.headers}
    # Of the address the path alone is signed; the host is a header.
    request = AWSRequest(received.method, f"http://host{received.path}", headers=headers, data=received.body)
    request.context["timestamp"] = received.headers.get(DATE_HEADER, "")
    signer = SigV4Auth(Credentials(claim.access_key_id, secret), claim.service, claim.region)
    canonical = signer.canonical_request(request)
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    return hmac.compare_digest(expected.encode(), claim.signature.encode())
