"""What programs cost: asking through the API beside the verb alone, and an unchanged status beside a bare view

Both are compared in turns, so that a machine that gets busy slows all alike. The verb is called with what was found out
at AWS beforehand; the API finds it out, or knows it from a moment ago. The bare view is the one that polls of pages are
compared with: it does nothing but know who asks.
"""

import json
import statistics
import time
import uuid
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
from benchmarks.figures import Figure
from benchmarks.rows import SOURCE
from benchmarks.web import CONNECTIONS, TURN_SECONDS, TURNS, running_request, serving, signed_in

FIGURES = (
    Figure("api_create_ratio", "", "requests asked for through the API, in those of the verb alone", at_least=0.8),
    Figure("api_create_ms", "ms", "one of them, median"),
    Figure("verb_create_ms", "ms", "the verb alone, median"),
    Figure("api_status_ratio", "", "answers to who polls an unchanged status, in bare views", at_least=0.8),
    Figure("api_status_per_s", "1/s", "such answers, from one web process"),
)
MADE = 40
CALL = {"Name": "golden-al2023-2026.11.24", "SourceImageId": SOURCE, "SourceRegion": "us-east-1"}
REGION = "eu-west-1"
# Never the limit of calls.
UNLIMITED = 10**9


def measure() -> dict[str, float]:
    user = User.objects.get(username="requester")
    actor = Actor(name=user.username, source="page", id=user.pk, address="127.0.0.1")
    _, token = tokens.make(actor, name="bench", scopes=["read", "request"], days=1)
    return {**asking(actor, token), **polling(token)}


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
