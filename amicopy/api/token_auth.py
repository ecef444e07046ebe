"""Who calls: the token in the header Authorization, and nothing else. A session opens no address of the API."""

import re
from collections.abc import Mapping
from typing import Any, cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from amicopy.api import idempotency, limits, waits
from amicopy.api.models import KeptAnswer
from amicopy.api.problems import Problem
from amicopy.audit.actor import Actor
from amicopy.client_address import address_of
from amicopy.copies.core.models import CopyRequest, CopyRequestQuerySet
from amicopy.copies.core.token_models import PREFIX, ApiToken, Scope
from amicopy.copies.operations import tokens

# A value that begins like a token, as far as its public part.
IN_QUERY = re.compile(rf"(?:^|[=&;,+ ]){PREFIX}[0-9A-Za-z]{{8}}")
REALM = 'Bearer realm="amicopy"'


class TokenRequest(HttpRequest):
    """A request after its token was looked at."""

    auth: ApiToken
    # Where its answer is kept, if it came under a key, and what is left of the token's calls.
    kept: KeptAnswer | None
    limit_headers: Mapping[str, str]


class TokenAuth(HttpBearer):
    """Takes tokens that are for one scope; without one, any token that works."""

    def __init__(self, scope: Scope | None = None) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """The token. Raises Problem for one that doesn't work, isn't for this, or calls too often, and Answered for a
        call that was answered before."""
        try:
            row = tokens.used(token.strip(), address=address_of(request))
        except tokens.Refused as refused:
            challenge = f'{REALM}, error="invalid_token"'
            raise Problem(401, "invalid-token", str(refused), headers={"WWW-Authenticate": challenge}) from refused
        if self.scope and self.scope not in row.scopes:
            words = f"This token isn't for this. It needs the scope “{self.scope.value}”."
            challenge = f'{REALM}, error="insufficient_scope", scope="{self.scope.value}"'
            raise Problem(403, "insufficient-scope", words, headers={"WWW-Authenticate": challenge})
        called = cast("TokenRequest", request)
        called.limit_headers = limits.count(row, again=waits.was_held(request))
        called.kept = idempotency.claim(request, row)
        return row


def no_token() -> Problem:
    """Said to who sent none."""
    words = "Send a token in the header Authorization, after the word Bearer. People make them in their settings."
    return Problem(401, "no-token", words, headers={"WWW-Authenticate": REALM})


def refuse_in_address(request: HttpRequest) -> None:
    """Raises Problem for an address with a token in it: addresses end up in logs."""
    if IN_QUERY.search(request.META.get("QUERY_STRING", "")) or "access_token" in request.GET:
        words = "Never put a token into an address: revoke it, since addresses are logged, and send the new one in the "
        raise Problem(400, "token-in-address", f"{words}header Authorization.")


def actor_of(request: TokenRequest) -> Actor:
    """The token's person, acting with it."""
    return tokens.actor_with(request.auth, address=address_of(request))


def visible_to(token: ApiToken) -> CopyRequestQuerySet:
    """The requests a token reaches: those its person may see, in the accounts it holds for."""
    rows = CopyRequest.objects.visible_to(token.person)
    return rows.filter(account__account_id__in=token.accounts) if token.accounts else rows
