"""The web server as a process of its own, and requests to it byte by byte: what no client library would send."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from amicopy.local import processes
from tests import migrated
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20.0
PASSWORD = "raw-password-1"


@dataclass
class Web:
    """A running web server and where it writes its log."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]
    environ: Mapping[str, str]

    def restart(self) -> None:
        """Asks the server to end, waits until it has, and starts it anew."""
        processes.stop(self.process)
        self.process = _started(self.log, self.port, self.environ)

    def send(self, *pieces: bytes, pause: float = 0.0, end: bool = False) -> tuple[int, bytes]:
        """The status and the whole of the answer to some bytes, sent piece by piece; 0 for a connection that was closed
        before an answer could be read. With `end` nothing more is sent, which the server can see. Raises TimeoutError
        where nothing comes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connection:
            answer = bytearray()
            try:
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause)
                if end:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                # It has closed already; what it said may still be there.
                pass
            with suppress(ConnectionError):
                while received := connection.recv(65536):
                    answer += received
        status = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
        return (int(status[1]) if status else 0), bytes(answer)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **(headers or {})}.items())
        return self.send(f"GET {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        sent = {"Host": "localhost", "Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        head = f"POST {path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return self.send(head.encode() + body)

    def token(self) -> str:
        """What a browser that looked at the sign-in page has to send with its posts."""
        found = re.search(rb"csrftoken=(\w+)", self.get("/sign-in/")[1])
        assert found
        return found[1].decode()

    def sign_in(self, name: str, password: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        token = self.token()
        body = f"username={name}&password={password}&csrfmiddlewaretoken={token}".encode()
        return self.post("/sign-in/", body, {"Cookie": f"csrftoken={token}", **(headers or {})})


@contextmanager
def web_server(var: Path, **changed: str) -> Iterator[Web]:
    """Starts the server with a database of its own in `var` and the sample people; ends it afterwards."""
    port = free_port()
    environ = {
        **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "CELERY_BROKER_URL"}},
        "AMICOPY_AWS": "sandbox",
        "AMICOPY_VAR_DIR": str(var),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "SAMPLE_PASSWORD": PASSWORD,
        **changed,
    }
    migrated.put_into(var)
    subprocess.run([sys.executable, "manage.py", "samples"], env=environ, cwd=ROOT, check=True, stdout=-3)
    web = Web(port, var / f"web-{port}.log", _started(var / f"web-{port}.log", port, environ), environ)
    try:
        yield web
    finally:
        processes.stop(web.process)


def _started(log: Path, port: int, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A server that answers."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            env=environ,
            cwd=ROOT,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        assert processes.wait_for(f"http://127.0.0.1:{port}/healthz", {"web": process}, seconds=30) == ""
    except BaseException:
        processes.stop(process)
        raise
    return process
