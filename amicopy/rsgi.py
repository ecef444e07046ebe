"""What the web server runs: `manage.py serve`, which is granian with `amicopy.rsgi:application`.

A request is here in whole, in time and no longer than allowed, before one of the threads that make pages hears of it,
and its answer is handed to the server in one piece: whoever sends or reads slowly holds a socket and some memory, never
a thread. Answers of unknown length, exports, are written to a file by threads of their own and sent from there: granian
would take as much of a stream into memory as is given to it. An answer of the API that waits for a change waits in the
event loop, see `api.waits`.

What asks again and again whether something has changed has a thread of its own: many such polls are under way all the
time, and each that ran beside a page would have its share of the one core that Python computes on. `/healthz` has one
as well: it answers while all others wait for a database that hangs.
"""

import asyncio
import io
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, Protocol

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope  # type: ignore[attr-defined]  # both are its own

# First, since it sets Django up for what follows.
from amicopy.wsgi import application as pages

# isort: split
from amicopy.api.bodies import MOST_BYTES
from amicopy.api.problems import Problem
from amicopy.api.problems import answer as as_problem
from amicopy.api.problems import unavailable as unavailable_problem
from amicopy.api.waits import HELD, POSSIBLE, WANTED, Waits
from amicopy.copies.operations import heartbeat
from amicopy.web.views.errors import unavailable

Headers = list[tuple[str, str]]
# Bytes of bodies that may be here at a time: what many slow ones take together.
ALL_BODIES = 64 * 2**20
# How many answers of unknown length are made at once; and how long the server may take to open a file that it is to
# send, whose name is gone then. The file itself is there until it is sent.
EXPORTS = 2
OPENED_SECONDS = 5.0
# After a statement a page waits until whoever computes lets it go on: no longer than this, Python's default is five
# times as much, and a page is many statements.
SWITCH_SECONDS = 0.001


class Pages(Protocol):
    """Django as a WSGI application."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> HttpResponseBase: ...


class Refused(Exception):
    """A request that isn't read to its end; the words are all its answer says, with the code for programs."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.code = status, code


class Late(Exception):
    """An answer that wasn't made in time, as while the database hangs."""


class Application:
    """Pages for granian's RSGI, made in at most so many threads."""

    def __init__(self, pages: Pages, *, threads: int) -> None:
        self.pages = pages
        self.page_threads = ThreadPoolExecutor(threads, thread_name_prefix="page")
        self.poll_thread = ThreadPoolExecutor(1, thread_name_prefix="poll")
        self.health_thread = ThreadPoolExecutor(1, thread_name_prefix="health")
        self.export_threads = ThreadPoolExecutor(EXPORTS, thread_name_prefix="export")
        look_thread = ThreadPoolExecutor(1, thread_name_prefix="wait")
        self.waits = Waits(lambda look, *args: asyncio.get_running_loop().run_in_executor(look_thread, look, *args))
        # Bytes of bodies that are here; changed in the event loop only.
        self.held = 0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server, which finishes what is under way when it is told to stop: who waits for a change is
        answered at once then. From now on this process leaves signs of life."""
        heartbeat.start("web")
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)

            def stop(told: int, frame: FrameType | None, before: Any = before) -> None:
                loop.call_soon_threadsafe(self.waits.end)
                if callable(before):
                    before(told, frame)

            signal.signal(number, stop)

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answers one request. That the other side leaves is no error."""
        loop, body = asyncio.get_running_loop(), bytearray()
        try:
            if "transfer-encoding" in scope.headers:
                # Of such a body nobody knows whether its end is missing.
                raise Refused(411, "length-missing", "Say how long the request is.")
            if "content-length" in scope.headers:
                await asyncio.wait_for(self._read(scope, protocol, body), settings.REQUEST_SECONDS)
            environ = environ_of(scope, bytes(body)) | {POSSIBLE: self.waits.room}
            answer, headers, whole = await self._made(environ)
            if (wait := environ.get(WANTED)) is not None:
                if not await self.waits.until_changed(wait, protocol.client_disconnect):
                    return
                environ = environ_of(scope, bytes(body)) | {HELD: wait.seconds}
                answer, headers, whole = await self._made(environ)
            if whole is None:
                file = await loop.run_in_executor(self.export_threads, _written, answer)
                loop.call_later(OPENED_SECONDS, os.unlink, file)
                protocol.response_file(answer.status_code, headers, file)
            else:
                protocol.response_bytes(answer.status_code, headers, whole)
        except TimeoutError:
            words = f"The request wasn't here after {settings.REQUEST_SECONDS:g} seconds."
            _refuse(scope, protocol, Refused(408, "too-slow", words))
        except Refused as refused:
            _refuse(scope, protocol, refused)
        except Late:
            _say_late(scope, protocol)
        except ProtocolClosed:
            pass
        finally:
            self.held -= len(body)

    async def _read(self, scope: Scope, protocol: HTTPProtocol, body: bytearray) -> None:
        """Adds the request's body to `body`. Raises Refused for one that is too long, before any of it is read, and
        for one whose end never came."""
        length, most = int(scope.headers.get("content-length")), most_bytes(scope.path)
        if length > most:
            raise Refused(413, "too-large", f"Send at most {most:,} bytes.")
        async for piece in protocol:
            body += piece
            self.held += len(piece)
            if self.held > ALL_BODIES:
                raise Refused(503, "too-busy", "Too much is being sent at the moment. Try again in a minute.")
        if len(body) < length:
            raise Refused(400, "unreadable", "The request ended early.")

    async def _made(self, environ: dict[str, Any]) -> tuple[HttpResponseBase, Headers, bytes | None]:
        """What `_answer` returns. Raises Late: who waits is told, a thread at work finishes, and what no thread has
        taken yet isn't begun."""
        made = asyncio.get_running_loop().run_in_executor(self._threads_for(environ), self._answer, environ)
        try:
            return await asyncio.wait_for(made, settings.ANSWER_SECONDS)
        except TimeoutError:
            raise Late from None

    def _threads_for(self, environ: Mapping[str, Any]) -> ThreadPoolExecutor:
        if environ["PATH_INFO"] == "/healthz":
            return self.health_thread
        return self.poll_thread if is_poll(environ) else self.page_threads

    def _answer(self, environ: dict[str, Any]) -> tuple[HttpResponseBase, Headers, bytes | None]:
        """Django's answer, its headers, and its body unless nobody knows how long that is."""
        headers: Headers = []
        answer = self.pages(environ, lambda _status, said, _error=None: headers.extend(said))
        if answer.streaming and not answer.has_header("Content-Length"):
            return answer, headers, None
        try:
            return answer, headers, b"".join(answer)
        finally:
            answer.close()


