"""Status held back until it changes: `Prefer: wait=30`, as in https://www.rfc-editor.org/rfc/rfc7240.

The view says what it would wait for; once that has changed, or the time is over, it is asked again. In between the web
server holds the connection without a thread, see `amicopy.rsgi`, and looks for all who wait in one statement a second.
A server that can't hold an answer gives it at once, and nothing says then that the preference was applied.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest

from amicopy.copies.core.models import CopyRequest

# So long at most, whatever is asked for.
MOST_SECONDS = 60
# So many in each process; whoever comes then is answered at once.
MOST = 1000
LOOK_SECONDS = 1.0
# What server and view say to each other in the request's environment: that the server can hold the answer, what for,
# and how many seconds it was held at most.
POSSIBLE, WANTED, HELD = "amicopy.wait.possible", "amicopy.wait.wanted", "amicopy.wait.held"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wait:
    """For a request to have another version than this one, for so many seconds at most."""

    number: int
    version: int
    seconds: int


def want(request: HttpRequest, row: CopyRequest) -> None:
    """Has the answer held until the row changes, if the caller prefers that and the server can. Not twice."""
    seconds = preferred(request.headers.get("Prefer", ""))
    if seconds and request.META.get(POSSIBLE) and HELD not in request.META:
        request.META[WANTED] = Wait(row.pk, row.version, seconds)


def applied(request: HttpRequest) -> Mapping[str, str]:
    """The header that says that the answer was held, if it was."""
    held = request.META.get(HELD)
    return {"Preference-Applied": f"wait={held}"} if held else {}


def was_held(request: HttpRequest) -> bool:
    """Whether the same call was looked at before, and is answered now."""
    return HELD in request.META


def preferred(header: str) -> int:
    """The seconds somebody prefers to wait, no more than are possible; 0 without a preference that makes sense."""
    for preference in header.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        digits = value.strip().strip('"')
        if name.strip().lower() == "wait":
            fits = digits.isascii() and digits.isdecimal() and len(digits) <= 9
            return min(int(digits), MOST_SECONDS) if fits else 0
    return 0


class Waits:
    """Those who wait in this process. Used in the event loop only; `run` runs a function in a thread."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run
        self.waiting: dict[asyncio.Future[None], Wait] = {}
        self.looking: asyncio.Task[None] | None = None
        self.over = False

    @property
    def room(self) -> bool:
        """Whether one more may wait."""
        return not self.over and len(self.waiting) < MOST

    async def until_changed(self, wait: Wait, gone: Callable[[], Any]) -> bool:
        """Waits for the change, for the end of the time, or for the end of this process. False: whoever waited has
        gone, as `gone()` told, and nobody is left to answer."""
        if self.over:
            # Told to stop while the view looked at it.
            return True
        changed = asyncio.get_running_loop().create_future()
        self.waiting[changed] = wait
        leaving = asyncio.ensure_future(gone())
        if self.looking is None:
            self.looking = asyncio.create_task(self._look())
        try:
            await asyncio.wait({changed, leaving}, timeout=wait.seconds, return_when=asyncio.FIRST_COMPLETED)
            return not leaving.done()
        finally:
            del self.waiting[changed]
            leaving.cancel()

    def end(self) -> None:
        """Ends all waits: this process is about to stop."""
        self.over = True
        for changed in self.waiting:
            if not changed.done():
                changed.set_result(None)

    async def _look(self) -> None:
        """Looks for all, again and again, as long as somebody waits."""
        try:
            while self.waiting:
                await asyncio.sleep(LOOK_SECONDS)
                numbers = {wait.number for wait in self.waiting.values()}
                try:
                    now = await self.run(versions, numbers) if numbers else {}
                except DatabaseError:
                    # They wait on; at their end each hears what there is to say.
                    log.warning("Requests that somebody waits for couldn't be looked at.", exc_info=True)
                    continue
                for changed, wait in self.waiting.items():
                    if not changed.done() and wait.number in numbers and now.get(wait.number) != wait.version:
                        changed.set_result(None)
        finally:
            self.looking = None


def versions(numbers: Collection[int]) -> Mapping[int, int]:
    """The version of each of these requests, in one statement."""
    close_old_connections()
    try:
        return dict(CopyRequest.objects.filter(pk__in=numbers).values_list("pk", "version"))
    finally:
        close_old_connections()
