"""Adding destinations to a finished request: linked, decided on its own, and otherwise as it was."""

import pytest

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.states import CopyState, RequestState
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db


@pytest.fixture
def finished(signed_in: SignedIn) -> CopyRequest:
    client = signed_in("requester")
    client.post("/requests/new/", typed(Description="week 47", **{"tags-0-Key": "team", "tags-0-image": "on"}))
    request = CopyRequest.objects.get()
    CopyRequest.objects.filter(pk=request.pk).update(state=RequestState.COMPLETED)
    request.copies.update(state=CopyState.AVAILABLE, ImageId="ami-0123456789abcdef0")
    return request


def more(finished: CopyRequest, **changes: str) -> dict[str, str]:
    same = {"Description": "week 47", "tags-0-Key": "team", "tags-0-image": "on", "continues": str(finished.pk)}
    return typed(**{**same, "destinations-0-DestinationRegion": "us-west-2", **changes})


def test_destinations_are_added_by_a_linked_request_shown_on_both_pages(
    signed_in: SignedIn, finished: CopyRequest
) -> None:
    client = signed_in("requester")
    assert read(client.get(f"/requests/{finished.pk}/")).links(to=f"/requests/new/?continues={finished.pk}")
    page = read(client.get(f"/requests/new/?continues={finished.pk}"))
    assert f"More destinations for request #{finished.pk}" in page.text
    assert page.field("Name").value == "golden-al2023-2026.11.24"
    assert "eu-west-1" not in [value for field in page.fields() for value in field.chosen]
    assert client.post("/requests/new/", more(finished)).status_code == 302
    added = CopyRequest.objects.latest("pk")
    assert (added.continues, added.state) == (finished, RequestState.PENDING)
    for one, other in ((added, finished), (finished, added)):
        linked = read(client.get(f"/requests/{one.pk}/")).link(f"Request #{other.pk}")
        assert linked.address == f"/requests/{other.pk}/"
    event = AuditEvent.objects.get(request=finished.pk, action="request.continued")
    assert event.data == {"by": added.pk}
    assert AuditEvent.objects.get(request=added.pk, action="request.submitted").data["continues"] == finished.pk


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"Description": "another"}, "Description", "Leave it as it is in request"),
        ({"SourceImageId": "ami-0b81d5e6f0a297c34"}, "SourceImageId", "Leave it as it is"),
        ({"tags-0-Key": "other"}, "TagSpecifications", "Leave it as it is"),
        ({"destinations-0-DestinationRegion": "eu-west-1"}, "destinations-0-DestinationRegion", "copied there"),
    ],
)
def test_what_is_not_a_destinations_stays_as_it_was(
    signed_in: SignedIn, finished: CopyRequest, changes: dict[str, str], field: str, words: str
) -> None:
    answer = signed_in("requester").post("/requests/new/", more(finished, **changes))
    assert answer.status_code == 422
    assert words in answer.context["form"].errors[field][0]


def test_a_request_that_is_not_over_is_not_added_to(signed_in: SignedIn, finished: CopyRequest) -> None:
    CopyRequest.objects.filter(pk=finished.pk).update(state=RequestState.APPROVED)
    client = signed_in("requester")
    assert "?continues=" not in read(client.get(f"/requests/{finished.pk}/")).source
    answer = client.post("/requests/new/", more(finished))
    assert "is over, or clone it" in answer.context["form"].errors["continues"][0]


@pytest.mark.parametrize("number", ["0", "99999", "x", "9" * 30])
def test_a_request_that_is_not_there_or_somebody_elses_is_not_added_to(
    signed_in: SignedIn, finished: CopyRequest, number: str
) -> None:
    other = signed_in("requester", name="requester-2")
    for continues in (number, str(finished.pk)):
        answer = other.post("/requests/new/", more(finished, continues=continues))
        assert answer.status_code == 422
        assert "that you can see" in answer.context["form"].errors["continues"][0]
