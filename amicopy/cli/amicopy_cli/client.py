"""Calls of the API: tried again while that helps, and what is refused in words.

A call that changes something goes with an Idempotency-Key, made once and repeated with every try, so that it does
nothing twice.
"""

import random
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import click
import httpx2

from amicopy_cli import __version__, login, members
from amicopy_cli.exits import Refused, Unclear, Unreachable
from amicopy_cli.login import CA_BUNDLE, Login

# Seconds for one answer. Asking looks at AWS meanwhile.
TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
# How long the server is asked to hold an answer, within what proxies usually take; and longer than that here.
HELD_SECONDS = 25
# Between tries, in seconds: twice as long each time, up to the second, unless the answer says how long.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
# What says that the same call may work in a moment; 502 and 504 are a proxy's words for it.
AGAIN = {429, 502, 503, 504}


@dataclass
class Client:
    """An amicopy. `patience` is for how many seconds it may be away before a call gives up."""

    whose: Login
    patience: float
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx2.Client(
            base_url=f"{self.whose.server}/api/v1/",
            headers={
                "Authorization": f"Bearer {self.whose.token}",
                "Accept": "application/json",
                "User-Agent": f"amicopy-cli/{__version__}",
            },
            timeout=TIMEOUT,
            verify=_trusted(self.whose.ca_bundle),
        )

    @classmethod
    def of_context(cls, whose: Login | None = None) -> "Client":
        """The one a command calls with, until it ends. Raises Unclear where no server or token was set up."""
        context = click.get_current_context()
        made = cls(whose or login.current(), patience=context.obj)
        context.call_on_close(made.http.close)
        return made

    def get(self, path: str, **query: Any) -> Any:
        """What is there; values that are None aren't sent."""
        asked = {name: value for name, value in query.items() if value is not None}
        return _json(self._sent("GET", path, params=asked))

    def changed(self, path: str, tag: str) -> tuple[Any, str]:
        """What is there and its ETag; None for what hasn't changed since it had this tag."""
        answer = self._sent("GET", path, headers={"If-None-Match": tag} if tag else {})
        return None if answer.status_code == 304 else _json(answer), answer.headers.get("ETag", "")

    def after_change(self, path: str, tag: str, *, seconds: float) -> tuple[Any, str, bool]:
        """As `changed`, once something has changed or after so many seconds; and whether the answer was held for that.
        A server that can't hold it answers at once, and so it is asked where something in between gave up first."""
        if whole := int(min(seconds, HELD_SECONDS)):
            headers = {"If-None-Match": tag, "Prefer": f"wait={whole}"}
            try:
                answer = self.http.get(path, headers=headers)
            except httpx2.TransportError:
                pass  # It is told when the plain call fails as well.
            else:
                if answer.status_code in {200, 304}:
                    held = "Preference-Applied" in answer.headers
                    return None if answer.status_code == 304 else _json(answer), answer.headers.get("ETag", ""), held
        return *self.changed(path, tag), False

    def looked_up(self, path: str, query: Mapping[str, str]) -> Any:
        """What is known once AWS has answered, or, while patience lasts, what is known without. 202 says that it is
        being asked."""
        until = time.monotonic() + self.patience
        while True:
            answer = self._sent("GET", path, params=query)
            wait = _seconds(answer.headers.get("Retry-After", "")) or 0.0
            if answer.status_code != 202 or time.monotonic() + wait > until:
                return _json(answer)
            time.sleep(wait)

    def post(self, path: str, body: Any = None, *, key: str = "", headers: Mapping[str, str] | None = None) -> Any:
        """Does something once, under `key` or one made here."""
        named = {"Idempotency-Key": key or str(uuid4()), **(headers or {})}
        return _json(self._sent("POST", path, headers=named, **({} if body is None else {"json": body})))

    @contextmanager
    def file(self, path: str, query: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """A file, while it arrives. Only its beginning is asked for again."""
        answer = self._sent("GET", path, params=query, stream=True, headers={"Accept": "*/*"})
        try:
            yield answer
        except httpx2.HTTPError as error:
            raise Unreachable(f"The file broke off: {_words(error)}.") from None
        finally:
            answer.close()

    def _sent(self, method: str, path: str, *, stream: bool = False, **request: Any) -> httpx2.Response:
        """An answer that isn't a refusal. Raises Refused, and Unreachable once patience is at its end."""
        until, pause = time.monotonic() + self.patience, FIRST_PAUSE
        while True:
            wait = random.uniform(pause / 2, pause)  # noqa: S311, no secret
            try:
                answer = self.http.send(self.http.build_request(method, path, **request), stream=stream)
            except httpx2.HTTPError as error:
                why = f"{self.whose.server} can't be reached: {_words(error)}"
                if not _passes(error) or time.monotonic() + wait > until:
                    raise Unreachable(f"{why}.") from None
            else:
                if answer.status_code < 300 or answer.status_code == 304:
                    return answer
                answer.read()
                refused = _refused(answer)
                said = _seconds(answer.headers.get("Retry-After", ""))
                wait = max(said, wait) if said is not None else wait
                busy = answer.status_code in AGAIN or refused.problem.get("code") == "idempotency-key-busy"
                if not busy or time.monotonic() + wait > until:
                    raise refused
                why = refused.message
            click.echo(f"{why.rstrip('.')}. Trying again in {wait:.0f} s.", err=True)
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)


def _trusted(bundle: str) -> ssl.SSLContext | bool:
    """Whom to trust: the system's certificates, or the bundle's. Certificates are always looked at."""
    if not bundle:
        return True
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise Unclear(f"{CA_BUNDLE} names {bundle}, which isn't a file with certificates: {error}.") from None


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise Unreachable(f"{answer.url.host} answers, but not as amicopy does. Is its address right?") from None


def refusal(status: int, problem: dict[str, Any]) -> Refused:
    """A problem document with its words: what was refused, and what is wrong with each member."""
    words = [str(problem["detail"])]
    words += [f"  {members.where(each['pointer'])}{each['detail']}" for each in problem.get("errors", ())]
    return Refused(status, problem, readable("\n".join(words)))


def _refused(answer: httpx2.Response) -> Refused:
    try:
        return refusal(answer.status_code, answer.json())
    except (ValueError, KeyError, TypeError, AttributeError):
        reason = f"{answer.status_code} {answer.reason_phrase}".strip()
        return Refused(answer.status_code, {}, f"{answer.url.host} answers {reason}, which isn't amicopy's word.")


def readable(text: str) -> str:
    """Text that does nothing to a terminal but stand there."""
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)


def _passes(error: httpx2.HTTPError) -> bool:
    """Whether trying again may help: not where a certificate doesn't hold, or where there is no such scheme."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return False
        cause = cause.__cause__ or cause.__context__
    return isinstance(error, httpx2.TransportError) and not isinstance(error, httpx2.UnsupportedProtocol)


def _words(error: httpx2.HTTPError) -> str:
    return readable(str(error)) or type(error).__name__


def _seconds(header: str) -> float | None:
    """Retry-After in seconds from now, None without one that makes sense."""
    try:
        if header.isdecimal():
            return float(header)
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
