"""A database that is away for a moment strands no copy: it is due again as soon as the database answers."""

import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, connections
from django.utils import timezone

from amicopy import outages
from amicopy.copies import tasks
from amicopy.copies.core.engine_models import SeenLeftover
from amicopy.copies.core.models import AccountCheck, ImageCopy
from amicopy.copies.engine import leftover_jobs
from amicopy.copies.operations import account_checks
from amicopy.notify import outbox
from amicopy.notify.models import Endpoint, Kind, Message
from amicopy.notify.sealing import seal
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, make_person

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="Needs PostgreSQL (DATABASE_URL) to cut off."),
]


@pytest.fixture
def postgresql(transactional_db: None) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The database server, by a door that stays open."""
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"], port=settings["PORT"], user=settings["USER"], dbname="postgres", autocommit=True
    ) as opened:
        yield opened


def cut_off(server: psycopg.Connection[tuple[object, ...]]) -> None:
    """Ends all connections but ours to the tests' database, and lets nobody in."""
    name = connection.settings_dict["NAME"]
    server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def let_in(server: psycopg.Connection[tuple[object, ...]]) -> None:
    server.execute(f'ALTER DATABASE "{connection.settings_dict["NAME"]}" ALLOW_CONNECTIONS true')


def outage_during(
    action: str, work: Callable[[], object], control: Control, server: psycopg.Connection[tuple[object, ...]]
) -> None:
    """Runs a worker's work, and takes the database away while it makes this call to AWS. Returns when the work has
    ended, soon after the database is back."""
    control("faults", kind="latency", action=action, seconds=2)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except OperationalError as error:
            failed.append(error)
        finally:
            connections.close_all()

    worker = threading.Thread(target=run)
    worker.start()
    deadline = time.monotonic() + 30
    while not control(f"calls?action={action}") and time.monotonic() < deadline:
        worker.join(timeout=0.05)
    connections.close_all()
    cut_off(server)
    try:
        # As long as the call and a try at the database take.
        worker.join(timeout=4)
        assert worker.is_alive(), "it waits for the database"
    finally:
        let_in(server)
    worker.join(timeout=10)
    assert failed
    control("faults", method="DELETE")


def test_a_copy_in_the_middle_of_its_call_goes_on_once_the_database_answers(
    submit: Submit, approver: User, sandbox: Control, postgresql: psycopg.Connection[tuple[object, ...]]
) -> None:
    request = approve(approver, submit())
    outage_during("CopyImage", lambda: tasks.start_due(wake=False), sandbox, postgresql)
    copy = request.copies.get()
    assert (copy.state, copy.lease_id) == ("STARTING", None)
    assert copy.next_step_at is not None
    assert copy.next_step_at <= timezone.now()
    tasks.start_due(wake=False)
    assert [copy.state for copy in request.copies.all()] == ["COPYING"]
    assert len(sandbox("images")) == 1


def test_a_look_for_leftovers_and_a_removal_are_due_again_too(
    submit: Submit, approver: User, sandbox: Control, postgresql: psycopg.Connection[tuple[object, ...]]
) -> None:
    request = approve(approver, submit())
    tasks.start_due(wake=False)
    ImageCopy.objects.update(state="FAILED")
    outage_during("DescribeImages", tasks.look_for_leftovers, sandbox, postgresql)
    assert leftover_jobs.to_look().get() == request.copies.get().account
    tasks.look_for_leftovers()
    leftover_jobs.choose(acting(make_person("admin", "administrator")), [SeenLeftover.objects.get().pk])
    outage_during("DeregisterImage", tasks.remove_leftovers, sandbox, postgresql)
    assert leftover_jobs.to_remove().exists()


def test_messages_and_looks_are_due_again_too(submit: Submit) -> None:
    now = timezone.now()
    endpoint = Endpoint.objects.create(name="x", sealed_url=seal("https://example.com/"))
    Message.objects.create(
        event=1,
        kind=Kind.TEST,
        request=0,
        round=0,
        endpoint=endpoint,
        subject="x",
        text="x",
        path="/",
        created_at=now,
        trying_since=now,
        next_try_at=now,
    )
    message = outbox.claim_next()
    assert message is not None
    with pytest.raises(OperationalError), outages.handing_back(lambda: outbox.hand_back(message)):
        raise OperationalError
    assert outbox.claim_next() == message
    account_checks.want(submit().account)
    asked = account_checks.claim_next()
    assert asked is not None
    account_checks.hand_back(asked)
    assert account_checks.wanted(timezone.now()).get() == asked
    assert AccountCheck.objects.get().lease_id is None
    assert not ImageCopy.objects.filter(lease_id__isnull=False).exists()
