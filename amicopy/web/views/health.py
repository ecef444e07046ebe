"""What load balancers ask: whether a process answers, and whether the installation is ready to be used."""

import threading

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from amicopy.audit import head_store
from amicopy.copies.operations import doctor


@login_not_required
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the database answers, 503 otherwise; for load balancers and the launcher."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("database unreachable\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


# Whether the database had all migrations when this process last looked: they don't go away, and looking takes a while.
_seen_migrated = threading.Event()


@login_not_required
@require_GET
def readyz(request: HttpRequest) -> HttpResponse:
    """A line for each thing, and 503 while pages can't work: without the database or its migrations.

    That heads of the history aren't kept is a line and not a 503: pages answer all the same. Whoever asks is nobody
    amicopy knows, so it names no place and nothing of AWS; `manage.py doctor` does.
    """
    try:
        lines = {"migrations": "ok" if _migrated() else "missing"}
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        kept = all(finding.ok for finding in head_store.findings())
        lines["history"] = "ok" if kept else "heads aren't kept as they should be"
    except DatabaseError:
        lines = {"database": "unreachable"}
    ready = lines.get("migrations") == "ok"
    text = "".join(f"{name}: {words}\n" for name, words in lines.items())
    return HttpResponse(text, status=200 if ready else 503, content_type="text/plain")


def _migrated() -> bool:
    if not _seen_migrated.is_set() and not doctor.missing_migrations():
        _seen_migrated.set()
    return _seen_migrated.is_set()
