"""Ports for the servers that tests start as processes of their own."""

import socket

from amicopy.local.processes import port_is_free

# Below those that the kernel gives to outgoing connections: a port stays free while the server on it is away.
PORTS = range(20000, 30000)
_claims: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on. No other process of these tests takes it until this one ends: whoever
    takes a TCP port holds the UDP port of the same number. Raises LookupError when none is left."""
    for port in PORTS:
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        if port_is_free("127.0.0.1", port):
            return port
    raise LookupError("No port is free.")
