"""Steps after a copy by API: asked for as in the form, refused by field and code, and followed in the status."""

from typing import Any

import pytest

from amicopy.copies.core.models import CopyRequest, CopyStep
from amicopy.copies.core.states import CopyState, StepState
from amicopy.copies.core.steps.table import STEPS
from tests.api.conftest import Programs, said, wanted

pytestmark = pytest.mark.django_db

OTHER = "222233334444"
ASKED: dict[str, Any] = {
    "LaunchPermission": {"UserIds": [OTHER]},
    "ImageDeprecation": {"DeprecateAt": "2029-03-01T00:00:00Z"},
    "Parameter": {"Name": "/golden/{region}", "Overwrite": True},
}


def body(steps: Any = None, own: Any = None) -> dict[str, Any]:
    asked = wanted()
    if own is not None:
        asked["destinations"][0]["steps"] = own
    return {**asked, **({} if steps is None else {"steps": steps})}


def test_steps_are_asked_for_and_shown_with_their_states(program: Programs) -> None:
    calls = program("requester")
    shown = said(calls.post("/requests", body(ASKED, {"ImageDeprecation": None})))
    row = CopyRequest.objects.get()
    copy = row.copies_of_round()[0]
    assert shown["steps"] == row.steps == ASKED
    assert copy.own_steps == {"ImageDeprecation": None}
    (told,) = shown["copies"]
    assert [(step["code"], step["state"], step["members"]) for step in told["steps"]] == [
        ("LaunchPermission", "WAITING", {"UserIds": [OTHER]}),
        ("Parameter", "WAITING", {"Name": "/golden/eu-west-1", "Overwrite": True}),
    ]
    row.copies.update(state=CopyState.AVAILABLE, ImageId="ami-0123456789abcdef0")
    failed = {"state": StepState.FAILED, "attempts": 2, "aws_request_id": "req-1", "error_code": "AccessDenied"}
    CopyStep.objects.create(copy=copy, code="LaunchPermission", position=2, **failed)
    status = said(calls.get(f"/requests/{row.pk}/status"))
    assert status["copies"][0]["steps"] == [
        {"code": "LaunchPermission", "state": "FAILED"},
        {"code": "Parameter", "state": "WAITING"},
    ]
    step = said(calls.get(f"/requests/{row.pk}"))["copies"][0]["steps"][0]
    assert (step["attempts"], step["aws_request_id"], step["error"]["code"]) == (2, "req-1", "AccessDenied")


@pytest.mark.parametrize(
    ("steps", "own", "pointer", "code"),
    [
        ({"LaunchPermission": {"UserIds": ["1"]}}, None, "#/steps/LaunchPermission/UserIds", "step-member-malformed"),
        ({"LaunchPermission": {}}, None, "#/steps/LaunchPermission", "step-member-missing"),
        ({"LaunchPermission": {"UserIds": ["111122223333"]}}, None, "#/steps/LaunchPermission/UserIds",
         "step-own-account"),
        (None, {"Parameter": {"Name": "/a b"}}, "#/destinations/0/steps/Parameter/Name", "step-member-malformed"),
        (None, {"LaunchPermission": {"UserGroups": ["all"]}}, "#/destinations/0/steps/LaunchPermission/UserGroups",
         "step-public-not-allowed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_place_with_its_code(
    program: Programs, steps: Any, own: Any, pointer: str, code: str
) -> None:
    calls = program("requester")
    answer = calls.post("/requests", body(steps, own))
    assert answer.status_code == 422
    assert [(each["pointer"], each.get("code")) for each in said(answer)["errors"]] == [(pointer, code)]
    checked = said(calls.post("/requests/validate", body(steps, own)))
    assert [(each["pointer"], each["code"]) for each in checked["errors"]] == [(pointer, code)]
    assert not CopyRequest.objects.exists()


@pytest.mark.parametrize(
    ("steps", "pointer"),
    [
        ({"Nothing": {}}, "#/steps/Nothing"),
        ({"Parameter": {"Value": "x"}}, "#/steps/Parameter/Value"),
        ({"ImageDeprecation": {"DaysAfterCopy": "90"}}, "#/steps/ImageDeprecation/DaysAfterCopy"),
    ],
)
def test_types_are_strict(program: Programs, steps: Any, pointer: str) -> None:
    answer = program("requester").post("/requests", body(steps))
    assert answer.status_code == 422
    assert pointer in [each["pointer"] for each in said(answer)["errors"]]


def test_what_may_surprise_is_a_warning(program: Programs) -> None:
    checked = said(program("requester").post("/requests/validate", body({"ImageDeregistrationProtection": {}})))
    assert checked["valid"]
    assert [(each["pointer"], each["code"]) for each in checked["warnings"]] == [
        ("#/steps/ImageDeregistrationProtection", "step-protected")
    ]


def test_the_document_has_every_step_and_member(program: Programs) -> None:
    schemas = said(program("requester").get("/openapi.json"))["components"]["schemas"]
    assert list(schemas["Steps"]["properties"]) == [step.code for step in STEPS]
    for step in STEPS:
        assert set(schemas[f"{step.code}Step"]["properties"]) == {member.name for member in step.members}
