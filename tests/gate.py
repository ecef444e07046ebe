"""A gate in front of a server: connections go through it, are refused, or hang as if the server had been stopped."""

import socket
import threading
from contextlib import suppress

from tests.ports import free_port

PIECE = 65536


class Gate:
    """Listens on `port` of this machine and passes on what comes to `host` and `to_port`, as long as it is open."""

    def __init__(self, host: str, to_port: int) -> None:
        self.server, self.port = (host, to_port), free_port()
        self._flows = threading.Event()
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self.open()

    def open(self) -> None:
        """Everything goes through, what was held up as well."""
        self._flows.set()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def hang(self) -> None:
        """Connections are taken and stay open, and nothing comes or goes."""
        self._flows.clear()

    def refuse(self) -> None:
        """Ends all connections and takes no new ones."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for each in list(self._connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        self._connections.add(client)
        self._flows.wait()
        with suppress(OSError), socket.create_connection(self.server) as server:
            self._connections.add(server)
            back = threading.Thread(target=self._pass_on, args=(server, client), daemon=True)
            back.start()
            self._pass_on(client, server)
            back.join()
            self._connections.discard(server)
        self._connections.discard(client)
        client.close()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        """Passes on until one side ends, and then ends the other."""
        with suppress(OSError):
            while piece := source.recv(PIECE):
                self._flows.wait()
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
