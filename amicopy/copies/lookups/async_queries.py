"""Asking AWS without waiting for it: questions run side by side, each answer is kept for minutes, and whoever asked
gives up after a limit of their own.

A question that outlives the limit goes on in its thread and fills the cache, so the next page has the answer. The same
question is never under way twice, so a Region that hangs holds one thread a question, for as long as the gateway's
quick clients let it.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.cache import cache

from amicopy.aws import errors
from amicopy.aws.account import AwsAccount
from amicopy.copies.core.calls import fingerprint

T = TypeVar("T", covariant=True)

# How long an answer counts. An error is forgotten soon: the next page may have more luck.
KEPT_SECONDS = 300
ERROR_KEPT_SECONDS = 5
# How long a page waits for all its look-ups together.
LIMIT_SECONDS = 3.0
THREADS = 24


@dataclass(frozen=True)
class Missing:
    """No answer, and why; the words are fit to be shown. `code` is AWS's, empty where AWS never answered."""

    reason: str
    code: str = ""


@dataclass(frozen=True)
class Question(Generic[T]):
    """`name` and `arguments` tell it from any other question in this account; `ask` raises AwsError."""

    name: str
    account: AwsAccount
    arguments: tuple[str, ...]
    ask: Callable[[], T]
    kept_seconds: int = KEPT_SECONDS

    @property
    def key(self) -> str:
        who = (self.account.account_id, self.account.role_arn, self.account.external_id)
        return f"lookup:{self.name}:{fingerprint([*who, *self.arguments])}"


@dataclass(frozen=True)
class Pending(Generic[T]):
    """A question under way, or its answer."""

    future: "Future[T | Missing]"

    def wait(self, until: float) -> T | Missing:
        """The answer, or Missing once `time.monotonic()` has reached `until`."""
        try:
            return self.future.result(timeout=max(0.0, until - time.monotonic()))
        except Late:
            return Missing("AWS didn't answer in time.")


# From a question to the function that waits for its answer.
Begin = Callable[[Question[Any]], Callable[[float], Any]]

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="lookup")
_lock = threading.Lock()
_under_way: "dict[str, Future[Any]]" = {}


def deadline(seconds: float = LIMIT_SECONDS) -> float:
    """The moment until which a page waits."""
    return time.monotonic() + seconds


def start(question: Question[T], *, anew: bool = False) -> Pending[T]:
    """Begins to ask, unless the answer is known or on its way; `anew` counts no answer of the past."""
    known = None if anew else cache.get(question.key)
    if known is not None:
        future: Future[T | Missing] = Future()
        future.set_result(known)
        return Pending(future)
    with _lock:
        future = _under_way.get(question.key) or Future()
        if question.key not in _under_way:
            _under_way[question.key] = future
            _pool.submit(_ask, question, future)
    return Pending(future)


def begin(question: Question[Any]) -> Callable[[float], Any]:
    """Begins to ask, and returns what waits for the answer."""
    return start(question).wait


def known(question: Question[T]) -> T | None:
    """The answer if it was found lately; asks nothing."""
    answer = cache.get(question.key)
    return None if isinstance(answer, Missing) else answer


def forget_all() -> None:
    """Lets questions under way end unheard: their answers are not kept."""
    with _lock:
        _under_way.clear()


def _ask(question: Question[Any], future: "Future[Any]") -> None:
    try:
        answer: Any = question.ask()
        kept = question.kept_seconds
    except errors.AwsError as error:
        answer, kept = Missing(_words(error), error.code), ERROR_KEPT_SECONDS
    except Exception as error:
        # A defect here must show up, as an error in the page that asked.
        with _lock:
            _under_way.pop(question.key, None)
        future.set_exception(error)
        return
    with _lock:
        if _under_way.get(question.key) is future:
            del _under_way[question.key]
            cache.set(question.key, answer, kept)
    future.set_result(answer)


def _words(error: errors.AwsError) -> str:
    if isinstance(error, errors.Throttled):
        return "AWS is asked too often right now."
    if isinstance(error, errors.Denied):
        return f"AWS doesn't let amicopy look there ({error.code})."
    if isinstance(error, errors.CredentialsExpired):
        return "amicopy's credentials have expired."
    if isinstance(error, errors.Unavailable):
        return "AWS didn't answer."
    return f"AWS refused the look-up ({error.code})."
