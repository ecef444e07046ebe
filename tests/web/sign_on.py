"""A provider of single sign-on for tests, with keys of its own, that can say anything; and a browser's way through."""

import base64
import hashlib
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client
from joserfc import jwt
from joserfc.jwk import RSAKey

from amicopy.providers import Provider

CLIENT_ID, SECRET = "amicopy-test", "a-secret-of-the-client"
ROLES = {"askers": ("requester",), "deciders": ("approver",), "heads": ("administrator",)}


def provider(issuer: str, *, name: str = "sample", **changes: Any) -> Provider:
    """A provider as the settings have one."""
    values: dict[str, Any] = {
        "name": name,
        "label": "the sample provider",
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "scope": "openid profile email",
        "groups_claim": ("groups",),
        "groups_separator": "",
        "roles": ROLES,
        "teams": {"platform": ("Platform",)},
    }
    return Provider(**{**values, **changes})


@dataclass
class OwnProvider:
    """A provider that signs whatever a test wants. `claims` are changed last; `sent` is what came to the token
    endpoint."""

    server: ThreadingHTTPServer
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    signed_with: RSAKey | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    asked: dict[str, str] = field(default_factory=dict)
    sent: list[Mapping[str, str]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    # What each path answers instead of what it should: its status and body.
    instead: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    token: Callable[["OwnProvider"], str] | None = None
    # The path whose answer comes a byte at a time, for as long as anybody listens.
    trickles: str = ""
    closed: Event = field(default_factory=Event)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def id_token(self) -> str:
        if self.token:
            return self.token(self)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "subject-1",
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": self.asked.get("nonce"),
            "preferred_username": "ada",
            "email": "ada@amicopy.example",
            "groups": ["askers"],
            **self.claims,
        }
        kept = {name: value for name, value in claims.items() if name not in self.left_out}
        return jwt.encode({"alg": self.algorithm, "kid": "one"}, kept, self.signed_with or self.key)

    def logout_token(self, *without: str, **changes: Any) -> str:
        """What it sends when a session there has ended."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 120,
            "jti": f"logout-{next(self.numbers)}",
            "sub": "subject-1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            **changes,
        }
        kept = {name: value for name, value in claims.items() if name not in without}
        return jwt.encode(
            {"alg": self.algorithm, "kid": "one", "typ": "logout+jwt"}, kept, self.signed_with or self.key
        )

    def answer(self, path: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        if path in self.instead:
            return self.instead[path]
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/jwks",
                    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                    **self.metadata,
                }
            ).encode()
        if path == "/jwks":
            return 200, json.dumps({"keys": [self.key.as_dict(private=False)]}).encode()
        if path == "/token":
            self.sent.append(form)
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != self.asked.get("code_challenge"):
                return 400, b'{"error": "invalid_grant"}'
            tokens = {"access_token": "of-no-use", "token_type": "Bearer", "id_token": self.id_token()}
            return 200, json.dumps(tokens).encode()
        return 404, b""


@contextmanager
def own_provider() -> Iterator[OwnProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.reply({name: values[0] for name, values in parse_qs(body).items()})

        def reply(self, form: Mapping[str, str]) -> None:
            status, body = made.answer(urlsplit(self.path).path, form)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if made.trickles == urlsplit(self.path).path:
                self.end_headers()
                with suppress(OSError):
                    while not made.closed.wait(0.05):
                        self.wfile.write(b" ")
                return
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = OwnProvider(server)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.closed.set()
        server.shutdown()
        server.server_close()


def leave(client: Client, made: OwnProvider, *, name: str = "sample", **asked: str) -> str:
    """Begins a sign-on; returns the address that the provider sends the browser back to."""
    answer = client.get(f"/sign-on/{name}/", asked)
    assert answer.status_code == 302, answer.text
    made.asked = {key: values[0] for key, values in parse_qs(urlsplit(answer["Location"]).query).items()}
    path = urlsplit(made.asked["redirect_uri"]).path
    return f"{path}?code=a-code&state={made.asked['state']}"


def sign_on(client: Client, made: OwnProvider, **asked: str) -> Any:
    """There and back; returns the answer to who comes back."""
    return client.get(leave(client, made, **asked))
