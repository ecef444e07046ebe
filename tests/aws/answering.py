"""An HTTP server that answers the bytes it is given, as what stands between amicopy and AWS may."""

import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

# What is answered to the request with these headers and body; None leaves it without an answer until the server stops.
Answer = Callable[[str, bytes], bytes | None]


@dataclass
class Answering:
    """`answer` may be changed at any time; `asked` are the requests, as headers and body, in the order they came."""

    url: str
    answer: Answer
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)


def http(status: int, body: str | bytes, kind: str = "text/xml;charset=UTF-8", **headers: str) -> bytes:
    """A whole answer; headers' underscores become hyphens."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


def start(answer: Answer) -> tuple[Answering, Callable[[], None]]:
    """A server on a free port of this machine, and what stops it."""
    state = Answering("", answer)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b""
            while (line := self.rfile.readline()) not in {b"", b"\r\n"}:
                head += line
            headers = head.decode()
            lengths = [int(row.split(":")[1]) for row in headers.splitlines() if row.lower().startswith("content-len")]
            if "100-continue" in headers:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = self.rfile.read(lengths[0]) if lengths else b""
            state.asked.append((headers, body))
            answered = state.answer(headers, body)
            if answered is None:
                state.stopping.wait()
            else:
                self.wfile.write(answered)
            self.request.shutdown(socket.SHUT_WR)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def stop() -> None:
        state.stopping.set()
        server.shutdown()
        server.server_close()

    return state, stop
