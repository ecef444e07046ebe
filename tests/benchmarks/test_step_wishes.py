"""What `make chaos` asks for of steps can be asked for, by the form as it is."""

import random
from datetime import UTC, datetime

import pytest

from amicopy.copies.core.calls import Call, existing_image
from amicopy.copies.core.steps.table import BY_CODE
from amicopy.copies.core.steps.wanted import frozen
from amicopy.copies.rules.steps import check_steps
from amicopy.web.forms import step_inputs
from amicopy.web.forms.rows import rows_of
from benchmarks import asking, breaking, step_wishes
from benchmarks.counting import DRY_RUN, Asked

OWN = "111122223333"


def asked(seed: int, requests: int = 40) -> list[Asked]:
    return asking.wishes(random.Random(seed), requests=requests, copies=5)


def calls_of(one: Asked) -> list[Call]:
    if one.existing:
        return [existing_image(one.regions[0], one.source)]
    named = {"Name": one.name, "SourceImageId": one.source, "SourceRegion": "us-east-1"}
    return [Call(region, named) for region in one.regions]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_typed_is_what_is_judged(seed: int) -> None:
    now = datetime.now(UTC)
    some = [one for one in asked(seed) if one.steps]
    assert {code for one in some for code in one.steps.everywhere} == set(BY_CODE)
    for one in some:
        typed = step_wishes.typed(one)
        # A row without anything of its own isn't sent.
        rows = rows_of(
            {f"destinations-{place}-Region": "x" for place in range(len(one.regions))} | typed, "destinations"
        )
        read, errors = step_inputs.read(typed, rows, now=now)
        assert errors == []
        calls = calls_of(one)
        steps = frozen(read, calls, now=now, source="golden")
        assert steps == [one.steps.of(place) for place in range(len(one.regions))]
        assert check_steps(calls, steps, account_id=one.account, partition="aws") == []


@pytest.mark.parametrize("seed", range(5))
def test_what_cant_be_done_to_it_is_not_asked_for(seed: int) -> None:
    some = asked(seed)
    existing = [one for one in some if one.existing]
    assert len(existing) == len({one.source for one in existing}) == len(step_wishes.EXISTING)
    assert all(one.steps and one.account == OWN and len(one.regions) == 1 for one in existing)
    assert all("DaysAfterCopy" not in one.steps.everywhere.get("ImageDeprecation", {}) for one in existing)
    for one in some:
        assert not (one.steps and one.fate == DRY_RUN)
        if one.may_be_cancelled(0):
            assert not one.steps.everywhere.get("ImageDeregistrationProtection"), "it would be protected for a day more"
        for place, region in enumerate(one.regions):
            shared = {"LaunchPermission", "CreateVolumePermission"} & set(one.steps.of(place))
            assert not (shared and region == step_wishes.ENCRYPTED)


def test_the_same_seed_asks_for_the_same() -> None:
    first, second = asked(7), asked(7)
    assert [(one.name, one.fate, one.regions, one.existing) for one in first] == [
        (one.name, one.fate, one.regions, one.existing) for one in second
    ]
    assert [set(one.steps.everywhere) for one in first] == [set(one.steps.everywhere) for one in second]


@pytest.mark.parametrize("requests", [4, 16])
def test_a_short_run_has_steps_too(requests: int) -> None:
    some = asked(1, requests)
    assert any(one.steps and not one.existing for one in some)
    assert sum(one.existing for one in some) == requests // step_wishes.EXISTING_EVERY


def test_every_second_kill_is_within_a_step_once_there_are_some() -> None:
    steps = breaking.plan(random.Random(3), kills=20, database=False)
    within = [step for step in steps if step.startswith(breaking.IN_STEP)]
    assert (steps.count("worker"), len(within)) == (10, 10)
    assert {step.removeprefix(breaking.IN_STEP) for step in within} == set(breaking.STEPS)
