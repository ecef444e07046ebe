"""Slots with thousands of places: what is full costs nothing but its row in an index, and keeps nobody else waiting."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies import tasks
from amicopy.copies.core.models import CallBucket, ImageCopy
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import claims, slots
from amicopy.leases import LEASE
from tests.copies.fleet import Place, make_copies, make_places

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PLACES = 3400


@pytest.fixture
def places(requester: User, settings: Settings) -> list[Place]:
    """3,400 places with one slot each; a copy is on its way into every one but the last."""
    settings.COPIES_AT_ONCE, settings.START_WORKERS = 1, 1
    found = make_places(PLACES)
    make_copies(found[:-1], requester, state=CopyState.COPYING)
    return found


def test_thousands_of_full_places_keep_no_copy_from_the_one_that_has_a_slot(
    places: list[Place], requester: User
) -> None:
    queued = make_copies(places, requester, state=CopyState.QUEUED)
    with CaptureQueriesContext(connection) as statements:
        claimed = claims.claim_next()
    assert claimed is not None
    assert [copy.pk for copy in claimed[1]] == [queued[-1].pk]
    assert claims.claim_next() is None, "now all are full"
    assert max(len(statement["sql"]) for statement in statements) < 15_000, "no clause for each full place"


def test_places_aws_refused_a_slot_in_are_full_however_many_they_are(places: list[Place], requester: User) -> None:
    ImageCopy.objects.all().delete()
    later = timezone.now() + timedelta(minutes=5)
    refused = Reason(Code.NO_SLOT).fields
    make_copies(places[:-1], requester, state=CopyState.STARTING, **{**refused, "next_step_at": later})
    queued = make_copies(places, requester, state=CopyState.QUEUED)
    assert slots.next_up(timezone.now(), most=8) == [queued[-1].pk]


def test_places_whose_calls_are_spent_are_passed_over_however_many_they_are(
    places: list[Place], requester: User
) -> None:
    ImageCopy.objects.all().delete()
    now = timezone.now()
    CallBucket.objects.bulk_create(
        CallBucket(
            account=account,
            DestinationRegion=region,
            tokens=0.0,
            filled_at=now,
            spent_until=now + timedelta(minutes=1),
        )
        for account, region in places[:-1]
    )
    make_copies(places[:-1], requester, state=CopyState.STARTING)
    queued = make_copies(places, requester, state=CopyState.QUEUED)
    assert slots.next_up(timezone.now(), most=8) == [queued[-1].pk]


def test_a_long_queue_into_one_slot_keeps_nobody_behind_it_waiting(
    places: list[Place], requester: User, settings: Settings
) -> None:
    settings.COPIES_AT_ONCE = 2
    ahead = make_copies([places[0]] * (slots.WINDOW + 10), requester, state=CopyState.QUEUED)
    behind = make_copies(places[1:9], requester, state=CopyState.QUEUED)
    assert slots.next_up(timezone.now(), most=8) == [ahead[0].pk, *(copy.pk for copy in behind[:7])]


def test_a_copy_knows_its_place_in_the_queue_among_thousands_of_places(places: list[Place], requester: User) -> None:
    first, second = (make_copies(places[:20], requester, state=CopyState.QUEUED) for _ in range(2))
    with CaptureQueriesContext(connection) as statements:
        standings = slots.standings(second)
    assert [(standings[copy.pk].place, standings[copy.pk].of) for copy in second] == [(2, 2)] * len(first)
    assert len(statements) == 3, "however many places a request goes to"


def test_the_queue_of_full_places_is_read_once_and_not_for_every_claim(places: list[Place], requester: User) -> None:
    make_copies(places[:-1], requester, state=CopyState.QUEUED)
    assert claims.claim_next() is None
    with CaptureQueriesContext(connection) as statements:
        assert claims.claim_next() is None
    assert len(statements) == 2, "what was begun, and what may be looked at: nothing"
    assert not slots.to_look_at(timezone.now()).exists(), "a sweep wakes nobody for them"


def test_a_slot_that_becomes_free_brings_back_the_place_and_whose_turn_it_is(
    places: list[Place], requester: User
) -> None:
    account, region = places[0]
    first, _ = make_copies([places[0]] * 2, requester, state=CopyState.QUEUED)
    assert claims.claim_next() is None
    ImageCopy.objects.filter(state=CopyState.COPYING, account=account, DestinationRegion=region).update(
        state=CopyState.FAILED, next_step_at=None
    )
    assert claims.claim_next() is None, "nobody has said so"
    slots.freed(account.pk, region)
    claimed = claims.claim_next()
    assert claimed is not None
    assert [copy.pk for copy in claimed[1]] == [first.pk]
    assert claimed[1][0].parked_at is None
    assert claims.claim_next() is None
    later = timezone.now() + 2 * LEASE
    assert slots.next_up(later, most=8) == [first.pk], "a lease is no copy on its way: nobody is parked for it"


def test_a_place_nobody_said_to_be_free_is_looked_at_within_a_minute(places: list[Place], requester: User) -> None:
    queued = make_copies(places[:20], requester, state=CopyState.QUEUED)
    assert claims.claim_next() is None
    account, region = places[7]
    ImageCopy.objects.filter(state=CopyState.COPYING, account=account, DestinationRegion=region).update(
        state=CopyState.FAILED, next_step_at=None
    )
    tasks.look_at_full_places()
    claimed = claims.claim_next()
    assert claimed is not None
    assert [copy.pk for copy in claimed[1]] == [queued[7].pk]


def test_a_slot_that_becomes_free_while_a_place_is_parked_is_not_lost(
    places: list[Place], requester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (queued,) = make_copies(places[:1], requester, state=CopyState.QUEUED)
    counted = slots._counted

    def counted_and_then_freed(*about: Any) -> Any:
        found = counted(*about)
        ImageCopy.objects.filter(state=CopyState.COPYING).update(state=CopyState.FAILED, next_step_at=None)
        return found

    monkeypatch.setattr(slots, "_counted", counted_and_then_freed)
    claims.claim_next()
    claimed = claims.claim_next()
    assert claimed is not None
    assert [copy.pk for copy in claimed[1]] == [queued.pk]
