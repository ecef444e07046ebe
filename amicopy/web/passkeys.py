"""Passkeys (WebAuthn): what a browser is asked for, and whether what it answers is right, by the library `fido2`.

What was asked stands in the session until it is answered, once. The relying party is the host of SITE_URL: passkeys are
bound to it, and no other host gets an answer. Whoever answers has to have shown the device that it is them.

https://www.w3.org/TR/webauthn-3/
"""

import ipaddress
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from amicopy.copies.core.factor_models import SecondFactor

FIELD = "passkey"
NEW, KNOWN = "passkey-new", "passkey-known"
LASTS = timedelta(minutes=10)
# What pages with passkeys need beyond what `web.door` lets pages do.
CREATE, GET = "publickey-credentials-create", "publickey-credentials-get"
# Characters of an answer; those of browsers have a few thousand at most.
LONGEST = 40_000


class Wrong(Exception):
    """The answer is to nothing that was asked, or isn't right."""


def available() -> bool:
    """Whether SITE_URL has a name that passkeys can be bound to: addresses of numbers have none."""
    try:
        ipaddress.ip_address(_host())
    except ValueError:
        return True
    return False


def ask_new(request: HttpRequest, user: User) -> str:
    """What the browser is asked to make, as JSON."""
    entity = PublicKeyCredentialUserEntity(name=user.get_username(), display_name=user.get_username(), id=_handle(user))
    options, state = _server().register_begin(
        entity,
        [_credential(factor) for factor in _of(user)],
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    _keep(request, NEW, state)
    return json.dumps(dict(options)["publicKey"])


def made(request: HttpRequest) -> tuple[str, int]:
    """The new passkey that a browser posted, as it is stored, and its signature counter. Raises Wrong."""
    state, answer = _take(request, NEW), _answer(request)
    try:
        data = _server().register_complete(state, answer)
    except Exception as error:  # whatever it stumbles over was sent
        raise Wrong from error
    if data.credential_data is None:
        raise Wrong
    return websafe_encode(bytes(data.credential_data)), data.counter


def ask(request: HttpRequest, user: User) -> str:
    """What the browser is asked to show one of the person's passkeys for, as JSON; empty where they have none."""
    known = [_credential(factor) for factor in _of(user)]
    if not known or not available():
        return ""
    options, state = _server().authenticate_begin(known, UserVerificationRequirement.REQUIRED)
    _keep(request, KNOWN, state)
    return json.dumps(dict(options)["publicKey"])


def shown(request: HttpRequest, user: User) -> tuple[SecondFactor, int]:
    """The passkey that a browser showed, and its signature counter now. Raises Wrong."""
    state, answer = _take(request, KNOWN), _answer(request)
    known = {_credential(factor).credential_id: factor for factor in _of(user)}
    try:
        found = _server().authenticate_complete(state, [_credential(each) for each in known.values()], answer)
        counter = AuthenticationResponse.from_dict(answer).response.authenticator_data.counter
    except Exception as error:  # whatever it stumbles over was sent
        raise Wrong from error
    return known[found.credential_id], counter


def _server() -> Fido2Server:
    return Fido2Server(PublicKeyCredentialRpEntity(name="amicopy", id=_host()))


def _host() -> str:
    return urlsplit(settings.SITE_URL).hostname or ""


def _handle(user: User) -> bytes:
    """What authenticators know the person by; it says nothing of who that is."""
    return salted_hmac("amicopy.web.passkeys", str(user.pk), algorithm="sha256").digest()


def _of(user: User) -> list[SecondFactor]:
    return list(SecondFactor.objects.filter(person=user, kind=SecondFactor.Kind.PASSKEY))


def _credential(factor: SecondFactor) -> AttestedCredentialData:
    return AttestedCredentialData(websafe_decode(factor.credential))


def _keep(request: HttpRequest, key: str, state: Any) -> None:
    request.session[key] = {"state": state, "at": timezone.now().isoformat()}


def _take(request: HttpRequest, key: str) -> Any:
    """What was asked, once."""
    kept = request.session.pop(key, None)
    if kept is None or timezone.now() - datetime.fromisoformat(kept["at"]) > LASTS:
        raise Wrong
    return kept["state"]


def _answer(request: HttpRequest) -> dict[str, Any]:
    text = request.POST.get(FIELD, "")
    try:
        answer = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Wrong
    return answer
