"""Asking AWS without waiting for it: questions run side by side in threads of their own, each answer is kept for
minutes, and pages look at what is there.

A question that nobody waits for any more fills the cache, so the next look has the answer. The same question is never
under way twice, so a Region that hangs holds one thread a question, for as long as the gateway's quick clients let it.
An account has its share of the threads, so that one that hangs leaves the others alone, and a person may have so many
questions under way, each process by itself, and ask so many a minute, over all processes.

A page that can't come back, a form without a script or one that is submitted, waits: for some seconds, and only while
few others do, so that there are always threads for pages that ask nothing (see `waiting`).
"""

import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.cache import cache

from amicopy.aws import errors
from amicopy.aws.account import AwsAccount
from amicopy.copies.core import minute_counts
from amicopy.copies.core.calls import fingerprint

T = TypeVar("T", covariant=True)

# How long an answer counts. An error is forgotten soon: the next page may have more luck.
KEPT_SECONDS = 300
ERROR_KEPT_SECONDS = 5
# How long a page waits for all its look-ups together.
LIMIT_SECONDS = 3.0
# How many pages of a process may wait at the same time.
WAITING = 2
# Questions under way at the same time: all, and those of one account.
THREADS, OF_ACCOUNT = 48, 12
# Questions of one person: under way at the same time, and new ones a minute. An image that isn't where it was said to
# be is looked for in some thirty Regions.
OF_PERSON, OF_PERSON_A_MINUTE = 150, 300
# New questions a minute about one account, whoever asks.
OF_ACCOUNT_A_MINUTE = 900


@dataclass(frozen=True)
class Missing:
    """No answer, and why; the words are fit to be shown. `code` is AWS's, empty where AWS never answered."""

    reason: str
    code: str = ""


# It was asked, and the answer isn't here.
LATE = Missing("AWS didn't answer in time.")
# It wasn't asked, or is on its way: nothing is to be said about it.
UNASKED = Missing("Not asked.")
TOO_MANY = Missing("Too much was looked up in the last minute. Try again in a minute.")


@dataclass(frozen=True)
class Question(Generic[T]):
    """`name` and `arguments` tell it from any other question in this account; `ask` raises AwsError. `kept_seconds`
    says how long an answer counts."""

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
        """The answer, or LATE once `time.monotonic()` has reached `until`."""
        try:
            return self.future.result(timeout=max(0.0, until - time.monotonic()))
        except Late:
            return LATE


# From a question to the function that waits for its answer.
Begin = Callable[[Question[Any]], Callable[[float], Any]]

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="lookup")
_lock = threading.Lock()
_places = threading.BoundedSemaphore(WAITING)
_under_way: "dict[str, Future[Any]]" = {}
# By account: how many threads it has, and the questions that wait for one.
_busy: Counter[str] = Counter()
_queued: "defaultdict[str, deque[tuple[Question[Any], Future[Any]]]]" = defaultdict(deque)
# By person: how many questions are under way.
_asking: Counter[int] = Counter()


def deadline(seconds: float = LIMIT_SECONDS) -> float:
    """The moment until which somebody waits who has the time: a worker, or a page with a place in `waiting`."""
    return time.monotonic() + seconds


@contextmanager
def waiting(seconds: float | None = None) -> Iterator[float]:
    """The moment until which a page may wait: at once, while as many others wait as may."""
    place = _places.acquire(blocking=False)
    try:
        yield (deadline() if seconds is None else deadline(seconds)) if place else time.monotonic()
    finally:
        if place:
            _places.release()


class Looks:
    """The questions of one page, asked for a person; `last`: the page won't come back for what isn't here yet."""

    def __init__(self, person: int, *, last: bool = False) -> None:
        self.person, self.last = person, last
        # Whether an answer was looked for that wasn't here: it is worth coming back.
        self.unanswered = False

    def begin(self, question: Question[T], *, anew: bool = False) -> Callable[[float], "T | Missing"]:
        """Begins to ask, and returns what waits for the answer: UNASKED while it is on its way."""
        pending = start(question, anew=anew, person=self.person)

        def wait(until: float) -> "T | Missing":
            answer = pending.wait(until)
            if answer is not LATE or self.last:
                return answer
            self.unanswered = True
            return UNASKED

        return wait


def start(question: Question[T], *, anew: bool = False, person: int | None = None) -> Pending[T]:
    """Begins to ask, unless the answer is known or on its way; `anew` counts no answer of the past. For a person it
    isn't asked beyond what they may ask: the answer is TOO_MANY then."""
    known = None if anew else cache.get(question.key)
    if known is not None:
        return _answered(known)
    with _lock:
        under_way: Future[T | Missing] | None = _under_way.get(question.key)
    if under_way is not None:
        return Pending(under_way)
    # Counted in the database, so before the lock.
    if person is not None and not _may_ask(person, question.account.account_id):
        return _answered(TOO_MANY)
    with _lock:
        future: Future[T | Missing] | None = _under_way.get(question.key)
        if future is not None:
            return Pending(future)
        if person is not None and _asking[person] >= OF_PERSON:
            return _answered(TOO_MANY)
        if anew:
            cache.delete(question.key)
        future = _under_way[question.key] = Future()
        if person is not None:
            _asking[person] += 1
            future.add_done_callback(lambda _future: _asked(person))
        account = question.account.account_id
        if _busy[account] < OF_ACCOUNT:
            _busy[account] += 1
            _pool.submit(_work, question, future)
        else:
            _queued[account].append((question, future))
    return Pending(future)


def _answered(answer: Any) -> Pending[Any]:
    future: Future[Any] = Future()
    future.set_result(answer)
    return Pending(future)


def _may_ask(person: int, account: str) -> bool:
    """Counts a new question; whether the person and the account have one left in this minute."""
    limits = ((f"lookups:person:{person}", OF_PERSON_A_MINUTE), (f"lookups:account:{account}", OF_ACCOUNT_A_MINUTE))
    return all(minute_counts.number(key, most=most) <= most for key, most in limits)


def _asked(person: int) -> None:
    with _lock:
        _asking[person] -= 1
        if not _asking[person]:
            del _asking[person]


def _work(question: Question[Any], future: "Future[Any]") -> None:
    """Asks, and then hands the thread on to what waits for one in this account."""
    account = question.account.account_id
    try:
        _ask(question, future)
    finally:
        with _lock:
            if _queued[account]:
                _pool.submit(_work, *_queued[account].popleft())
            else:
                del _queued[account]
                _busy[account] -= 1


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
        answer, kept = Missing(words_of(error), error.code), ERROR_KEPT_SECONDS
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


def words_of(error: errors.AwsError) -> str:
    """Why there is no answer, fit to be shown."""
    if isinstance(error, errors.Throttled):
        return "AWS is asked too often right now."
    if isinstance(error, errors.Denied):
        return f"AWS doesn't let amicopy look there ({error.code})."
    if isinstance(error, errors.CredentialsExpired):
        return "amicopy's credentials have expired."
    if isinstance(error, errors.Unavailable):
        return "AWS didn't answer."
    return f"AWS refused the look-up ({error.code})."
