"""Asking by API for what is known to fail: refused with the codes, or asked for anyway with a reason."""

import pytest

from amicopy.copies.core.models import CopyRequest
from tests.api.conftest import Programs, members, said
from tests.conftest import Control

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
ANYWAY = {"submit_anyway": True, "submit_anyway_reason": "The key is enabled on Monday."}
WORDS = "KMS key must be enabled. This key is disabled. AWS would take the request and fail the copy later."
WRONG = {"pointer": "#/copy_image/KmsKeyId", "detail": WORDS, "code": "key-disabled"}


def test_it_is_refused_with_the_codes_or_asked_for_with_a_reason(program: Programs, sandbox: Control) -> None:
    asking, body = program("requester"), members(Encrypted=True, KmsKeyId="alias/retired")
    refused = asking.post("/requests", body)
    assert (refused.status_code, said(refused)["errors"]) == (422, [WRONG])
    checked = said(asking.post("/requests/validate", body))
    assert (checked["valid"], checked["errors"]) == (False, [WRONG])
    bare = asking.post("/requests", {**body, "submit_anyway": True})
    assert [each["pointer"] for each in said(bare)["errors"]] == ["#/submit_anyway_reason"]
    assert not CopyRequest.objects.exists()
    assert said(asking.post("/requests/validate", {**body, **ANYWAY}))["valid"]
    shown = said(asking.post("/requests", {**body, **ANYWAY}))
    problem = {"code": "key-disabled", "field": "KmsKeyId", "destination": "eu-west-1", "message": WORDS}
    assert shown["submitted_anyway"] == {"reason": ANYWAY["submit_anyway_reason"], "problems": [problem]}


def test_nothing_is_said_of_it_where_nothing_is_in_the_way(program: Programs, sandbox: Control) -> None:
    shown = said(program("requester").post("/requests", {**members(), **ANYWAY}))
    assert shown["submitted_anyway"] is None
