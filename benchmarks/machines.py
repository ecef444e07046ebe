"""What programs cost: asking through the API beside the verb alone, and an unchanged status beside a bare view

Both are compared in turns, so that a machine that gets busy slows all alike. The verb is called with what was found out
at AWS beforehand; the API finds it out, or knows it from a moment ago. The bare view is the one that polls of pages are
compared with: it does nothing but know who asks. Programs that follow requests are held by one web process, 500 of them
asking and 200 waiting; pages are drawn meanwhile, and in turns without them.
"""

import itertools
import json
import resource
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.test import RequestFactory

from amicopy.audit.actor import Actor
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.operations import tokens
from amicopy.copies.requests import verbs
from amicopy.local import broker
from amicopy.sandbox.server import start
from amicopy.wsgi import application
from benchmarks import load
from benchmarks.crowding import page_ms
from benchmarks.figures import Figure
from benchmarks.programs import Crowd
from benchmarks.rows import SOURCE
from benchmarks.web import CONNECTIONS, TURN_SECONDS, TURNS, move_on, running_request, serving, signed_in

FIGURES = (
    Figure("api_create_ratio", "", "requests asked for through the API, in those of the verb alone", at_least=0.8),
    Figure("api_create_ms", "ms", "one of them, median"),
    Figure("verb_create_ms", "ms", "the verb alone, median"),
    Figure("api_status_ratio", "", "answers to who polls an unchanged status, in bare views", at_least=0.8),
    Figure("api_status_per_s", "1/s", "such answers, from one web process"),
    Figure(
        "api_followers_errors", "", "wrong or missing answers to 500 who poll every 5 s and 200 who wait", at_most=0
    ),
    Figure("api_followers_page_ratio", "", "a dashboard meanwhile, 95th percentile, in those without them", at_most=2),
    Figure("api_followers_page_p95_ms", "ms", "such a dashboard, 95th percentile"),
    Figure("api_followers_polls_per_s", "1/s", "polls that were answered meanwhile"),
    Figure("api_followers_held", "", "answers that were held back until a change, or until the time was over"),
)
MADE = 40
CALL = {"Name": "golden-al2023-2026.11.24", "SourceImageId": SOURCE, "SourceRegion": "us-east-1"}
REGION = "eu-west-1"
POLLING, EVERY_SECONDS, WAITING, WAIT_SECONDS = 500, 5.0, 200, 25
# Requests that are followed; so many of them change each second, a share as of the pages that are left open.
FOLLOWED, CHANGING = 100, 1
# Each half of a turn; long enough for everybody who polls to do so several times, and for a wait to end.
FOLLOWING_SECONDS, FOLLOWING_TURNS = 30.0, 2
# Never the limit of calls.
UNLIMITED = 10**9


def measure() -> dict[str, float]:
    user = User.objects.get(username="requester")
    actor = Actor(name=user.username, source="page", id=user.pk, address="127.0.0.1")
    _, token = tokens.make(actor, name="bench", scopes=["read", "request"], days=1)
    return {**asking(actor, token), **polling(token), **following(token)}


def asking(actor: Actor, token: str) -> dict[str, float]:
    """Milliseconds for a request, by both ways, in this process."""
    settings.API_CALLS_PER_MINUTE = UNLIMITED
    socket = Path(settings.VAR_DIR) / "b.sock"
    settings.CELERY_BROKER_URL = f"redis+socket://{socket}"
    bundled, sandbox = broker.start(socket, directory=Path(settings.VAR_DIR) / "broker"), start(copy_seconds=20)
    settings.AWS_ENDPOINT = sandbox.url
    try:
        return _asked_in_turns(actor, token)
    finally:
        sandbox.stop()
        broker.stop(socket)
        if bundled is not None:
            bundled.wait()


def _asked_in_turns(actor: Actor, token: str) -> dict[str, float]:
    account, calls = Account.objects.get(name="sandbox"), [Call(REGION, CALL)]
    taken: dict[str, list[float]] = {"verb": [], "api": []}
    for turn in range(TURNS):
        known = snapshot.gather(account, calls, until=time.monotonic() + 10, ask=async_queries.begin)
        for _ in range(MADE):
            began = time.perf_counter()
            verbs.submit(actor, account=account, reason="PLAT-1", calls=calls, lookups=known, submission=uuid.uuid4())
            between = time.perf_counter()
            _post(token, account.account_id)
            # The first turn warms both up.
            if turn:
                taken["verb"].append((between - began) * 1000)
                taken["api"].append((time.perf_counter() - between) * 1000)
    verb, api = (statistics.median(taken[kind]) for kind in ("verb", "api"))
    return {
        "api_create_ratio": round(verb / api, 2),
        "api_create_ms": round(api, 1),
        "verb_create_ms": round(verb, 1),
    }


