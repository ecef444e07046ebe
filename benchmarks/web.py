"""What a page costs: polls beside a bare signed-in view, a long list beside a short one, many pages left open."""

import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.local import processes
from amicopy.web.management.commands import serve
from amicopy.web.views.request_detail import REDRAWN_SECONDS
from benchmarks import load
from benchmarks.figures import Figure

FIGURES = (
    Figure("bare_view_per_s", "1/s", "a signed-in view that does nothing, from one web process"),
    Figure("unchanged_poll_ratio", "", "polls of a request where nothing changed, in bare views", at_least=0.6),
    Figure("changed_poll_ratio", "", "polls of a request with one copy that moved on, in bare views", at_least=0.4),
    Figure("list_1000_ms", "ms", "the list of 1,000 requests, median"),
    Figure("list_100000_ratio", "", "the list of 100,000 requests, in lists of 1,000", at_most=1.5),
    Figure("open_pages_per_s", "1/s", "polls of 500 open pages, every 3 s each"),
    Figure("open_pages_errors", "", "wrong or missing answers to them", at_most=0),
    Figure("open_pages_p95_ms", "ms", "how long their polls took, 95th percentile"),
)
ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 4
# Rates are taken in turns, so that a machine that gets busy slows all alike.
TURNS = 5
TURN_SECONDS = 2.0
LISTS = 40
SMALL, LARGE = 1_000, 100_000
PAGES, EVERY_SECONDS, OPEN_SECONDS = 500, 3.0, 24.0
# So many of the open pages change every second.
CHANGING = 5


