"""What load balancers and deployments ask: whether a process answers, and whether the installation has all it needs."""

import hmac
import threading
import time

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from amicopy import client_address
from amicopy.audit import head_store
from amicopy.copies.operations import metrics as numbers
from amicopy.copies.operations.health import machinery

# How long the broker may take to answer, and how long its answer counts, in seconds.
BROKER_SECONDS, BROKER_KEPT = 1, 5.0
BROKER = "readyz:broker"
# One thread of a process asks the broker: strangers who ask here can't make the others wait for it.
_asks_broker = threading.Lock()
# Whether the database had all migrations when this process last looked: they don't go away, and looking takes a while.
_seen_migrated = threading.Event()


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200, whatever else is away: this process answers, and its pages say what is; for load balancers, whatever starts
    a process anew, and the launcher."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus, for whoever has METRICS_TOKEN or one of METRICS_ADDRESSES; else there are none."""
    if not settings.METRICS_TOKEN and not settings.METRICS_ADDRESSES:
        raise Http404
    if not _may_scrape(request):
        refused = HttpResponse("a token is needed\n", status=401, content_type="text/plain")
        refused["WWW-Authenticate"] = "Bearer"
        return refused
    try:
        said = numbers.text()
    except DatabaseError:
        return HttpResponse("database unreachable\n", status=503, content_type="text/plain")
    return HttpResponse(said, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_scrape(request: HttpRequest) -> bool:
    given = f"Bearer {settings.METRICS_TOKEN}".encode()
    if settings.METRICS_TOKEN and hmac.compare_digest(request.headers.get("Authorization", "").encode(), given):
        return True
    address = client_address.parsed(client_address.address_of(request))
    networks = client_address.trusted_networks(tuple(settings.METRICS_ADDRESSES))
    return address is not None and client_address.is_in(address, networks)


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """JSON with a word for each thing: 200 while database, migrations and broker are there, 503 otherwise.

    That heads of the history aren't kept is said and no 503: all works all the same. Whoever asks is nobody amicopy
    knows, so it names no place and nothing of AWS; `manage.py doctor` does.
    """
    found = {"database": "ok", "migrations": "ok", "broker": "ok" if _broker_answers() else "unreachable"}
    try:
        if not _migrated():
            found["migrations"] = "missing"
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        found |= {"database": "unreachable", "migrations": "unknown"}
    ready = set(found.values()) == {"ok"}
    return JsonResponse({"ready": ready, **found, "history": _history(found)}, status=200 if ready else 503)


def _migrated() -> bool:
    if not _seen_migrated.is_set() and not machinery.missing_migrations():
        _seen_migrated.set()
    return _seen_migrated.is_set()


def _history(found: dict[str, str]) -> str:
    if (found["database"], found["migrations"]) != ("ok", "ok"):
        return "unknown"
    return "ok" if all(finding.ok for finding in head_store.findings()) else "heads aren't kept as they should be"


def _broker_answers() -> bool:
    """Whether the broker answered lately; asked anew by one thread, and others don't wait where it was asked before."""
    asked_at, answers = cache.get(BROKER) or (None, False)
    if asked_at is not None and time.monotonic() - asked_at < BROKER_KEPT:
        return bool(answers)
    if not _asks_broker.acquire(blocking=asked_at is None):
        return bool(answers)
    try:
        answers = not machinery.broker_fault(BROKER_SECONDS)
        cache.set(BROKER, (time.monotonic(), answers), None)
    finally:
        _asks_broker.release()
    return answers
