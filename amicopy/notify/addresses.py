"""Where a webhook may go. An address is an administrator's, yet it must not lead into the network amicopy stands in: a
name is looked up right before the call, every address behind it must be public, and the call goes to one of those."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

NAT64 = ipaddress.ip_network("64:ff9b::/96")


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
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def resolve(target: Target) -> str:
    """The IP address to call. Raises AddressRefused when any address of the name isn't public, unless the name is in
    WEBHOOK_PRIVATE_HOSTS, and OSError when the name isn't known."""
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if target.host not in settings.WEBHOOK_PRIVATE_HOSTS and not all(map(is_public, addresses)):
        raise AddressRefused("The host leads to a private address. WEBHOOK_PRIVATE_HOSTS allows it by name.")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, with the IPv4 address inside an IPv6 one looked at too."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in NAT64:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if any(inside is not None and not is_public(str(inside)) for inside in inner):
            return False
        if ip.ipv4_mapped is not None:
            return True
    return ip.is_global and not ip.is_multicast