def is_poll(environ: Mapping[str, Any]) -> bool:
    """Whether a page or a program asks once more what has become of what it knows."""
    if environ["REQUEST_METHOD"] != "GET":
        return False
    path: str = environ["PATH_INFO"]
    of_program = path.startswith("/api/v1/") and path.endswith("/status")
    return of_program or ("HTTP_HX_REQUEST" in environ and "HTTP_IF_NONE_MATCH" in environ)


def most_bytes(path: str) -> int:
    """How long a body may be at an address."""
    return MOST_BYTES if path.startswith("/api/v1/") else settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def environ_of(scope: Scope, body: bytes) -> dict[str, Any]:
    """The request as WSGI describes it.

    A header with an underscore in its name is left out: it would pass for the one with a hyphen, which a proxy may have
    set or removed.
    """
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" not in name:
            key = f"HTTP_{name.upper().replace('-', '_')}"
            between = "; " if name == "cookie" else ","
            environ[key] = f"{environ[key]}{between}{value}" if key in environ else value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _written(answer: HttpResponseBase) -> str:
    """The path of a file with all of an answer, which is made meanwhile."""
    with tempfile.NamedTemporaryFile(prefix="amicopy-export-", delete=False) as file:
        try:
            file.writelines(answer)
        except BaseException:
            os.unlink(file.name)
            raise
        finally:
            answer.close()
    return file.name


def _refuse(scope: Scope, protocol: HTTPProtocol, refused: Refused) -> None:
    """Says why in a line, to programs as a problem. What is still on its way isn't waited for, so the server ends the
    connection."""
    kind, said = "text/plain; charset=utf-8", f"{refused}\n"
    if scope.path.startswith("/api/v1/"):
        problem = as_problem(Problem(refused.status, refused.code, str(refused)))
        kind, said = problem["Content-Type"], problem.content.decode()
    headers = [("content-type", kind), ("cache-control", "no-store"), ("connection", "close")]
    protocol.response_str(refused.status, headers, said)


def _say_late(scope: Scope, protocol: HTTPProtocol) -> None:
    """Answers instead of a page that wasn't made in time."""
    if scope.path.startswith("/api/v1/"):
        answer: HttpResponse = as_problem(unavailable_problem())
    else:
        answer = unavailable(sent=scope.method not in {"GET", "HEAD"})
    headers = [(name.lower(), value) for name, value in answer.items()]
    protocol.response_bytes(answer.status_code, headers, answer.content)


sys.setswitchinterval(SWITCH_SECONDS)
application = Application(pages, threads=int(os.environ.get("WEB_THREADS") or "8"))
