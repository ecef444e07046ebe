"""A browser's side of the wire, plain, so that the asking costs less than the answering."""

import asyncio
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SLOWEST_SECONDS = 10.0


def request(path: str, *, session: str, tag: str | None = None, parts: Sequence[str] = ()) -> bytes:
    """A signed-in GET as it goes over the wire; with a tag it is a poll, of a page that has these parts."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Cookie: sessionid={session}"]
    if tag is not None:
        lines += ["HX-Request: true", f"If-None-Match: {tag}"]
    if parts:
        lines.append(f"HX-Parts: {' '.join(parts)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def header(head: bytes, name: str) -> str:
    """A header of an answer, or empty."""
    for line in head.decode("latin-1").split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return ""


def parts_of(body: bytes) -> list[str]:
    """The fingerprints of the parts that a page has once it has got this."""
    return re.findall(r'data-part="(\w+)"', body.decode())


def status(head: bytes) -> int:
    return int(head[9:12])


class Connection:
    """A kept-alive connection that reads whole answers."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SLOWEST_SECONDS)

    def get(self, sent: bytes) -> tuple[bytes, bytes]:
        """The head of the answer, and its body."""
        self._socket.sendall(sent)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(header(head, "content-length") or 0)
        while len(body) < length:
            body += self._more()
        return head, body

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("The server closed the connection.")
        return data

    def close(self) -> None:
        self._socket.close()


def per_second(port: int, sent: bytes, *, expected: int, seconds: float, connections: int) -> float:
    """How many answers come in a second over so many connections. Raises ValueError for an answer of another kind."""
    counts, wrong = [0] * connections, set[int]()

    def ask(index: int, until: float) -> None:
        connection = Connection(port)
        while time.monotonic() < until:
            code = status(connection.get(sent)[0])
            counts[index] += 1
            if code != expected:
                wrong.add(code)
                break
        connection.close()

    began = time.monotonic()
    threads = [threading.Thread(target=ask, args=(index, began + seconds)) for index in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise ValueError(f"expected {expected}, got {wrong}")
    return sum(counts) / (time.monotonic() - began)


@dataclass
class Outcome:
    """What a crowd of open pages saw: how long each poll took, how many brought something new, what went wrong."""

    took: list[float] = field(default_factory=list)
    changed: int = 0
    errors: list[str] = field(default_factory=list)


def crowd(
    port: int, paths: Sequence[str], *, session: str, every: float, seconds: float, meanwhile: Callable[[], None]
) -> Outcome:
    """Keeps these pages open for some seconds, each polling as a browser does; calls `meanwhile` once a second."""
    outcome = Outcome()

    async def page(path: str, until: float) -> None:
        tag, parts = "", list[str]()
        await asyncio.sleep(random.random() * every)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                async with asyncio.timeout(SLOWEST_SECONDS):
                    writer.write(request(path, session=session, tag=tag, parts=parts))
                    head = await reader.readuntil(b"\r\n\r\n")
                    body = await reader.readexactly(int(header(head, "content-length") or 0))
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                outcome.errors.append(repr(error))
                return
            outcome.took.append(time.monotonic() - began)
            code = status(head)
            if code == 200:
                outcome.changed += 1
                tag, parts = header(head, "etag"), parts_of(body)
            elif code != 304:
                outcome.errors.append(f"{code} for {path}")
            await asyncio.sleep(every)
        writer.close()

    async def change(until: float) -> None:
        while time.monotonic() < until:
            await asyncio.to_thread(meanwhile)
            await asyncio.sleep(1)

    async def everybody() -> None:
        until = time.monotonic() + seconds
        await asyncio.gather(change(until), *(page(path, until) for path in paths))

    asyncio.run(everybody())
    return outcome
