"""Starts and stops the sandbox: one threaded HTTP server in this process."""

import socket
import threading
from pathlib import Path
from typing import Any

from moto.core.base_backend import BackendDict
from moto.ec2.models import EC2Backend, ec2_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from amicopy.sandbox import answers, events, identity, keys
from amicopy.sandbox.control import replay
from amicopy.sandbox.ec2.models import SandboxBackend
from amicopy.sandbox.gate import Gate
from amicopy.sandbox.world import Settings, world


class Handler(MotoRequestHandler):
    """Quiet, and without the 40 ms that head and body sent apart would wait for each other."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Leaves the log to `/_sandbox/calls`."""


class Server:
    """A running sandbox."""

    def __init__(self, http: BaseWSGIServer, *, closing: threading.Event) -> None:
        self.url = f"http://{http.host}:{http.port}"
        self.http = http
        self.closing = closing
        self.threads = [
            threading.Thread(target=http.serve_forever, name="sandbox", daemon=True),
            threading.Thread(target=events.run, args=(closing,), name="sandbox-events", daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Ends the server and gives moto its own EC2 back. What was in memory is gone."""
        self.closing.set()
        self.http.shutdown()
        events.wake()
        for thread in self.threads:
            thread.join()
        self.http.server_close()
        with world.lock:
            BackendDict.reset()
            ec2_backends.backend = EC2Backend


def start(host: str = "127.0.0.1", port: int = 0, *, journal: Path | None = None, **settings: Any) -> Server:
    """Starts the sandbox in threads of this process and returns it once it answers.

    Port 0 takes a free one. `settings` are those of `world.Settings`. moto's state is one a process, so a
    second sandbox in it is a RuntimeError. Raises OSError for a port in use.
    """
    if ec2_backends.backend is SandboxBackend:
        raise RuntimeError("A sandbox is already running in this process.")
    listener = socket.create_server((host, port))
    if journal:
        journal.touch()
    with world.lock:
        BackendDict.reset()
        ec2_backends.backend = SandboxBackend
        world.initial = Settings()
        world.journal = journal
        world.clear()
        world.change(**settings)
        world.initial = world.settings
        identity.sessions.clear()
        events.unschedule(None)
        keys.load()
        replay()
        answers.load()
    closing = threading.Event()
    gate = Gate(DomainDispatcherApplication(create_backend_app), closing=closing)
    # Told a port in use, werkzeug would end the process with three lines; so it gets an open socket.
    http = make_server(host, port, gate, threaded=True, request_handler=Handler, fd=listener.fileno())
    http.port = listener.getsockname()[1]
    listener.close()
    return Server(http, closing=closing)
