"""The bucket of calls of each place: what is taken, what comes back with time, and what AWS's throttling leaves."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies.core.models import Account, CallBucket
from amicopy.copies.engine import call_buckets
from amicopy.copies.engine.places import Place

pytestmark = pytest.mark.django_db


@pytest.fixture
def places(account: Account, settings: Settings) -> tuple[Place, Place]:
    """Two, whose buckets hold three tokens and fill by one in a hundred seconds."""
    settings.COPY_CALLS_BURST, settings.COPY_CALLS_PER_SECOND = 3, 0.01
    return (account.pk, "eu-west-1"), (account.pk, "us-west-2")


def take(*wanted: tuple[Place, int]) -> list[int]:
    with transaction.atomic():
        taken = call_buckets.take(dict(wanted))
    return [taken[place] for place, _ in wanted]


def wait(seconds: float) -> None:
    CallBucket.objects.update(
        filled_at=F("filled_at") - timedelta(seconds=seconds), spent_until=F("spent_until") - timedelta(seconds=seconds)
    )


def spent() -> list[str]:
    return sorted(call_buckets.spent(timezone.now()).values_list("DestinationRegion", flat=True))


def test_a_new_bucket_is_full_and_each_place_has_its_own(places: tuple[Place, Place]) -> None:
    first, second = places
    assert take() == []
    assert take((first, 2), (second, 5)) == [2, 3]
    assert take((first, 2), (second, 1)) == [1, 0]


def test_tokens_come_back_with_time_and_never_more_than_the_burst(places: tuple[Place, Place]) -> None:
    first, _ = places
    assert take((first, 3)) == [3]
    wait(150)
    assert take((first, 3)) == [1]
    wait(60)
    assert take((first, 3)) == [1], "the half that was left counts"
    wait(100_000)
    assert take((first, 9)) == [3]


def test_a_clock_that_goes_back_takes_no_tokens_away(places: tuple[Place, Place]) -> None:
    first, _ = places
    assert take((first, 1)) == [1]
    wait(-3600)
    assert take((first, 9)) == [2]


def test_a_bucket_is_spent_until_it_has_a_whole_token(places: tuple[Place, Place]) -> None:
    first, second = places
    assert take((first, 2), (second, 3)) == [2, 3]
    assert spent() == ["us-west-2"]
    row = CallBucket.objects.get(DestinationRegion="us-west-2")
    assert row.spent_until is not None
    assert round((row.spent_until - row.filled_at).total_seconds()) == 100
    assert take((first, 1)) == [1]
    wait(101)
    assert spent() == []


def test_a_throttled_call_empties_the_bucket_of_its_place_alone(places: tuple[Place, Place]) -> None:
    first, second = places
    assert take((first, 1), (second, 1)) == [1, 1]
    wait(150)
    call_buckets.empty(*first)
    assert spent() == ["eu-west-1"]
    assert take((first, 1), (second, 2)) == [0, 2]
    wait(101)
    assert take((first, 2)) == [1]


def test_another_accounts_bucket_is_another(places: tuple[Place, Place]) -> None:
    first, _ = places
    other = Account.objects.create(name="other", account_id="444455556666")
    assert take((first, 3), ((other.pk, "eu-west-1"), 2)) == [3, 2]
    call_buckets.empty(other.pk, "eu-west-1")
    wait(101)
    assert take((first, 2)) == [1]
