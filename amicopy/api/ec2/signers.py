"""Who signed a call to the EC2 endpoint: the access key, if the signature is its own, of now, and seen for the first
time. Who signed nothing learns nothing but that."""

from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from amicopy.api import limits
from amicopy.api.ec2.answers import Refused
from amicopy.api.models import SeenSignature
from amicopy.api.problems import Problem
from amicopy.aws import signatures
from amicopy.aws.signatures import Claim, Received
from amicopy.client_address import address_of
from amicopy.copies.core.token_models import ApiToken
from amicopy.copies.operations import access_keys, tokens
from amicopy.notify.sealing import Unreadable

SERVICE = "ec2"


def signer_of(request: HttpRequest) -> tuple[ApiToken, str]:
    """The access key that signed a call, used now, and the Region it is signed for. Raises Refused."""
    received = _received(request)
    claim = signatures.claim_of(received)
    if claim is None:
        raise _failure("Sign the request with Signature Version 4 in the header Authorization.")
    _check_shape(claim, received)
    try:
        key, secret = access_keys.secret_of(claim.access_key_id)
    except ApiToken.DoesNotExist:
        raise _failure("There is no such access key of amicopy's, or it was revoked.") from None
    except Unreadable:
        raise _failure("This access key can't be read any more. Make a new one.") from None
    if not signatures.is_signed_with(secret, claim, received):
        words = "The signature isn't the one that this access key's secret makes for the request as it arrived here."
        raise Refused("SignatureDoesNotMatch", words, 403)
    try:
        # Before anything is written down: what is counted is bounded.
        limits.count(key)
    except Problem as problem:
        # EC2's own code and status for it, which clients know to wait for.
        raise Refused("RequestLimitExceeded", problem.detail, 503) from problem
    _see(claim)
    try:
        access_keys.used(key, address=address_of(request))
    except tokens.Refused as refused:
        raise _failure(str(refused)) from refused
    return key, claim.region


def _received(request: HttpRequest) -> Received:
    headers: Mapping[str, str] = {name.lower(): value for name, value in request.headers.items() if value}
    return Received(request.method or "", request.path, headers, request.body)


def _check_shape(claim: Claim, received: Received) -> None:
    """Raises Refused for a claim that no secret makes good."""
    at, now = signatures.signed_at(received), timezone.now()
    if at is None or f"{at:%Y%m%d}" != claim.day:
        raise _failure("Send the time of signing in the header X-Amz-Date, on the day of the credential's scope.")
    if abs(now - at) > SeenSignature.WINDOW:
        minutes = SeenSignature.WINDOW.seconds // 60
        words = f"Signed at {at:%H:%M:%S}, more than {minutes} minutes from {now:%Y-%m-%d %H:%M:%S} UTC, the time here."
        raise Refused("RequestExpired", words)
    if claim.service != SERVICE:
        raise _failure(f"Sign for the service {SERVICE}, and for the Region to copy to.")
    if not signatures.covers_all(claim, received):
        raise _failure("Sign the headers Host, Content-Type and X-Amz-Date, and all others of AWS's that are sent.")
    if "x-amz-security-token" in received.headers:
        raise _failure("Access keys of amicopy's have no session token.")
    if not signatures.body_is_signed(received):
        raise _failure("Sign the body as it is sent: its SHA-256 isn't the one in X-Amz-Content-SHA256.")


def _see(claim: Claim) -> None:
    """Raises Refused for a signature that came before."""
    try:
        with transaction.atomic():
            SeenSignature.objects.create(signature=claim.signature, at=timezone.now())
    except IntegrityError:
        raise _failure("This signature was used before. Sign the request anew.") from None


def _failure(words: str) -> Refused:
    return Refused("AuthFailure", words, 401)
