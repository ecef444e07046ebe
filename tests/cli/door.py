"""A door before a server: it can be shut and opened again, be busy, lose an answer, and speak TLS."""

import ssl
import threading
from collections import deque
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.ports import free_port


class Door:
    """`modes` says what becomes of the next calls, one each: "busy", "busy long", "lose", "elsewhere" or "html"; then
    all go through. `calls` are those that came, as method and Idempotency-Key, `preferred` what each said in Prefer."""

    def __init__(self, target: str, *, certificate: Path | None = None) -> None:
        self.target = urlsplit(target).netloc
        self.port = free_port()
        self.certificate = certificate
        self.modes: deque[str] = deque()
        self.calls: list[tuple[str, str]] = []
        self.preferred: list[str] = []
        self.server: ThreadingHTTPServer | None = None
        self.open()

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def open(self) -> None:
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                door._pass(self)

            do_POST = do_GET

            def log_message(self, *_said: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def shut(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def _pass(self, call: BaseHTTPRequestHandler) -> None:
        self.calls.append((call.command, call.headers.get("Idempotency-Key", "")))
        self.preferred.append(call.headers.get("Prefer", ""))
        mode = self.modes.popleft() if self.modes else ""
        body = call.rfile.read(int(call.headers.get("Content-Length") or 0))
        if mode.startswith("busy"):
            call.send_response(503)
            call.send_header("Retry-After", "3600" if mode == "busy long" else "0")
            call.end_headers()
            return
        if mode == "elsewhere":
            call.send_response(302)
            call.send_header("Location", "http://127.0.0.1:9/")
            call.end_headers()
            return
        if mode == "html":
            call.send_response(200)
            call.end_headers()
            call.wfile.write(b"<html>Somebody else</html>")
            return
        connection = HTTPConnection(self.target, timeout=30)
        connection.request(call.command, call.path, body, dict(call.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if mode == "lose":
            return
        call.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length", "date", "server"}:
                call.send_header(name, value)
        call.send_header("Content-Length", str(len(content)))
        call.end_headers()
        call.wfile.write(content)
