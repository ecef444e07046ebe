"""Whose request it is, by address. A proxy in front says so in `X-Forwarded-For`, and so can anybody else: what counts
is what stands in TRUSTED_PROXIES. Lock-out, history and log all use the address that is found here."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# More proxies than stand in front of anything; the rest of a longer header isn't read.
MOST_PROXIES = 20


def address_of(request: HttpRequest) -> str:
    """The address of the client, as `door.behind_proxies` found it; empty when the server knows none."""
    return str(request.META.get("REMOTE_ADDR", ""))


def client_address(peer: str, forwarded: str) -> str:
    """The client's address: the peer's, or, when the peer is a proxy of ours, what it says in `forwarded`, the whole
    X-Forwarded-For: from the right, the first that is no proxy of ours. At anything that isn't an address it stops."""
    found = parsed(peer)
    if found is None:
        return ""
    networks = trusted_networks(tuple(settings.TRUSTED_PROXIES))
    for entry in reversed(forwarded.rsplit(",", MOST_PROXIES)):
        before = parsed(entry) if is_in(found, networks) else None
        if before is None:
            break
        found = before
    return str(found)


def is_proxy(peer: str) -> bool:
    """Whether the peer is one of TRUSTED_PROXIES."""
    found = parsed(peer)
    return found is not None and is_in(found, trusted_networks(tuple(settings.TRUSTED_PROXIES)))


def parsed(text: str) -> Address | None:
    """An address as servers and proxies write it: with or without a port, brackets, a zone, or IPv4 inside IPv6; None
    for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


@lru_cache(maxsize=8)
def trusted_networks(entries: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks of such a setting. Raises ValueError for an entry that is none."""
    return tuple(ipaddress.ip_network(entry) for entry in entries)
