"""What others do to a page: slow and idle connections, and ten people who look things up while AWS hangs.

Waits of a dashboard are compared in turns, undisturbed and disturbed, so that a machine that gets busy slows all alike.
"""

import re
import resource
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from benchmarks import load
from benchmarks.figures import Figure
from tests.journey.conftest import ANSWER_SECONDS, Person, Running, add_requesters, everything, typed

FIGURES = (
    Figure("crowd_healthz_ms", "ms", "the slowest of the health checks while 100 slow requests are open", at_most=1000),
    Figure("crowd_slow_page_ratio", "", "a dashboard while 100 slow requests are open, in undisturbed ones", at_most=2),
    Figure("crowd_idle_page_ratio", "", "a dashboard while 1,000 idle connections are open, the same", at_most=2),
    Figure("crowd_hanging_page_ratio", "", "a dashboard while AWS hangs and ten others look things up", at_most=2),
    Figure("crowd_page_ms", "ms", "an undisturbed dashboard, median"),
)
ROOT = Path(__file__).resolve().parents[1]
SLOW, IDLE, PEOPLE = 100, 1000, 10
TURNS, PAGES = 5, 20
# A pause between two pages, so that what the others do meets them at any moment.
PAUSE_SECONDS = 0.05
# How often somebody who looks things up types another image.
TYPED_SECONDS = 3.0


@contextmanager
def connected(running: Running, count: int, *, sent: bytes = b"") -> Iterator[None]:
    """So many connections on which this was sent, and nothing more."""
    with ExitStack() as opened:
        for _ in range(count):
            made = opened.enter_context(socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 80)))
            made.sendall(sent)
        yield


def slow_request(running: Running) -> bytes:
    """A post to the sign-in page as it is until its body comes, which it never does in whole."""
    with urlopen(f"{running.url}/sign-in/", timeout=ANSWER_SECONDS) as answer:
        token = re.search(r"csrftoken=(\w+)", answer.headers["Set-Cookie"])
    lines = [
        "POST /sign-in/ HTTP/1.1",
        "Host: 127.0.0.1",
        f"Cookie: csrftoken={token[1] if token else ''}",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Length: 100000",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\nusername="


def looker(person: Person, number: int, stop: threading.Event) -> None:
    """Somebody who types one image after the other, with a script or, every third, without one."""
    page, count = person.get("/requests/new/"), 0
    while not stop.is_set():
        count += 1
        fields = typed(SourceImageId=f"ami-{number:08x}{count:09x}")
        began = time.monotonic()
        if number % 3 == 0:
            person.post("/requests/new/", page=page, **fields, look="1")
        else:
            _follow(person, page, fields, until=began + TYPED_SECONDS, stop=stop)
        stop.wait(max(0.0, began + TYPED_SECONDS - time.monotonic()))


def _follow(person: Person, page: str, fields: dict[str, str], *, until: float, stop: threading.Event) -> None:
    """As a browser does: asks for both fragments, and again when they say so."""
    person.post("/requests/new/messages/", page=page, **fields)
    _, answer = person.post("/requests/new/source/", page=page, **fields)
    while again := re.search(r"source-turn-(\d+)[^>]*?delay:(\d+)ms", answer):
        if time.monotonic() > until or stop.wait(int(again[2]) / 1000):
            return
        _, answer = person.post("/requests/new/source/", page=page, **fields, turn=again[1])


@contextmanager
def looking(running: Running, people: list[Person]) -> Iterator[None]:
    """AWS hangs, and all of these look things up."""
    fault = running.control("faults", kind="hang", count=None, seconds=120)
    stop = threading.Event()
    threads = [threading.Thread(target=looker, args=(each, number, stop)) for number, each in enumerate(people)]
    for thread in threads:
        thread.start()
    time.sleep(TYPED_SECONDS)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            # Whoever waits for an answer gets one, or an error, by then.
            thread.join(timeout=2 * ANSWER_SECONDS)
        running.control("faults", method="DELETE", id=fault["id"])


def page_ms(port: int, sent: bytes, *, count: int = PAGES) -> list[float]:
    """How long so many answers took, each over a connection of its own."""
    taken = []
    for _ in range(count):
        began = time.monotonic()
        connection = load.Connection(port)
        head, _ = connection.get(sent)
        connection.close()
        taken.append((time.monotonic() - began) * 1000)
        if load.status(head) != 200:
            sys.exit(f"{sent[:20]!r} is answered with {load.status(head)}.")
        time.sleep(PAUSE_SECONDS)
    return taken


def in_turns(
    port: int, sent: bytes, disturbed: Callable[[], AbstractContextManager[None]]
) -> tuple[list[float], list[float]]:
    """Milliseconds undisturbed, and disturbed."""
    alone, crowded = [], []
    for _ in range(TURNS):
        alone += page_ms(port, sent)
        with disturbed():
            crowded += page_ms(port, sent)
    return alone, crowded


def session_of(person: Person) -> str:
    """The key of somebody's session."""
    return next(str(cookie.value) for cookie in person.cookies if cookie.name == "sessionid")


def measure() -> dict[str, float]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        var = Path(folder)
        running = opened.enter_context(everything(var, "amicopy_crowding", log=var / "log"))
        port = urlsplit(running.url).port or 80
        people = [Person(running.url, name) for name in add_requesters(running, PEOPLE)]
        dashboard = load.request("/", session=session_of(Person(running.url, "auditor")))
        page_ms(port, dashboard)
        slow = partial(connected, running, SLOW, sent=slow_request(running))
        with slow():
            healthz = page_ms(port, load.request("/healthz", session=""), count=PAGES * TURNS)
        found = {
            "slow": in_turns(port, dashboard, slow),
            "idle": in_turns(port, dashboard, partial(connected, running, IDLE)),
            "hanging": in_turns(port, dashboard, partial(looking, running, people)),
        }
    ratios = {
        f"crowd_{kind}_page_ratio": round(statistics.median(crowded) / statistics.median(alone), 2)
        for kind, (alone, crowded) in found.items()
    }
    undisturbed = [taken for alone, _ in found.values() for taken in alone]
    return {
        **ratios,
        "crowd_healthz_ms": round(max(healthz), 1),
        "crowd_page_ms": round(statistics.median(undisturbed), 1),
    }
