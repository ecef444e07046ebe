"""Which amicopy, and as whom: from the environment, or as `amicopy login` left it, in the keyring or in a file.

A token is never an argument, for arguments can be read by everybody on a machine, and is sent to no other server than
the one it was kept for.
"""

import json
import os
import stat
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from amicopy_cli.exits import Unclear

try:
    import keyring
    from keyring.errors import KeyringError
except ImportError:  # the extra `keyring` isn't installed: the file is there
    keyring = None
    KeyringError = OSError

SERVER, TOKEN, CA_BUNDLE = "AMICOPY_SERVER", "AMICOPY_TOKEN", "AMICOPY_CA_BUNDLE"
SERVICE = "amicopy"


@dataclass(frozen=True)
class Login:
    """An amicopy's address, without a slash at its end, and a token for it."""

    server: str
    token: str = field(repr=False)
    ca_bundle: str = ""


def current() -> Login:
    """What the environment says, before what was kept. Raises Unclear where neither says enough."""
    kept = _kept()
    address = os.environ.get(SERVER) or kept.get("server", "")
    if not address:
        raise Unclear(f"Say where amicopy is: set {SERVER}, or run: amicopy login https://amicopy.example")
    server = checked(address)
    token = os.environ.get(TOKEN) or (_token(kept) if kept.get("server") == server else "")
    if not token:
        raise Unclear(f"There is no token for {server}: set {TOKEN}, or run: amicopy login {server}")
    return made(server, token)


def made(server: str, token: str) -> Login:
    """A login for a checked address. Raises Unclear for what can't be a token, without repeating it."""
    stripped = token.strip()
    if not stripped or not (stripped.isascii() and stripped.isprintable()) or " " in stripped:
        raise Unclear("That isn't a token: it has none of its characters, or others.")
    return Login(server, stripped, os.environ.get(CA_BUNDLE, ""))


def checked(address: str) -> str:
    """A server's address as it is kept. Raises Unclear for what is none, and for one that would send the token open to
    be read: anything but https, except on this machine."""
    try:
        parts = urlsplit(address.strip())
        host, wrong = parts.hostname or "", parts.query or parts.fragment or parts.username or parts.port == 0
    except ValueError:
        raise Unclear(f"{address} isn't an address such as https://amicopy.example.") from None
    if parts.scheme not in {"http", "https"} or not host or wrong:
        raise Unclear(f"{address} isn't an address such as https://amicopy.example.")
    if parts.scheme == "http" and not _is_here(host):
        raise Unclear(f"{address} would send the token for everybody on the way to read. Use https.")
    return address.strip().rstrip("/")


def keep(login: Login) -> str:
    """Keeps a login for later runs; returns where its token is, in words. Raises Unclear if nothing can be written."""
    content, where = {"server": login.server}, "the keyring"
    try:
        if keyring is None or not keyring.get_keyring().priority:
            raise KeyringError
        keyring.set_password(SERVICE, login.server, login.token)
    except KeyringError:
        content, where = {**content, "token": login.token}, f"{path()}, which only you can read"
    try:
        path().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path().unlink(missing_ok=True)
        with os.fdopen(os.open(path(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file)
    except OSError as error:
        raise Unclear(f"{path()} can't be written: {error.strerror}.") from None
    return where


def forget() -> None:
    """Forgets what `keep` kept."""
    kept = _kept()
    if keyring is not None and "server" in kept and "token" not in kept:
        keyring.delete_password(SERVICE, kept["server"])
    path().unlink(missing_ok=True)


def path() -> Path:
    """Where a login is kept."""
    return Path(click.get_app_dir("amicopy")) / "login.json"


def _kept() -> dict[str, Any]:
    """What the file says; empty without one. Raises Unclear for one that others can read, or that says nothing."""
    try:
        mode = path().stat().st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Unclear(f"Others can read your token. Run: chmod 600 {path()}")
        found = json.loads(path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise Unclear(f"{path()} can't be read. Run: amicopy login")
    return found


def _token(kept: dict[str, Any]) -> str:
    if "token" in kept or keyring is None:
        return str(kept.get("token", ""))
    try:
        return keyring.get_password(SERVICE, kept["server"]) or ""
    except KeyringError as error:
        raise Unclear(f"The keyring can't be read: {error}. Set {TOKEN}.") from None


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
