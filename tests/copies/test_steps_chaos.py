"""Copies with all steps while everything breaks at random: at the end each step was done exactly as approved, and at no
moment was anything given to anybody whom nobody approved."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User

from amicopy.copies.core.models import CopyRequest, CopyStep, ImageCopy
from amicopy.copies.core.step_models import StepCounts, counts_of
from amicopy.copies.engine.steps.catalogue import CATALOGUE
from amicopy.copies.requests import step_actions
from tests.conftest import Control
from tests.copies.conftest import acting, make_call
from tests.copies.passing_time import look_again
from tests.copies.test_steps_engine import OTHER, THIRD, UNIT, Killed, boto, fits, there

pytestmark = pytest.mark.django_db
__all__ = ("there",)

NAMES = ("first", "second")
CHANGING = (
    "AttachImageWatermark",
    "ModifySnapshotAttribute",
    "ModifyImageAttribute",
    "EnableImageDeprecation",
    "EnableImageDeregistrationProtection",
    "PutParameter",
)
READING = ("DescribeImages", "DescribeImageAttribute", "DescribeSnapshotAttribute", "GetParameter")


def wanted(name: str) -> dict[str, Any]:
    return {
        "ImageWatermark": {"WatermarkName": name},
        "CreateVolumePermission": {"UserIds": [OTHER]},
        "LaunchPermission": {"UserIds": [OTHER, THIRD], "OrganizationalUnitArns": [UNIT]},
        "ImdsSupport": {"Value": "v2.0"},
        "ImageDeprecation": {"DaysAfterCopy": 90},
        "ImageDeregistrationProtection": {},
        "Parameter": {"Name": f"/golden/{name}", "Overwrite": True},
    }


def break_things(sandbox: Control, dice: random.Random) -> None:
    """A fifth of all calls is struck: lost before or after, throttled, or told that the image isn't there."""
    for action in (*CHANGING, *READING):
        for kind in ("drop", "drop-after", "throttle"):
            sandbox("faults", kind=kind, action=action, chance=0.07, count=None, seed=dice.randrange(1000))
    for action in CHANGING[:-1]:
        unseen = {"kind": "error", "code": "InvalidAMIID.NotFound", "count": None, "chance": 0.05}
        sandbox("faults", action=action, seed=dice.randrange(1000), **unseen)


def dying(monkeypatch: pytest.MonkeyPatch, dice: random.Random) -> None:
    """One in eight workers is killed between call and answer."""
    for code, action in list(CATALOGUE.items()):

        def change(*arguments: Any, real: Callable[..., Any] = action.change) -> Any:
            answer = real(*arguments)
            if dice.random() < 0.12:
                raise Killed
            return answer

        monkeypatch.setitem(CATALOGUE, code, replace(action, change=change))


@pytest.mark.parametrize("seed", [1])
def test_each_step_is_done_as_approved_and_nothing_else(
    there: Callable[..., CopyRequest],
    sandbox: Control,
    requester: User,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    dice = random.Random(seed)
    rows = [there(wanted(name), make_call(Name=name)) for name in NAMES]
    sandbox("settings", alias_seconds=30)
    break_things(sandbox, dice)
    with monkeypatch.context() as patched:
        dying(patched, dice)
        for _ in range(60):
            try:
                look_again("do_steps")
            except Killed:
                continue
            finally:
                sandbox("advance", seconds=10)
            if not CopyStep.objects.exclude(state="DONE").exists():
                break
            for failed in CopyRequest.objects.filter(state="PARTIAL"):
                step_actions.retry_steps(acting(requester), failed.pk)
    sandbox("faults", method="DELETE")
    assert set(CopyRequest.objects.values_list("state", flat=True)) == {"COMPLETED"}
    for row in rows:
        fits(row, sandbox)
    assert counts_of([copy.pk for copy in ImageCopy.objects.all()]) == {
        copy.pk: StepCounts(7, 7, 0) for copy in ImageCopy.objects.all()
    }
    never_wider(sandbox)
    for name in NAMES:
        # A repetition can write the same again, and never anything else.
        shown = boto(sandbox, "ssm").get_parameter_history(Name=f"/golden/{name}")["Parameters"]
        assert len({each["Value"] for each in shown}) == 1


def never_wider(sandbox: Control) -> None:
    """From everything that was ever changed: nobody had a permission that wasn't approved for that image."""
    approved = {copy.ImageId: copy.approved_steps for copy in ImageCopy.objects.all()}
    of_snapshots = {
        row["SnapshotId"]: copy.approved_steps for copy in ImageCopy.objects.all() for row in copy.snapshots
    }
    kinds: dict[str, tuple[dict[str, Any], str]] = {
        "LaunchPermissions": (approved, "LaunchPermission"),
        "CreateVolumePermissions": (of_snapshots, "CreateVolumePermission"),
    }
    seen = 0
    for change in sandbox("changes"):
        if change["member"] in kinds:
            steps, code = kinds[change["member"]]
            allowed = {value for each in steps[change["resource"]][code].values() for value in each}
            assert {value for each in change["after"] for value in each.values()} <= allowed
            seen += 1
    assert seen >= 3 * len(approved)
