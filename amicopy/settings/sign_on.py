"""The providers of single sign-on as the environment has them, read or refused."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from environs import EnvError

from amicopy.providers import Provider

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
ON_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
WORDS = ("label", "issuer", "client_id", "scope", "groups_separator")
KNOWN = frozenset({*WORDS, "name", "groups_claim", "roles", "teams"})


def providers(entries: Any, secrets: Any, *, sandbox: bool) -> dict[str, Provider]:
    """The providers by name. Raises EnvError, without repeating a secret, for what can't be one."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise EnvError("OIDC_PROVIDERS must be a JSON list with an object for each provider")
    if not isinstance(secrets, dict) or not all(isinstance(secret, str) for secret in secrets.values()):
        raise EnvError("OIDC_CLIENT_SECRETS must be a JSON object: the name of a provider, and its secret")
    found: dict[str, Provider] = {}
    for entry in entries:
        provider = _provider(entry, secrets, sandbox=sandbox)
        if provider.name in found or provider.issuer in {each.issuer for each in found.values()}:
            raise EnvError(f"OIDC_PROVIDERS names {provider.name} or its issuer twice")
        found[provider.name] = provider
    if set(secrets) - set(found):
        raise EnvError("OIDC_CLIENT_SECRETS has the secret of a provider that OIDC_PROVIDERS doesn't name")
    return found


def _provider(entry: Mapping[str, Any], secrets: Mapping[str, str], *, sandbox: bool) -> Provider:
    name = entry.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise EnvError("OIDC_PROVIDERS: each needs a name of small letters, digits and dashes, such as okta")
    if any("secret" in key for key in entry):
        raise EnvError(f"OIDC_PROVIDERS: the secret of {name} belongs into OIDC_CLIENT_SECRETS")
    if unknown := sorted(set(entry) - KNOWN):
        raise EnvError(f"OIDC_PROVIDERS: {name} has {', '.join(unknown)}, which is none of {', '.join(sorted(KNOWN))}")
    for key in WORDS:
        if not isinstance(entry.get(key, ""), str):
            raise EnvError(f"OIDC_PROVIDERS: {key} of {name} must be a text")
    issuer, client_id = entry.get("issuer", ""), entry.get("client_id", "")
    if not client_id:
        raise EnvError(f"OIDC_PROVIDERS: {name} needs a client_id")
    address = urlsplit(issuer)
    safe = address.scheme == "https" or (sandbox and address.hostname in ON_THIS_MACHINE)
    if not safe or not address.hostname or address.query or address.fragment or len(issuer) > 255:
        raise EnvError(f"OIDC_PROVIDERS: the issuer of {name} must be an https address, as its tokens say it")
    claim = entry.get("groups_claim", "groups")
    path = (claim,) if isinstance(claim, str) else tuple(claim) if isinstance(claim, list) else ()
    if not path or not all(isinstance(part, str) and part for part in path):
        raise EnvError(f"OIDC_PROVIDERS: groups_claim of {name} must be a claim, or a list that leads to one inside")
    scope = entry.get("scope", "openid profile email")
    if "openid" not in scope.split():
        raise EnvError(f"OIDC_PROVIDERS: the scope of {name} must have openid in it")
    roles, teams = _table(entry, "roles", name), _table(entry, "teams", name)
    return Provider(
        name=name,
        label=entry.get("label") or name,
        issuer=issuer,
        client_id=client_id,
        client_secret=secrets.get(name, ""),
        scope=scope,
        groups_claim=path,
        groups_separator=entry.get("groups_separator", ""),
        roles=roles,
        teams=teams,
    )


def _table(entry: Mapping[str, Any], key: str, name: str) -> dict[str, tuple[str, ...]]:
    table = entry.get(key, {})
    if not isinstance(table, dict):
        raise EnvError(f"OIDC_PROVIDERS: {key} of {name} must be an object: a group, and a list of what it gives")
    found = {}
    for group, given in table.items():
        if not isinstance(given, list) or not all(isinstance(each, str) and 0 < len(each) <= 150 for each in given):
            raise EnvError(f"OIDC_PROVIDERS: {key} of {name} must be an object: a group, and a list of what it gives")
        found[group] = tuple(given)
    return found


def password_names(names: list[str], found: Mapping[str, Provider]) -> list[str]:
    """Who alone may sign in with a password; nobody named, everybody may. Raises EnvError where nobody could then."""
    if names and not found:
        raise EnvError("PASSWORD_SIGN_IN hides passwords, but OIDC_PROVIDERS names nobody to sign on with instead")
    return names
