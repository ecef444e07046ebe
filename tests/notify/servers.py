"""A real SMTP server and a real HTTP server that take messages, and can be told to fail."""

import socket
import threading
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message as Email
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

Answer = Callable[[], str]


class MailServer:
    """Keeps the e-mails it took. `refuse_address` and `refuse_data` are answers it gives instead; `hang_up` ends the
    connection after taking a message, before it says so."""

    def __init__(self) -> None:
        self.emails: list[Email] = []
        self.refuse_address = self.refuse_data = ""
        self.hang_up = False
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._controller: Any = None

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
        self._controller = None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refuse_address:
            return self.refuse_address
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse_data:
            return self.refuse_data
        self.emails.append(message_from_bytes(envelope.content.replace(b"\r\n", b"\n"), policy=default))
        if self.hang_up:
            server.transport.abort()
        return "250 OK"

    def to(self, address: str) -> list[Email]:
        return [email for email in self.emails if email["To"] == address]


class HookServer:
    """Keeps the requests it got, and answers each with `status` and `headers`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.hang_up = False
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hooks.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                if hooks.hang_up:
                    self.close_connection = True
                    return
                self.send_response(hooks.status)
                for name, value in hooks.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"secret words of the other side")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
