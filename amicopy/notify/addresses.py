"""Where a webhook may go. An address is an administrator's, yet it must not lead into the network amicopy stands in: a
name is looked up right before the call, every address behind it must be public, in whatever notation, and the call goes
to one of those. An IP address is refused when it is entered, and unless it is written as usual."""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

# The one prefix that leads to IPv4 through a translator outside: what it leads to is looked at.
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All other IPv6 of the internet. Outside of it are loopback, `::127.0.0.1`, local networks of every kind (fc00, fe80,
# fec0) and translators inside (`::ffff:0:127.0.0.1`, 64:ff9b:1::/48).
INTERNET = ipaddress.ip_network("2000::/3")
# Parts of the internet's numbers that lead somewhere else: protocols of the IETF and Teredo, documentation, 6to4.
ELSEWHERE = tuple(
    map(
        ipaddress.ip_network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24"),
    )
)
# ISATAP: the last four bytes are an IPv4 address in the network at hand.
ISATAP = {0x00005EFE, 0x02005EFE}
NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
# What the C library takes for IPv4 in one of its old ways: 2130706433, 0x7f.1, 0177.0.0.1.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class AddressRefused(Exception):
    """The address can't be used; the words are fit to be shown and don't repeat it."""


@dataclass(frozen=True)
class Target:
    """An address in its parts. `path` has the query with it."""

    scheme: str
    host: str
    port: int
    path: str


def target_of(url: str) -> Target:
    """The parts of an address. Raises AddressRefused for one that can't be used whatever its name leads to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused("Enter a whole address, such as https://hooks.example/amicopy.") from None
    if not url.isascii() or any(character.isspace() or not character.isprintable() for character in url):
        raise AddressRefused("Enter the address without spaces, with letters outside ASCII encoded.")
    if parts.scheme != "https" and not (settings.SANDBOX and parts.scheme == "http"):
        raise AddressRefused("Enter an address that begins with https://.")
    if not host:
        raise AddressRefused("Enter a whole address, such as https://hooks.example/amicopy.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("Enter the address without a name and password in front of the host.")
    if parts.fragment:
        raise AddressRefused("Enter the address without the part after #.")
    host = host.removesuffix(".")
    _check_host(host, in_brackets="[" in parts.netloc)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def resolve(target: Target) -> str:
    """The IP address to call. Raises AddressRefused when any address of the name isn't public, unless the name is in
    WEBHOOK_PRIVATE_HOSTS, and OSError when the name isn't known."""
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    _refuse_private(target.host, addresses)
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, with an IPv4 address inside an IPv6 one looked at too."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        last = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if ip.ipv4_mapped is not None or ip in NAT64:
            return is_public(str(last))
        if (int(ip) >> 32) & 0xFFFFFFFF in ISATAP and not is_public(str(last)):
            return False
        if ip not in INTERNET:
            return False
    special = ip.is_multicast or ip.is_reserved or any(ip.version == each.version and ip in each for each in ELSEWHERE)
    return ip.is_global and not special


def _check_host(host: str, *, in_brackets: bool) -> None:
    """Raises AddressRefused unless it is a name, or a public IP address written as usual."""
    if _literal(host) is not None:
        _refuse_private(host, [host])
    elif in_brackets or not NAME.fullmatch(host):
        raise AddressRefused("Enter a whole address, such as https://hooks.example/amicopy.")
    elif NUMBER.fullmatch(host.rpartition(".")[2]):
        raise AddressRefused("Enter the host by its name, or by its IP address as it is usually written.")


def _refuse_private(host: str, addresses: Sequence[str]) -> None:
    if host not in settings.WEBHOOK_PRIVATE_HOSTS and not all(map(is_public, addresses)):
        raise AddressRefused("The host leads to a private address. WEBHOOK_PRIVATE_HOSTS allows it by name.")


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that a host is itself; None for a name, and for an address written in any other way."""
    try:
        return ipaddress.ip_address(host) if "%" not in host else None
    except ValueError:
        return None
