"""Fix and ask again by API: a failed copy with something changed, as a request of its own."""

from typing import Any

import pytest

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState, RequestState
from tests.api.conftest import Programs, pointers, said
from tests.copies.conftest import Submit, make_call

pytestmark = pytest.mark.django_db
KEYED: dict[str, Any] = {"Encrypted": True, "KmsKeyId": "alias/golden-images"}


@pytest.fixture
def failed(submit: Submit) -> ImageCopy:
    """The second of two copies failed for its key."""
    request = submit(make_call(Description="week 47"), make_call("us-west-2", Description="week 47", **KEYED))
    CopyRequest.objects.update(state=RequestState.PARTIAL)
    request.copies.filter(position=0).update(state=CopyState.AVAILABLE, ImageId="ami-0123456789abcdef0")
    request.copies.filter(position=1).update(state=CopyState.FAILED, error_code="InvalidKMSKey.InvalidState")
    return request.copies.get(position=1)


def test_a_failed_copy_is_asked_for_again_with_what_is_changed(program: Programs, failed: ImageCopy) -> None:
    body = {"changes": {"KmsKeyId": "alias/other", "Description": None, "Name": "golden-{region}"}}
    answer = program("requester").post(f"/requests/{failed.request_id}/copies/{failed.pk}/fix", body)
    assert answer.status_code == 201
    made = said(answer)
    assert (made["mends"], made["reason"]) == (failed.pk, "PLAT-1: week 47 image")
    assert answer["Location"] == f"/api/v1/requests/{made['number']}"
    (copy,) = made["copies"]
    assert copy["DestinationRegion"] == "us-west-2"
    kept = {name: copy["parameters"][name] for name in ("Name", "Encrypted", "KmsKeyId")}
    assert kept == {"Name": "golden-us-west-2", "Encrypted": True, "KmsKeyId": "alias/other"}
    assert "Description" not in copy["parameters"]
    event = AuditEvent.objects.get(action="request.mended")
    assert (event.request, event.copy, event.data["by"]) == (failed.request_id, failed.pk, made["number"])
    # The mark of the copy that failed isn't carried along.
    marks = CopyRequest.objects.get(pk=made["number"]).copies.get().mark
    assert marks != failed.mark


def test_it_goes_to_another_region_with_a_reason_of_its_own(program: Programs, failed: ImageCopy) -> None:
    body = {"changes": {"DestinationRegion": "eu-central-1"}, "reason": "PLAT-2", "correlation": "wf-9"}
    made = said(program("requester").post(f"/requests/{failed.request_id}/copies/{failed.pk}/fix", body))
    assert (made["copies"][0]["DestinationRegion"], made["reason"], made["correlation"]) == (
        "eu-central-1",
        "PLAT-2",
        "wf-9",
    )


def test_under_a_key_it_is_asked_for_once(program: Programs, failed: ImageCopy) -> None:
    caller, path = program("requester"), f"/requests/{failed.request_id}/copies/{failed.pk}/fix"
    first, again = (caller.post(path, {"changes": {}}, Idempotency_Key="fix-1") for _ in range(2))
    assert first.content == again.content
    assert CopyRequest.objects.count() == 2


def test_what_is_wrong_stands_at_its_change(program: Programs, failed: ImageCopy) -> None:
    caller, path = program("requester"), f"/requests/{failed.request_id}/copies/{failed.pk}/fix"
    said_of = pointers(caller.post(path, {"changes": {"Encrypted": None}}))
    assert list(said_of) == ["#/changes/KmsKeyId"]
    assert pointers(caller.post(path, {"changes": {"Encrypted": "true"}})) == {
        "#/changes/Encrypted": "Choose yes or no."
    }
    assert caller.post(path, {"changes": {"Colour": 1}}).status_code == 422
    assert CopyRequest.objects.count() == 1


def test_only_a_failed_copy_is_fixed(program: Programs, failed: ImageCopy) -> None:
    caller, number = program("requester"), failed.request_id
    there = ImageCopy.objects.get(position=0)
    answer = caller.post(f"/requests/{number}/copies/{there.pk}/fix", {"changes": {}})
    assert (answer.status_code, said(answer)["code"]) == (409, "not-now")
    for missing in (failed.pk + 1000, 10**30):
        assert caller.post(f"/requests/{number}/copies/{missing}/fix", {"changes": {}}).status_code == 404
    somebody = program("somebody", "requester")
    assert somebody.post(f"/requests/{number}/copies/{failed.pk}/fix", {"changes": {}}).status_code == 404
