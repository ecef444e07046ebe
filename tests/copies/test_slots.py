"""Slots: who waits for one, in which order, and what AWS's own limit does to the order."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from amicopy.copies import tasks
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.reason_words import words_of
from amicopy.copies.engine import backoff, claims, slots
from tests.conftest import Control
from tests.copies.conftest import Submit, approve, make_call
from tests.copies.test_engine import made, start_all, states

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(submit: Submit, approver: User) -> Submit:
    def _approved(*calls: object) -> CopyRequest:
        return approve(approver, submit(*calls))

    return _approved


def place_of(request: CopyRequest) -> str:
    standings = slots.standings(list(request.copies.all()))
    return ", ".join(words_of(standing.reason).sentence for standing in standings.values())


def test_a_copy_knows_its_place_and_requests_take_turns(approved: Submit, sandbox: Control, settings: Settings) -> None:
    settings.COPIES_AT_ONCE = 1
    many = [approved(make_call(Name="first"))]
    start_all()
    many += [approved(make_call(Name=f"many-{number}")) for number in range(2)]
    start_all()
    assert [place_of(request) for request in many] == [
        "",
        "Waiting for a slot: 1st of 2 into eu-west-1",
        "Waiting for a slot: 2nd of 2 into eu-west-1",
    ]
    elsewhere = approved(make_call("us-west-2", Name="elsewhere"))
    assert place_of(elsewhere) == "", "its Region has slots"


def test_a_request_with_copies_under_way_stands_behind_one_that_has_none(
    approved: Submit, sandbox: Control, settings: Settings
) -> None:
    settings.COPIES_AT_ONCE = 1
    blocker = approved(make_call(Name="blocker"))
    start_all()
    greedy = approved(make_call("us-west-2", Name="greedy"), make_call("eu-west-1", Name="greedy"))
    start_all()
    assert sorted(states(greedy)) == ["COPYING", "QUEUED"]
    modest = approved(make_call(Name="modest"))
    assert place_of(modest) == "Waiting for a slot: 1st of 2 into eu-west-1"
    assert place_of(greedy) == "Waiting for a slot: 2nd of 2 into eu-west-1"
    sandbox("advance", seconds=600)
    ImageCopy.objects.filter(request=greedy, state="COPYING").update(next_step_at=timezone.now() + timedelta(hours=1))
    tasks.track_due()
    assert states(greedy) == ["COPYING", "QUEUED"]
    tasks.start_due(wake=False)
    assert (states(blocker), states(modest)) == (["AVAILABLE"], ["COPYING"])


def test_others_who_copy_in_the_account_cost_one_refused_call_and_not_one_for_each_copy(
    approved: Submit, sandbox: Control
) -> None:
    sandbox("settings", limit=2)
    requests = [approved(make_call(Name=f"image-{number}")) for number in range(6)]
    start_all()
    assert len(made(sandbox)) == 2
    assert sandbox()["refusals"] == {"ResourceLimitExceeded": 1}
    copies = list(ImageCopy.objects.order_by("pk"))
    assert sorted(copy.state for copy in copies) == ["COPYING"] * 2 + ["QUEUED"] * 3 + ["STARTING"]
    assert place_of(requests[2]) == "Waiting for a slot: 1st of 4 into eu-west-1"
    assert place_of(requests[5]) == "Waiting for a slot: 4th of 4 into eu-west-1"
    # Nobody calls again before the pause of the refused one is over, or a copy of the place has ended.
    assert claims.claim_next() is None
    sandbox("advance", seconds=600)
    ImageCopy.objects.filter(state="COPYING").update(next_step_at=timezone.now())
    tasks.track_due()
    refused = ImageCopy.objects.get(state="STARTING")
    assert refused.next_step_at is not None
    assert refused.next_step_at <= timezone.now(), "a slot is free"
    start_all()
    assert len(made(sandbox)) == 4


def test_a_copy_that_is_held_is_in_no_queue(approved: Submit, sandbox: Control, settings: Settings) -> None:
    settings.COPIES_AT_ONCE = 1
    approved(make_call(Name="first"))
    start_all()
    held = approved(make_call(Name="held"))
    ImageCopy.objects.filter(request=held).update(next_step_at=timezone.now() + timedelta(hours=1))
    assert place_of(held) == ""


def test_looking_for_the_place_costs_nothing_when_no_copy_waits(
    approved: Submit, sandbox: Control, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    request = approved()
    start_all()
    copies = list(request.copies.all())
    with django_assert_num_queries(0):
        assert slots.standings(copies) == {}


def test_the_cost_of_the_place_does_not_grow_with_the_queue(
    approved: Submit, sandbox: Control, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.COPIES_AT_ONCE = 1
    approved(make_call(Name="first"))
    start_all()
    for number in range(5):
        request = approved(make_call(Name=f"image-{number}"))
        copies = list(request.copies.all())
        with django_assert_num_queries(3):
            assert slots.standings(copies)[copies[0].pk].place == number + 1


def test_copies_that_are_taken_together_still_take_turns(
    approved: Submit, sandbox: Control, settings: Settings
) -> None:
    settings.START_WORKERS = 1
    greedy = approved(*(make_call(region, Name="greedy") for region in ("eu-west-1", "us-west-2", "us-east-2")))
    modest = approved(make_call("eu-west-2", Name="modest"))
    claimed = claims.claim_next(most=2)
    assert claimed is not None
    assert {copy.request_id for copy in claimed[1]} == {greedy.pk, modest.pk}


def test_copies_that_are_taken_together_keep_to_the_slots(
    approved: Submit, sandbox: Control, settings: Settings
) -> None:
    settings.START_WORKERS, settings.COPIES_AT_ONCE = 1, 2
    for number in range(4):
        approved(make_call(Name=f"image-{number}"))
    first = claims.claim_next()
    assert first is not None
    assert len(first[1]) == 2
    assert claims.claim_next() is None, "what a worker is about to start has its slot"


def test_a_throttled_call_keeps_the_copies_taken_with_it_from_calling(
    approved: Submit, sandbox: Control, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than any machine is slow: what was refused isn't due again while the others are at it.
    monkeypatch.setattr(backoff, "delay", lambda wait, failures: timedelta(minutes=5))
    settings.START_WORKERS = 1
    for number in range(4):
        approved(make_call(Name=f"image-{number}"))
    elsewhere = approved(make_call("us-west-2", Name="elsewhere"))
    sandbox("faults", kind="throttle", action="CopyImage", region="eu-west-1", count=None)
    tasks.start_due(wake=False)
    assert sandbox()["refusals"] == {"RequestLimitExceeded": 1}
    assert states(elsewhere) == ["COPYING"]
    assert not ImageCopy.objects.filter(lease_id__isnull=False).exists()


def test_a_region_without_a_call_to_spare_does_not_hold_up_another(
    approved: Submit, sandbox: Control, settings: Settings
) -> None:
    settings.START_WORKERS, settings.COPY_CALLS_BURST, settings.COPY_CALLS_PER_SECOND = 1, 1, 0.01
    for number in range(3):
        approved(make_call(Name=f"image-{number}"))
    elsewhere = approved(make_call("us-west-2", Name="elsewhere"))
    tasks.start_due(wake=False)
    assert states(elsewhere) == ["COPYING"]
    assert len(made(sandbox)) == 2
    assert ImageCopy.objects.filter(state="QUEUED", lease_id__isnull=True).count() == 2
