"""Talking with a provider of OpenID Connect: Authlib does it, in the authorization code flow with PKCE.

It makes state, nonce and code verifier, and checks the state, the token's signature by the provider's published keys,
its issuer, audience, nonce and times. What is added here: an end to each answer, in time and in bytes; addresses by
HTTPS alone; signatures by private keys alone; and one kind of fault, whatever a provider sends.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client import MismatchingStateError, OAuthError
from authlib.integrations.django_client import DjangoIntegration, DjangoOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.http import HttpRequest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from urllib3.exceptions import HTTPError

from amicopy.copies.operations.sign_on import Said
from amicopy.providers import Missing, Provider
from amicopy.web.models import SeenLogout

logger = logging.getLogger(__name__)
T = TypeVar("T")
# Seconds to connect, between two bytes, and for a whole answer; and the bytes of the largest.
CONNECT, BETWEEN, WHOLE, LARGEST = 3.0, 5.0, 8.0, 1_000_000
# So many threads of a process wait for providers at the same time; pages need the others.
AT_ONCE = 4
# What clocks may differ by, and then some seconds for the way.
LEEWAY = 150
# By private keys alone: whoever knows the client's secret could make the others.
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
# What a provider says that wanted to ask the person something, and was told not to.
ASKS = frozenset({"login_required", "interaction_required", "consent_required", "account_selection_required"})
_turns = threading.BoundedSemaphore(AT_ONCE)
# Anybody can send what should be a logout token: none of these keeps a sign-on waiting.
_logouts = threading.BoundedSemaphore(1)
# https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
LONGEST_LOGOUT = 16_000


class Fault(Exception):
    """Nobody can be signed on now; `reason` is a code, for which pages have words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Arrival:
    """Who came back from a provider. `authenticated_at` is when they showed there who they are, in seconds of the
    epoch, where it says so; `end_session` is where they sign out there, if they can."""

    said: Said
    authenticated_at: float | None
    id_token: str
    end_session: str
    # What the provider calls their session there, so that it can say when that ends; empty where it doesn't.
    sid: str


@dataclass(frozen=True)
class Ended:
    """What a logout token says: whose session at the provider has ended, or which, or both; and the token's own id."""

    subject: str
    sid: str
    token: str


def begin(provider: Provider, return_to: str, **asked: str) -> tuple[str, dict[str, Any]]:
    """Where somebody goes to sign on, with what has to be kept until they are back. Raises Fault."""
    kept: dict[str, Any] = {}
    browser = SimpleNamespace(session=kept)
    answer = _turn(lambda: _App.of(provider).authorize_redirect(browser, return_to, **asked))
    return str(answer["Location"]), kept


def finish(provider: Provider, request: HttpRequest, kept: dict[str, Any]) -> Arrival:
    """Who came back with this request, whose token is good. Raises Fault."""
    browser = SimpleNamespace(method="GET", GET=request.GET, session=kept)
    return _turn(lambda: _finish(provider, browser))


def ended(provider: Provider, token: str) -> Ended:
    """What a good logout token says. Raises Fault.

    https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation
    """
    if not 0 < len(token) <= LONGEST_LOGOUT:
        raise Fault("token")
    return _turn(lambda: _ended(provider, token), _logouts)


def _ended(provider: Provider, token: str) -> Ended:
    app = _App.of(provider)
    good = JWSRegistry(
        algorithms=app.load_server_metadata()["id_token_signing_alg_values_supported"], strict_check_header=False
    )
    claims = jwt.decode(token, KeySet.import_key_set(app.fetch_jwk_set()), registry=good).claims
    jwt.JWTClaimsRegistry(
        leeway=LEEWAY,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        iat={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
        events={"essential": True},
    ).validate(claims)
    subject, sid, own = (claims.get(name, "") for name in ("sub", "sid", "jti"))
    events = claims["events"]
    # A token of a sign-on has a nonce, and no such event: it is none of these.
    if "nonce" in claims or not isinstance(events, dict) or not isinstance(events.get(LOGOUT), dict):
        raise Fault("token")
    if not all(isinstance(text, str) and len(text) <= 255 for text in (subject, sid, own)) or not (subject or sid):
        raise Fault("token")
    # Older ones are no longer known to have been here.
    if not own or claims["iat"] < time.time() - SeenLogout.WINDOW.total_seconds():
        raise Fault("token")
    return Ended(subject, sid, own)


def _finish(provider: Provider, browser: Any) -> Arrival:
    app = _App.of(provider)
    # Before anything else, so that nobody is told anything who didn't begin here.
    if app.framework.get_state_data(browser.session, browser.GET.get("state")) is None:
        raise Fault("state")
    checked = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
        "sub": {"essential": True},
    }
    token = app.authorize_access_token(browser, claims_options=checked, leeway=LEEWAY)
    claims = token.get("userinfo")
    if not claims or not isinstance(claims["sub"], str) or len(claims["sub"]) > 255:
        raise Fault("token")
    claims = dict(claims)
    if isinstance(provider.groups(claims), Missing) and "userinfo_endpoint" in app.server_metadata:
        more = app.userinfo(token=token)
        # https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse
        if more.get("sub") != claims["sub"]:
            raise Fault("token")
        claims = {**more, **claims}
    email = claims.get("email") if claims.get("email_verified") not in (False, "false") else ""
    email = email if isinstance(email, str) and len(email) <= 254 else ""
    names = [claims.get("preferred_username"), email, claims["sub"]]
    authenticated_at = claims.get("auth_time")
    return Arrival(
        said=Said(
            subject=claims["sub"],
            names=tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name)),
            email=email,
            groups=provider.groups(claims),
        ),
        # Authlib has refused what is no number.
        authenticated_at=min(max(0.0, authenticated_at), time.time()) if authenticated_at else None,
        id_token=str(token["id_token"]),
        end_session=str(app.server_metadata.get("end_session_endpoint") or ""),
        sid=sid if isinstance(sid := claims.get("sid"), str) and len(sid) <= 255 else "",
    )