@contextmanager
def serving(**changed: str) -> Iterator[int]:
    """The port of the Procfile's web process, with the bare view beside the pages, and these settings changed."""
    port = next(port for port in range(8400, 8500) if processes.port_is_free("127.0.0.1", port))
    environ = {**os.environ, **changed, "PORT": str(port), "HOST": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    granian = str(Path(sys.executable).with_name("granian"))
    process = processes.start([granian, *serve.arguments(environ, "benchmarks.bare:application")], environ)
    try:
        problem = processes.wait_for(f"http://127.0.0.1:{port}/healthz", {"web": process}, seconds=30)
        if problem:
            sys.exit(problem)
        yield port
    finally:
        processes.stop(process)


def signed_in(name: str) -> str:
    """The session key of a person."""
    client = Client()
    client.force_login(User.objects.get(username=name), backend="django.contrib.auth.backends.ModelBackend")
    return str(client.cookies["sessionid"].value)


def fill(until: int) -> None:
    """Adds requests with a copy each until there are so many: a few open, all others ended over the past months."""
    people = {user.username: user for user in User.objects.all()}
    account = Account.objects.order_by("pk")[0]
    now = timezone.now()
    for begin in range(CopyRequest.objects.count(), until, 2000):
        rows = []
        for number in range(begin, min(begin + 2000, until)):
            when = now - timedelta(minutes=until - number)
            state = RequestState.APPROVED if number % 2000 == 7 else RequestState.COMPLETED
            rows.append(
                CopyRequest(
                    account=account,
                    requester=people["requester"],
                    reason="PLAT-1: week 47 image",
                    state=RequestState.FAILED if number % 50 == 0 else state,
                    SourceRegion="us-east-1",
                    SourceImageId="ami-0a7f3c92d41be6058",
                    Name=f"golden-al2023-{number:06}",
                    content_hash="0" * 64,
                    created_at=when,
                    submitted_at=when,
                    decided_at=when,
                    decided_by=people["approver"],
                    finished_at=None if state == RequestState.APPROVED else when,
                )
            )
        ImageCopy.objects.bulk_create([_copy(row, "eu-west-1", 0) for row in CopyRequest.objects.bulk_create(rows)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _copy(row: CopyRequest, region: str, position: int) -> ImageCopy:
    open_, failed = row.state == RequestState.APPROVED, row.state == RequestState.FAILED
    state = CopyState.COPYING if open_ else CopyState.FAILED if failed else CopyState.AVAILABLE
    snapshot = {"DeviceName": "/dev/xvda", "VolumeSize": 12, "Progress": 40 if open_ else 100, "State": "pending"}
    return ImageCopy(
        request=row,
        position=position,
        account=row.account,
        DestinationRegion=region,
        destination=region,
        parameters={
            "SourceRegion": row.SourceRegion,
            "SourceImageId": row.SourceImageId,
            "Name": row.Name,
            "TagSpecifications": [{"ResourceType": "image", "Tags": [{"Key": "team", "Value": "platform"}]}],
        },
        state=state,
        ImageId="" if failed else f"ami-{row.pk:016x}{position}",
        progress=40 if open_ else 100,
        snapshots=[{**snapshot, "SnapshotId": f"snap-{row.pk:016x}{position}"}],
        queued_at=row.submitted_at,
        called_at=row.submitted_at,
        finished_at=row.finished_at,
    )


def running_request() -> int:
    """A request with two copies under way for an hour and the history that such a one has."""
    now = timezone.now() - timedelta(hours=1)
    account, user = Account.objects.order_by("pk")[0], User.objects.get(username="requester")
    row = CopyRequest.objects.create(
        account=account,
        requester=user,
        reason="PLAT-1: week 47 image",
        state=RequestState.APPROVED,
        SourceRegion="us-east-1",
        SourceImageId="ami-0a7f3c92d41be6058",
        Name="golden-al2023-running",
        content_hash="0" * 64,
        created_at=now,
        submitted_at=now,
        decided_at=now,
        decided_by=User.objects.get(username="approver"),
    )
    copies = ImageCopy.objects.bulk_create(
        [_copy(row, region, at) for at, region in enumerate(("eu-west-1", "sa-east-1"))]
    )
    requester, worker = Actor(name=user.username, source="page", id=user.pk), Actor(name="worker", source="worker")
    with transaction.atomic():
        record("request.submitted", actor=requester, request=row.pk, requester=user.pk, data={"reason": row.reason})
        record("request.approved", actor=requester, request=row.pk, requester=user.pk)
        for copy in copies:
            for action in ("copy.queued", "copy.starting", "copy.copying"):
                record(action, actor=worker, request=row.pk, copy=copy.pk, requester=user.pk, region=copy.destination)
    return row.pk


def move_on(numbers: Sequence[int]) -> None:
    """A percent more of the first copy of each of these requests, as tracking stores it."""
    copies = list(ImageCopy.objects.filter(request__in=numbers, position=0))
    for copy in copies:
        copy.progress = (copy.progress + 1) % 100
        for snapshot in copy.snapshots:
            snapshot["Progress"] = copy.progress
    ImageCopy.objects.bulk_update(copies, ["progress", "snapshots"])
    CopyRequest.objects.filter(pk__in=numbers).update(version=F("version") + 1)


def rates(port: int) -> dict[str, float]:
    """Requests in a second: the bare view, and both kinds of poll, as the page sends them."""
    session, number = signed_in("requester"), running_request()
    path = f"/requests/{number}/"
    found: dict[str, list[float]] = {"bare": [], "unchanged": [], "changed": []}

    def rate(kind: str, sent: bytes, expected: int = 200) -> None:
        found[kind].append(
            load.per_second(port, sent, expected=expected, seconds=TURN_SECONDS, connections=CONNECTIONS)
        )

    for _ in range(TURNS):
        rate("bare", load.request("/bare/", session=session))
        # Every so often a page is drawn again though nothing changed; no turn is to meet that moment.
        left = REDRAWN_SECONDS - time.time() % REDRAWN_SECONDS
        if left < 3 * TURN_SECONDS:
            time.sleep(left)
        page = load.Connection(port)
        head, body = page.get(load.request(path, session=session, tag=""))
        page.close()
        poll = load.request(path, session=session, tag=load.header(head, "etag"), parts=load.parts_of(body))
        rate("unchanged", poll, expected=304)
        move_on([number])
        rate("changed", poll)
    bare = statistics.median(found["bare"])
    return {
        "bare_view_per_s": round(bare, 1),
        "unchanged_poll_ratio": round(statistics.median(found["unchanged"]) / bare, 2),
        "changed_poll_ratio": round(statistics.median(found["changed"]) / bare, 2),
    }


def list_ms(port: int) -> float:
    """The list as an auditor sees it, in milliseconds, median."""
    connection, sent = load.Connection(port), load.request("/requests/", session=signed_in("auditor"))
    taken = []
    for _ in range(LISTS):
        began = time.monotonic()
        head, _ = connection.get(sent)
        taken.append((time.monotonic() - began) * 1000)
        if load.status(head) != 200:
            sys.exit(f"The list answers {load.status(head)}.")
    connection.close()
    return statistics.median(taken)


def open_pages(port: int) -> dict[str, float]:
    """What 500 open pages see while some of what they show changes every second."""
    numbers = list(CopyRequest.objects.order_by("-pk").values_list("pk", flat=True)[:PAGES])
    turn = iter(range(10**6))

    def change() -> None:
        at = next(turn) * CHANGING % len(numbers)
        move_on(numbers[at : at + CHANGING])

    outcome = load.crowd(
        port,
        [f"/requests/{number}/" for number in numbers],
        session=signed_in("auditor"),
        every=EVERY_SECONDS,
        seconds=OPEN_SECONDS,
        meanwhile=change,
    )
    for error in outcome.errors[:5]:
        print(error, file=sys.stderr)
    return {
        "open_pages_per_s": round(len(outcome.took) / OPEN_SECONDS, 1),
        "open_pages_errors": len(outcome.errors),
        "open_pages_p95_ms": round(statistics.quantiles(outcome.took, n=20)[-1] * 1000, 1),
    }


def measure() -> dict[str, float]:
    fill(SMALL)
    with serving() as port:
        results = rates(port)
        small = list_ms(port)
        results |= open_pages(port)
    fill(LARGE)
    with serving() as port:
        large = list_ms(port)
    return results | {"list_1000_ms": round(small, 1), "list_100000_ratio": round(large / small, 2)}
