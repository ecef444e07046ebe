"""Writing one event: what is stored, and that its hash holds when it is read back."""

import logging
import math
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings, strategies
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from amicopy.audit.actor import Actor
from amicopy.audit.chain import GENESIS, fits, link, plain, values_of
from amicopy.audit.log import record
from amicopy.audit.models import AuditEvent
from tests.audit.writing import ACTOR, write

JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers(-(10**30), 10**30)
    | strategies.floats()
    | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(strategies.text(), inner, max_size=4),
    max_leaves=8,
)


def read_back(event: AuditEvent) -> AuditEvent:
    return AuditEvent.objects.get(pk=event.pk)


@pytest.mark.django_db
def test_an_event_keeps_what_it_was_told() -> None:
    event = read_back(
        write(
            "copy.failed",
            request=12,
            copy=34,
            requester=7,
            account="111122223333",
            region="eu-west-1",
            image_id="ami-0a7f3c92d41be6058",
            aws_request_id="3b1f6ab2-5c61-4f3f-9f0d-8f6f8f4d0a11",
            error_code="InvalidAMIID.NotFound",
            old="STARTING",
            new="FAILED",
            data={"message": "The image id doesn't exist"},
        )
    )
    assert (event.action, event.actor, event.actor_id, event.source) == ("copy.failed", "requester", 7, "page")
    assert (event.request, event.copy, event.requester) == (12, 34, 7)
    assert (event.account, event.region, event.image_id) == ("111122223333", "eu-west-1", "ami-0a7f3c92d41be6058")
    assert (event.old, event.new, event.data) == ("STARTING", "FAILED", {"message": "The image id doesn't exist"})
    assert event.correlation_id == ACTOR.correlation_id
    assert event.address == "127.0.0.1"


@pytest.mark.django_db
def test_the_first_event_begins_the_chain_and_each_one_links_to_the_one_before() -> None:
    first, second = write(), write()
    assert first.prev_hash == GENESIS
    assert second.prev_hash == first.hash


@pytest.mark.django_db(transaction=True)
def test_an_event_needs_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        record("request.submitted", actor=ACTOR)
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_the_transaction_of_a_test_is_not_one() -> None:
    """Or no test would see a page that writes an event outside of one, which production always refuses."""
    assert connection.in_atomic_block
    with pytest.raises(transaction.TransactionManagementError):
        record("request.submitted", actor=ACTOR)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no rows.")
def test_the_transaction_of_a_test_holds_no_locks_either() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        AuditEvent.objects.select_for_update().first()
    with transaction.atomic():
        assert AuditEvent.objects.select_for_update().first() is None


@pytest.mark.django_db
def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(KeyError, match=r"request\.invented"):
        write("request.invented")
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=strategies.dictionaries(strategies.text(), JSON, max_size=5), name=strategies.text(max_size=300))
def test_the_hash_is_the_same_when_computed_from_the_row_read_back(data: dict[str, Any], name: str) -> None:
    event = read_back(write(data=data, actor=Actor(name=name, source="api"), error_code=name))
    assert link(event.prev_hash, values_of(event)) == event.hash


@pytest.mark.django_db
@pytest.mark.parametrize("number", [1.0, 1e20, 1e23, 1.7e308, -0.0, 5e-324, 1e-7, 0.1, math.inf, math.nan, 2**70])
def test_every_form_of_number_survives_both_databases(number: float) -> None:
    event = read_back(write(data={"number": number}))
    assert link(event.prev_hash, values_of(event)) == event.hash


@pytest.mark.django_db
def test_what_json_does_not_know_becomes_text() -> None:
    when = datetime(2026, 11, 24, 9, 5, 40, tzinfo=UTC)
    token = uuid.UUID(int=1)
    event = read_back(
        write(
            data={
                "when": when,
                "day": date(2026, 11, 24),
                "token": token,
                "regions": {"eu-west-1"},
                "pair": (1, 2),
                "price": Decimal("1.50"),
                3: "three",
            }
        )
    )
    assert event.data == {
        "when": "2026-11-24T09:05:40.000000+00:00",
        "day": "2026-11-24",
        "token": str(token),
        "regions": ["eu-west-1"],
        "pair": [1, 2],
        "price": "1.50",
        "3": "three",
    }


@pytest.mark.django_db
def test_texts_too_long_for_their_column_or_unfit_for_the_database_are_cut_instead_of_refused() -> None:
    event = read_back(
        write(error_code="E" * 500, actor=Actor(name="a\0b\ud800" + "c" * 300, source="page"), data={"x": "a\0b"})
    )
    assert event.error_code == "E" * 128
    assert event.actor == "ab" + "c" * 148
    assert event.data == {"x": "ab"}


def test_a_moment_without_a_time_zone_is_taken_as_it_stands() -> None:
    assert plain(datetime(2026, 11, 24, 9, 5)) == "2026-11-24T09:05:00"
    assert plain(datetime(2026, 11, 24, 9, 5, tzinfo=UTC)) == "2026-11-24T09:05:00.000000+00:00"


def test_the_form_of_the_hash_stays_as_it_is() -> None:
    """A changed form would make every stored event look forged: change this value only with a plan for old rows."""
    values: dict[str, Any] = {
        "at": datetime(2026, 11, 24, 9, 5, 40, tzinfo=UTC),
        "action": "request.approved",
        "actor_id": 3,
        "actor": "approver",
        "source": "page",
        "address": "10.24.6.118",
        "correlation_id": uuid.UUID(int=5),
        "request": 1045,
        "copy": None,
        "requester": 7,
        "account": "111122223333",
        "region": "",
        "image_id": "",
        "aws_request_id": "",
        "error_code": "",
        "old": "PENDING",
        "new": "APPROVED",
        "data": {"reason": "Matches the change window – déjà vu", "b": [1, None, True]},
    }
    form = "3578ce9eb2e91561e26840b2b7599525942ce7fb84bf07a394ad218748abbcce"
    assert link(GENESIS, values) == form
    # That of events written before there were digests.
    before = "a60e348f74a1ea6d5a7e81f10c65af465d1df0798ad7cdb457abcf90b7e83e41"
    assert all(fits(GENESIS, values, stored) for stored in (form, before))
    assert not fits(GENESIS, {**values, "actor": "other"}, form)
    assert not fits("1" * 64, values, before)


@pytest.mark.django_db
def test_a_rolled_back_change_leaves_no_event_and_no_gap() -> None:
    first = write()
    with transaction.atomic():
        record("request.approved", actor=ACTOR)
        transaction.set_rollback(True)
    assert write().prev_hash == first.hash


@pytest.mark.django_db
def test_events_go_to_the_log_as_json_after_the_commit_and_only_when_wanted(
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    logger = logging.getLogger("amicopy.audit.stream")
    logger.addHandler(caplog.handler)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            write()
        assert not caplog.messages
        settings.AUDIT_LOG_STREAM = True
        with django_capture_on_commit_callbacks(execute=True):
            event = write(data={"reason": "x\ny"})
        assert len(caplog.messages) == 1
        assert "\n" not in caplog.messages[0]
        assert f'"hash":"{event.hash}"' in caplog.messages[0]
    finally:
        logger.removeHandler(caplog.handler)


@pytest.mark.django_db
def test_an_event_costs_a_look_at_the_last_one_and_an_insert() -> None:
    write()
    queries = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        queries.append(sql)
        return execute(sql, *rest)

    with transaction.atomic(), connection.execute_wrapper(note):
        record("request.submitted", actor=ACTOR)
    assert len(queries) == 2