def _turn(talk: Callable[[], T], turns: threading.BoundedSemaphore | None = None) -> T:
    """What a talk with a provider ends with. Raises Fault for whatever goes wrong in it."""
    turns = turns or _turns
    if not turns.acquire(timeout=1.0):
        raise Fault("busy")
    try:
        return talk()
    except Fault:
        raise
    except MismatchingStateError:
        raise Fault("state") from None
    except OAuthError as error:
        logger.warning("A provider of sign-on refused: %s", str(error.error)[:100])
        raise Fault("asks" if error.error in ASKS else "refused") from None
    except (JoseError, ValueError) as error:
        logger.warning("A provider's answer isn't good: %s", type(error).__name__)
        raise Fault("token" if isinstance(error, JoseError) else "nonsense") from None
    except requests.RequestException as error:
        logger.warning("A provider can't be reached: %s", type(error).__name__)
        raise Fault("unreachable") from None
    except Exception as error:
        # Authlib takes what it gets for what it should be: nonsense ends in any exception at all.
        logger.warning("A provider's answer isn't what it should be: %s", type(error).__name__)
        raise Fault("nonsense") from None
    finally:
        turns.release()


class _Session(OAuth2Session):  # type: ignore[misc]  # Authlib has no types
    """HTTP with an end: to time, to bytes, and without being led elsewhere."""

    def request(self, method: str, url: str, **more: Any) -> Any:
        _check_address(url)
        end = time.monotonic() + WHOLE
        more |= {"timeout": (CONNECT, BETWEEN), "allow_redirects": False, "stream": True}
        answer = super().request(method, url, **more)
        body = b""
        try:
            # What is there already, so that an answer that comes a byte at a time ends as well.
            while part := answer.raw.read1(65_536, decode_content=True):
                body += part
                if len(body) > LARGEST or time.monotonic() > end:
                    raise requests.exceptions.ReadTimeout("The answer has no end.")
        except HTTPError as error:
            raise requests.exceptions.ConnectionError(type(error).__name__) from None
        finally:
            answer.close()
        answer._content = body
        return answer


class _App(DjangoOAuth2App):  # type: ignore[misc]  # Authlib has no types
    """A provider as Authlib knows one; made anew for each talk, so that nothing of before counts."""

    client_cls = _Session

    @classmethod
    def of(cls, provider: Provider) -> "_App":
        app = cls(
            DjangoIntegration(provider.name),
            provider.name,
            client_id=provider.client_id,
            client_secret=provider.client_secret or None,
            server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": provider.scope, "code_challenge_method": "S256"},
        )
        app.issuer = provider.issuer
        return app

    def load_server_metadata(self) -> Mapping[str, Any]:
        """What the provider publishes of itself. Raises Fault for another's, and for what nobody could check."""
        metadata: dict[str, Any] = super().load_server_metadata()
        if metadata.get("issuer") != self.issuer:
            raise Fault("issuer")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = sorted(ALGORITHMS.intersection(offered))
        for name in ("authorization_endpoint", "end_session_endpoint"):
            if metadata.get(name):
                _check_address(metadata[name])
        return metadata


def _check_address(url: str) -> None:
    """Raises Fault for what isn't HTTPS; the sandbox may talk with its own machine without."""
    parts = urlsplit(url)
    here = settings.SANDBOX and parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if not parts.hostname or (parts.scheme != "https" and not (here and parts.scheme == "http")):
        raise Fault("nonsense")
