"""A copy that failed is asked for again, mended: its destination only, the cause at its field, both requests linked."""

import pytest

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState, RequestState
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db
KEYED = {"destinations-1-Encrypted": "true", "destinations-1-KmsKeyId": "alias/golden-images"}


@pytest.fixture
def failed(signed_in: SignedIn) -> ImageCopy:
    """The second of two copies failed for its key."""
    signed_in("requester").post("/requests/new/", typed(**{"destinations-1-DestinationRegion": "us-west-2", **KEYED}))
    request = CopyRequest.objects.get()
    CopyRequest.objects.update(state=RequestState.PARTIAL)
    request.copies.filter(position=0).update(state=CopyState.AVAILABLE, ImageId="ami-0123456789abcdef0")
    failure = {"error_code": "InvalidKMSKey.InvalidState", "error_message": "The key is in an incorrect state"}
    request.copies.filter(position=1).update(state=CopyState.FAILED, **failure)
    return request.copies.get(position=1)


def test_the_form_has_this_destination_only_and_the_cause_at_its_field(signed_in: SignedIn, failed: ImageCopy) -> None:
    client = signed_in("requester")
    address = f"/requests/new/?mends={failed.pk}"
    assert read(client.get(f"/requests/{failed.request_id}/")).links(to=address)
    answer = client.get(address)
    form = answer.context["form"]
    assert [row["DestinationRegion"] for row in form.destinations] == ["us-west-2"]
    assert form.data["reason"] == "PLAT-1: week 47 image"
    assert form.tags == [], "amicopy's mark is no tag of the requester's"
    (note,) = [each for each in answer.context["slots"]["destinations-0-KmsKeyId"].notes if "failed here" in each.words]
    assert note.words.startswith(f"Request #{failed.request_id} failed here. AWS refused the copy because of a key.")
    assert "alias/golden-images" in note.words
    # What the form says while it is being filled in says it too.
    data = typed(mends=str(failed.pk), **{"destinations-0-DestinationRegion": "us-west-2"})
    told = read(client.post("/requests/new/messages/", data, headers={"HX-Request": "true"}))
    assert "failed here" in told.by_id("f-destinations-0-KmsKeyId-err").text


def test_a_cause_without_a_field_stands_above_the_form(signed_in: SignedIn, failed: ImageCopy) -> None:
    ImageCopy.objects.filter(pk=failed.pk).update(
        error_code="UnauthorizedOperation", error_message="explicit deny in a service control policy"
    )
    page = read(signed_in("requester").get(f"/requests/new/?mends={failed.pk}"))
    assert "A policy of the organization forbids this copy" in page.text
    assert "Ask whoever administers the AWS organization" in page.text


def test_both_requests_are_linked_and_history_says_so(signed_in: SignedIn, failed: ImageCopy) -> None:
    client = signed_in("requester")
    before = failed.request.version
    own = {"destinations-0-DestinationRegion": "us-west-2"}
    assert client.post("/requests/new/", typed(mends=str(failed.pk), **own)).status_code == 302
    mended = CopyRequest.objects.latest("pk")
    assert (mended.mends, mended.state) == (failed, RequestState.PENDING)
    assert read(client.get(f"/requests/{mended.pk}/")).links(to=f"/requests/{failed.request_id}/#copy-{failed.pk}")
    assert read(client.get(f"/requests/{failed.request_id}/")).links(to=f"/requests/{mended.pk}/")
    event = AuditEvent.objects.get(action="request.mended")
    assert (event.request, event.copy, event.data) == (failed.request_id, failed.pk, {"by": mended.pk})
    assert AuditEvent.objects.filter(action="request.submitted").latest("pk").data["mends"] == failed.pk
    failed.request.refresh_from_db()
    assert failed.request.version > before


@pytest.mark.parametrize("state", [CopyState.QUEUED, CopyState.AVAILABLE])
def test_what_works_by_now_is_not_mended(signed_in: SignedIn, failed: ImageCopy, state: CopyState) -> None:
    ImageCopy.objects.filter(pk=failed.pk).update(state=state, ImageId="ami-0123456789abcdef1")
    answer = signed_in("requester").post("/requests/new/", typed(mends=str(failed.pk)))
    assert answer.status_code == 422
    assert "isn't failed any more" in answer.context["form"].errors["mends"][0]
    assert "any more" in read(answer).alert().text


@pytest.mark.parametrize("number", ["0", "99999", "x", "9" * 30])
def test_what_is_not_there_or_not_to_be_seen_is_not_mended(signed_in: SignedIn, failed: ImageCopy, number: str) -> None:
    other = signed_in("requester", name="requester-2")
    for mends in (number, str(failed.pk)):
        assert "alias/golden-images" not in read(other.get(f"/requests/new/?mends={mends}")).source
        assert other.post("/requests/new/", typed(mends=mends)).status_code == 422
    assert CopyRequest.objects.count() == 1


def test_f23_our_own_words_are_not_shown_as_awss(signed_in: SignedIn, failed: ImageCopy) -> None:
    client, address = signed_in("requester"), f"/requests/{failed.request_id}/"
    for place in (address, f"{address}evidence/"):
        assert "What AWS said" in read(client.get(place)).text
    ImageCopy.objects.filter(pk=failed.pk).update(error_code="SourceGone", error_message="The source is gone.")
    for place in (address, f"{address}evidence/"):
        page = read(client.get(place))
        assert "What AWS said" not in page.source
        assert "What amicopy found" in page.text
