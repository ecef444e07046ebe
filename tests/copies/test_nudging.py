"""How workers are woken: after a commit, not once a transaction for many in a row, never at the cost of the verb."""

from collections.abc import Callable, Iterator

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.db import transaction
from kombu import Connection
from kombu.pools import producers

from amicopy.copies import nudge, workflow
from amicopy.copies.models import CopyRequest
from tests.copies.conftest import Submit, acting, make_call

# What is asked for after a commit never happens in a test that runs in one transaction itself.
pytestmark = pytest.mark.django_db(transaction=True)

Sent = Callable[[], list[str]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    """A broker in this process; called, it tells the tasks it was given since the last call."""
    monkeypatch.setattr(nudge, "_paused_until", 0.0)
    with Connection("memory://") as broker:
        monkeypatch.setattr(current_app.amqp, "_producer_pool", producers[broker])
        queue = broker.SimpleQueue(current_app.conf.task_default_queue)

        def take() -> list[str]:
            messages = [queue.get_nowait() for _ in range(queue.qsize())]
            for message in messages:
                message.ack()
            return [message.headers["task"].rpartition(".")[2] for message in messages]

        yield take
        queue.clear()


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A broker that takes nothing."""
    monkeypatch.setattr(nudge, "_paused_until", 0.0)
    with Connection("redis://127.0.0.1:9", transport_options={"max_retries": 0}) as broker:
        monkeypatch.setattr(current_app.amqp, "_producer_pool", producers[broker])
        yield


@pytest.fixture
def three(submit: Submit) -> list[CopyRequest]:
    return [submit(make_call(region)) for region in ("eu-west-1", "us-west-2", "us-east-2")]


def test_a_worker_is_woken_only_once_the_change_is_committed(sent: Sent) -> None:
    with transaction.atomic():
        nudge.nudge("start_due")
        assert sent() == []
    assert sent() == ["start_due"]


def test_what_is_rolled_back_wakes_nobody(sent: Sent) -> None:
    with transaction.atomic():
        nudge.nudge("start_due")
        transaction.set_rollback(True)
    assert sent() == []


def test_many_approvals_wake_the_workers_at_the_first_and_after_the_last(
    sent: Sent, three: list[CopyRequest], approver: User
) -> None:
    sent()
    results = workflow.decide_many(acting(approver), {row.pk: row.content_hash for row in three}, kind="approve")
    assert all(result.done for result in results)
    assert sent() == ["start_due", "start_due"]
    # Afterwards each wakes them for itself again.
    nudge.nudge("start_due")
    nudge.nudge("start_due")
    assert sent() == ["start_due", "start_due"]


def test_one_approval_among_refusals_wakes_them_once(sent: Sent, three: list[CopyRequest], approver: User) -> None:
    sent()
    seen = {three[0].pk: three[0].content_hash} | {row.pk: "0" * 64 for row in three[1:]}
    results = workflow.decide_many(acting(approver), seen, kind="approve")
    assert [result.done for result in results] == [True, False, False]
    assert sent() == ["start_due"]


def test_the_last_wake_up_is_sent_even_when_a_decision_breaks(sent: Sent) -> None:
    def break_off() -> None:
        with nudge.together():
            nudge.nudge("start_due")
            nudge.nudge("start_due")
            assert sent() == ["start_due"]
            raise LookupError

    with pytest.raises(LookupError):
        break_off()
    assert sent() == ["start_due"]


@pytest.mark.usefixtures("dead")
def test_a_dead_broker_is_tried_once_and_costs_no_decision(
    three: list[CopyRequest], approver: User, caplog: pytest.LogCaptureFixture
) -> None:
    results = workflow.decide_many(acting(approver), {row.pk: row.content_hash for row in three}, kind="approve")
    assert all(result.done for result in results)
    assert sum("did not take a message" in line for line in caplog.messages) == 1