def _post(token: str, account_id: str) -> None:
    """Asks for one copy, as the web server would hand it over."""
    body = {
        "account": account_id,
        "reason": "PLAT-1",
        "copy_image": CALL,
        "destinations": [{"DestinationRegion": REGION}],
    }
    request = RequestFactory(SERVER_NAME="localhost").post(
        "/api/v1/requests",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    answer = application(request.environ, lambda *_: lambda _: None)
    answer.close()
    if answer.status_code != 201:
        raise ValueError(f"Asking is answered with {answer.status_code}.")


def polling(token: str) -> dict[str, float]:
    """Answers in a second: the bare view, and an unchanged status."""
    number = running_request()
    row = CopyRequest.objects.get(pk=number)
    head = [
        f"GET /api/v1/requests/{number}/status HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        f'If-None-Match: "{row.pk}.{row.version}"',
    ]
    status = "\r\n".join(head).encode() + b"\r\n\r\n"
    found: dict[str, list[float]] = {"bare": [], "status": []}
    with serving(API_CALLS_PER_MINUTE=str(UNLIMITED)) as port:
        bare = load.request("/bare/", session=signed_in("requester"))
        for _ in range(TURNS):
            for kind, sent, expected in (("bare", bare, 200), ("status", status, 304)):
                rate = load.per_second(port, sent, expected=expected, seconds=TURN_SECONDS, connections=CONNECTIONS)
                found[kind].append(rate)
    rates = {kind: statistics.median(each) for kind, each in found.items()}
    return {
        "api_status_ratio": round(rates["status"] / rates["bare"], 2),
        "api_status_per_s": round(rates["status"], 1),
    }


def following(token: str) -> dict[str, float]:
    """A dashboard while programs follow requests, and without them, in turns."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    numbers = [running_request() for _ in range(FOLLOWED)]
    turns = _in_parts(numbers)
    dashboard = load.request("/", session=signed_in("auditor"))
    alone: list[float] = []
    crowded: list[float] = []
    with serving(API_CALLS_PER_MINUTE=str(UNLIMITED)) as port:
        crowd = Crowd(
            port,
            [f"/api/v1/requests/{number}/status" for number in numbers],
            token,
            polling=POLLING,
            every=EVERY_SECONDS,
            waiting=WAITING,
            wait_seconds=WAIT_SECONDS,
            seconds=FOLLOWING_SECONDS,
            meanwhile=lambda: move_on(next(turns)),
        )
        page_ms(port, dashboard)
        for _ in range(FOLLOWING_TURNS):
            alone += _pages(port, dashboard)
            with crowd.following():
                crowded += _pages(port, dashboard)
    for error in crowd.seen.errors[:5]:
        print(error, file=sys.stderr)
    before, meanwhile = (statistics.quantiles(taken, n=20)[-1] for taken in (alone, crowded))
    return {
        "api_followers_errors": len(crowd.seen.errors),
        "api_followers_page_ratio": round(meanwhile / before, 2),
        "api_followers_page_p95_ms": round(meanwhile, 1),
        "api_followers_polls_per_s": round(crowd.seen.polls / FOLLOWING_TURNS / FOLLOWING_SECONDS, 1),
        "api_followers_held": crowd.seen.held,
    }


def _in_parts(numbers: list[int]) -> Iterator[list[int]]:
    """A few of them at a time, round and round."""
    for begin in itertools.cycle(range(0, len(numbers), CHANGING)):
        yield numbers[begin : begin + CHANGING]


def _pages(port: int, sent: bytes) -> list[float]:
    """How long pages take, one after the other for some seconds."""
    until, taken = time.monotonic() + FOLLOWING_SECONDS, list[float]()
    while time.monotonic() < until:
        taken += page_ms(port, sent, count=1)
    return taken
