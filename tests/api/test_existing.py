"""Asking by API for steps for an AMI that exists: what the form for it does, and nothing of a copy."""

from typing import Any

import pytest

from amicopy.copies.core.models import CopyRequest
from tests.api.conftest import Programs, said
from tests.conftest import Control
from tests.copies.conftest import SOURCE, approve, make_person
from tests.copies.passing_time import look_again

pytestmark = pytest.mark.django_db

ADDRESS = "/requests/for-image"
STEPS = {"LaunchPermission": {"UserIds": ["222233334444"]}, "Parameter": {"Name": "/golden/{region}"}}


def body(**changes: Any) -> dict[str, Any]:
    asked = {"account": "111122223333", "reason": "PLAT-1", "SourceRegion": "us-east-1", "SourceImageId": SOURCE}
    return {**asked, "steps": STEPS, **changes}


def test_it_is_asked_for_approved_and_done(program: Programs, sandbox: Control) -> None:
    sandbox("settings", alias_seconds=0)
    answer = program("requester").post(ADDRESS, body(correlation="run-7"))
    assert answer.status_code == 201, answer.content
    made = said(answer)
    assert (made["existing"], made["state"], made["correlation"]) == (True, "PENDING", "run-7")
    [copy] = made["copies"]
    assert copy["parameters"] == {"SourceRegion": "us-east-1", "SourceImageId": SOURCE}
    assert [step["code"] for step in copy["steps"]] == ["LaunchPermission", "Parameter"]
    approve(make_person("approver", "approver"), CopyRequest.objects.get())
    look_again("do_steps", times=2)
    now = said(program("requester").get(f"/requests/{made['number']}"))
    assert (now["state"], now["copies"][0]["ImageId"]) == ("COMPLETED", SOURCE)
    assert {step["state"] for step in now["copies"][0]["steps"]} == {"DONE"}


def test_the_same_key_asks_for_nothing_twice(program: Programs, sandbox: Control) -> None:
    caller = program("requester")
    numbers = {said(caller.post(ADDRESS, body(), Idempotency_Key="run-7"))["number"] for _ in range(2)}
    assert len(numbers) == CopyRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"steps": {}}, "#/steps"),
        ({"SourceImageId": "ami-0123456789abcdef0"}, "#/SourceImageId"),
        ({"SourceRegion": "mars"}, "#/SourceRegion"),
        ({"reason": ""}, "#/reason"),
        ({"steps": {"ImageDeprecation": {"DaysAfterCopy": 3}}}, "#/steps/ImageDeprecation/DaysAfterCopy"),
        ({"steps": {"LaunchPermission": {"UserIds": ["12"]}}}, "#/steps/LaunchPermission/UserIds"),
    ],
)
def test_what_is_wrong_is_said_at_its_pointer(
    program: Programs, sandbox: Control, changes: dict[str, Any], pointer: str
) -> None:
    answer = program("requester").post(ADDRESS, body(**changes))
    assert answer.status_code == 422
    assert pointer in {each["pointer"] for each in said(answer)["errors"]}
    checked = said(program("requester").post(f"{ADDRESS}/validate", body(**changes)))
    assert not checked["valid"]
    assert pointer in {each["pointer"] for each in checked["errors"]}
    assert not CopyRequest.objects.exists()


def test_a_check_stores_nothing_and_who_may_not_ask_is_refused(program: Programs, sandbox: Control) -> None:
    checked = said(program("requester").post(f"{ADDRESS}/validate", body()))
    assert (checked["valid"], checked["errors"]) == (True, [])
    assert program("requester", scopes=("read",)).post(ADDRESS, body()).status_code == 403
    assert not CopyRequest.objects.exists()
