"""Workers that meet on the same rows, with real threads and connections of their own: one wins. PostgreSQL only, since
the tests' SQLite database lives in one process's memory; `make chaos` does the same there with real processes."""

import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.models import Account, Attempt, ImageCopy
from amicopy.copies.engine import call_buckets, cancellation, claims, tracking
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import cancel_retry
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, make_call

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL was left out: DATABASE_URL names none."),
]
WORKERS = 8


def at_once(work: Callable[[], object], *others: Callable[[], object], workers: int = WORKERS) -> list[object]:
    """Runs the work in several threads that begin together; returns what each returned or raised."""
    found: list[object] = []
    jobs = [work] * (workers if not others else 1) + list(others)
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        gate.wait()
        try:
            found.append(job())
        except InvalidTransition as moved:
            found.append(moved)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == len(jobs)
    return found


@pytest.fixture
def queued(submit: Submit, approver: User, sandbox: Control) -> None:
    sandbox("settings", limit=300)
    for number in range(6):
        calls = [make_call(region, Name=f"image-{number}") for region in ("eu-west-1", "us-west-2", "us-east-2")]
        approve(approver, submit(*calls))


def test_one_worker_gets_a_row(queued: None) -> None:
    claimed = [claim for claim in at_once(claims.claim_next) if isinstance(claim, tuple)]
    keys = [copy.pk for _, copies in claimed for copy in copies]
    assert len(set(keys)) == len(keys) > 0


def test_eight_workers_make_each_image_once(queued: None, sandbox: Control) -> None:
    at_once(lambda: tasks.start_due(wake=False))
    while ImageCopy.objects.exclude(state="COPYING").exists():
        ImageCopy.objects.filter(lease_id__isnull=True).update(next_step_at=timezone.now())
        tasks.start_due(wake=False)
    images = sandbox("images")
    assert len(images) == 18
    assert sorted(image["ImageId"] for image in images) == sorted(ImageCopy.objects.values_list("ImageId", flat=True))
    assert Attempt.objects.count() == 18
    assert AuditEvent.objects.filter(action="copy.copying").count() == 18


def test_eight_workers_finish_each_copy_once(queued: None, sandbox: Control) -> None:
    tasks.start_due(wake=False)
    sandbox("advance", seconds=900)
    ImageCopy.objects.update(next_step_at=timezone.now())
    at_once(tasks.track_due)
    assert set(ImageCopy.objects.values_list("state", flat=True)) == {"AVAILABLE"}
    assert AuditEvent.objects.filter(action="copy.available").count() == 18
    assert AuditEvent.objects.filter(action="request.completed").count() == 6


def test_two_who_cancel_and_two_workers_end_each_copy_once(queued: None, requester: User, sandbox: Control) -> None:
    tasks.start_due(wake=False)
    number = ImageCopy.objects.earliest("pk").request_id

    def cancel() -> object:
        return cancel_retry.cancel(acting(requester), number)

    outcomes = at_once(cancel, cancel)
    assert sum(isinstance(outcome, InvalidTransition) for outcome in outcomes) == 1
    at_once(tasks.cancel_due, tasks.cancel_due)
    ImageCopy.objects.filter(state="CANCELLING", lease_id__isnull=True).update(next_step_at=timezone.now())
    tasks.cancel_due()
    assert ImageCopy.objects.filter(request=number, state="CANCELLED").count() == 3
    assert AuditEvent.objects.filter(action="copy.cancelled").count() == 3
    assert cancellation.claim_next() is None
    ImageCopy.objects.filter(state="COPYING").update(next_step_at=timezone.now())
    assert tracking.claim_round() is not None


def test_a_bucket_gives_each_token_once(account: Account, settings: Settings) -> None:
    # However long it takes here, next to nothing comes back meanwhile.
    settings.COPY_CALLS_PER_SECOND = 0.01
    place = (account.pk, "eu-west-1")

    def take() -> int:
        with transaction.atomic():
            return call_buckets.take({place: 1})[place]

    taken = at_once(lambda: sum(take() for _ in range(20)))
    assert 100 <= sum(int(str(each)) for each in taken) <= 102, "the burst, and what came back meanwhile"
