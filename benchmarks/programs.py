"""A crowd of programs that follow requests: some ask every few seconds, some wait for a change."""

import asyncio
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from benchmarks import load


@dataclass
class Followed:
    """What a crowd saw: answers to who asks, to who waits, and those that were held back; what went wrong."""

    polls: int = 0
    waits: int = 0
    held: int = 0
    errors: list[str] = field(default_factory=list)


@dataclass
class Crowd:
    """So many programs ask every so many seconds, so many others wait as many seconds for a change; each follows one of
    the requests, by these addresses, and all have this token. It takes `seconds` in all; `meanwhile` is called once a
    second."""

    port: int
    paths: Sequence[str]
    token: str
    polling: int
    every: float
    waiting: int
    wait_seconds: int
    seconds: float
    meanwhile: Callable[[], None]
    seen: Followed = field(default_factory=Followed)

    @contextmanager
    def following(self) -> Iterator[None]:
        """All of them at work, from the moment when each has had an answer. They are a process of their own, so that
        whoever measures meanwhile isn't kept waiting by them."""
        apart = multiprocessing.get_context("fork")
        ready, results = apart.Event(), apart.SimpleQueue()
        connections.close_all()
        process = apart.Process(target=self._apart, args=(ready, results))
        process.start()
        try:
            if not ready.wait(timeout=60):
                self.seen.errors.append("not everybody got a first answer")
            yield
        finally:
            seen: Followed = results.get()
            process.join()
            self.seen.polls += seen.polls
            self.seen.waits += seen.waits
            self.seen.held += seen.held
            self.seen.errors += seen.errors

    def _apart(self, ready: Any, results: Any) -> None:
        self.seen = Followed()
        asyncio.run(self._all(ready))
        results.put(self.seen)

    async def _all(self, ready: Any) -> None:
        first = asyncio.Barrier(self.polling + self.waiting + 1)
        programs = [self._poller(self._path(number), first) for number in range(self.polling)]
        programs += [self._waiter(self._path(number), first) for number in range(self.waiting)]
        await asyncio.gather(*programs, self._change(ready, first))

    def _path(self, number: int) -> str:
        return self.paths[number % len(self.paths)]

    async def _change(self, ready: Any, first: asyncio.Barrier) -> None:
        await first.wait()
        ready.set()
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            await asyncio.to_thread(self.meanwhile)
            await asyncio.sleep(1)

    async def _poller(self, path: str, first: asyncio.Barrier) -> None:
        program = await _Program.connected(self, path)
        await first.wait()
        until = time.monotonic() + self.seconds
        # Nobody begins at the same moment.
        await asyncio.sleep(random.random() * self.every)
        while time.monotonic() < until:
            await program.ask()
            self.seen.polls += 1
            await asyncio.sleep(self.every)
        program.writer.close()

    async def _waiter(self, path: str, first: asyncio.Barrier) -> None:
        program = await _Program.connected(self, path)
        await first.wait()
        until = time.monotonic() + self.seconds
        while (left := until - time.monotonic()) > 0:
            await program.ask(wait=max(1, min(self.wait_seconds, int(left))))
            self.seen.waits += 1
        program.writer.close()


@dataclass
class _Program:
    """One that knows what it was told last."""

    crowd: Crowd
    path: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tag: str = ""

    @classmethod
    async def connected(cls, crowd: Crowd, path: str) -> "_Program":
        """After its first answer."""
        made = cls(crowd, path, *await asyncio.open_connection("127.0.0.1", crowd.port))
        await made.ask()
        return made

    async def ask(self, *, wait: int = 0) -> None:
        lines = [f"GET {self.path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self.crowd.token}"]
        lines += [f"If-None-Match: {self.tag}"] if self.tag else []
        lines += [f"Prefer: wait={wait}"] if wait else []
        try:
            async with asyncio.timeout(wait + load.SLOWEST_SECONDS):
                self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
                head = await self.reader.readuntil(b"\r\n\r\n")
                await self.reader.readexactly(int(load.header(head, "content-length") or 0))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self.crowd.seen.errors.append(f"{error!r} for {self.path}")
            # It goes on over another connection, as a program would.
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.crowd.port)
            return
        code, held = load.status(head), bool(load.header(head, "preference-applied"))
        self.crowd.seen.held += held
        if code not in {200, 304} or (wait and code == 304 and not held):
            self.crowd.seen.errors.append(f"{code} for {self.path}, {'held' if held else 'at once'}")
        self.tag = load.header(head, "etag")
