"""What is known to fail, in the form, the check, a clone, the request and the API: the same words in each place."""

import pytest
from django.test import Client

from amicopy.copies import tasks
from amicopy.copies.core.models import CopyRequest
from tests.conftest import Control
from tests.web.conftest import SignedIn, typed
from tests.web.page import read
from tests.web.test_form_lookups import fragment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
DISABLED = {"destinations-0-Encrypted": "true", "destinations-0-KmsKeyId": "alias/retired"}
WORDS = "KMS key must be enabled. This key is disabled. AWS would take the request and fail the copy later."
KNOWN = {
    "submit_anyway": "on",
    "submit_anyway_reason": "The key is enabled on Monday.",
    "known_problems": "key-disabled:eu-west-1",
}


@pytest.fixture
def requester(signed_in: SignedIn, sandbox: Control) -> Client:
    return signed_in("requester")


def test_the_form_says_it_at_the_field_and_above_the_button(requester: Client) -> None:
    page = fragment(requester, "messages", **DISABLED)
    assert WORDS in page.by_id("f-destinations-0-KmsKeyId-err").text
    assert f"Destination 1: {WORDS}" in page.by_id("in-the-way").text
    assert page.marks("data-known") == ["key-disabled:eu-west-1"]
    free = fragment(requester, "messages")
    assert free.marks("data-known") == [""]


def test_it_stands_under_its_row_with_the_ways_out(requester: Client, sandbox: Control) -> None:
    second = {"destinations-1-DestinationRegion": "af-south-1"}
    page = fragment(requester, "messages", **DISABLED, **second)
    first = page.by_id("destination-0-problems")
    assert WORDS in first.text
    assert first.link("Choose another key").attribute("href") == "#f-destinations-0-KmsKeyId"
    assert "Choose another key" not in page.by_id("destination-1-problems").text
    away = page.by_id("destination-1-problems").button("Take the Region out")
    assert (away.attribute("name"), away.attribute("value")) == ("remove-destination", "1")
    assert "af-south-1 is not enabled" in page.by_id("destination-1-problems").text
    # The only destination stays; and without a script the same stands in the page, a refused one too.
    (answer,) = [requester.post("/requests/new/", typed(**DISABLED))]
    only = read(answer).by_id("destination-0-problems")
    assert WORDS in only.text
    assert "Take the Region out" not in only.text


def test_a_name_that_is_taken_is_said_at_the_row(requester: Client, sandbox: Control) -> None:
    second = {"destinations-1-DestinationRegion": "us-east-1", "destinations-0-Name": ""}
    page = fragment(requester, "messages", Name="bastion-encrypted-3.2", **second)
    said = page.by_id("destination-1-problems")
    assert "us-east-1 has an AMI of this name already" in said.text
    assert said.link("Use a name of its own").attribute("href") == "#f-destinations-1-Name"
    assert page.by_id("destination-0-problems").text == ""


def test_the_check_says_it_and_what_a_dry_run_cannot_know(requester: Client) -> None:
    page = fragment(requester, "permissions", **DISABLED)
    assert "eu-west-1: allowed" in page.text
    assert f"Destination 1: {WORDS}" in page.by_id("check-result").text
    assert "A dry run can't know KMS" in page.text
    assert "What KMS says of the keys is above." in page.text
    assert "What KMS says" not in fragment(requester, "permissions").text


def test_submitting_is_refused_until_it_is_ticked_with_a_reason(requester: Client) -> None:
    answer = requester.post("/requests/new/", typed(**DISABLED))
    assert answer.status_code == 422
    page = read(answer)
    assert WORDS in page.by_id("f-destinations-0-KmsKeyId-err").text
    assert page.field("known_problems").value == KNOWN["known_problems"]
    answer = requester.post("/requests/new/", typed(**DISABLED, **{**KNOWN, "submit_anyway_reason": ""}))
    assert "Enter why to submit it anyway" in read(answer).by_id("f-submit_anyway_reason-err").text
    # Ticked in spite of something else: what wasn't on the page isn't accepted with it.
    answer = requester.post("/requests/new/", typed(**DISABLED, **{**KNOWN, "known_problems": "source-not-there:"}))
    assert answer.status_code == 422
    assert requester.post("/requests/new/", typed(**DISABLED, **KNOWN)).status_code == 302
    assert CopyRequest.objects.get().anyway["reason"] == "The key is enabled on Monday."


def test_who_decides_reads_it_first_and_whether_it_is_still_so(requester: Client, signed_in: SignedIn) -> None:
    requester.post("/requests/new/", typed(**DISABLED, **KNOWN))
    row, approver = CopyRequest.objects.get(), signed_in("approver")
    for address in ("/approvals/", f"/requests/{row.pk}/"):
        text = read(approver.get(address)).text
        assert f"eu-west-1: {WORDS}" in text, address
        assert "The key is enabled on Monday." in text
    queue = read(approver.get("/approvals/"))
    assert queue.marked("data-risk")[0].attribute("data-fact") == "submitted-anyway"
    text = queue.text
    assert text.index("Submitted anyway, with 1 known problem") < text.index("What was found out at submission")
    several = read(approver.post("/approvals/decide/", {"pick": row.pk, "bulk": "approve"})).text
    assert "The key is enabled on Monday." in several
    page = read(approver.get(f"/requests/{row.pk}/")).text
    assert page.index("Submitted anyway, with 1 known problem") < page.index("Your decision")
    assert page.count(WORDS) == 1
    CopyRequest.objects.update(look_again_at=row.submitted_at)
    tasks.look_again_at_requests()
    assert "Still so." in read(approver.get(f"/requests/{row.pk}/")).text


def test_a_clone_says_it_too(requester: Client) -> None:
    requester.post("/requests/new/", typed(**DISABLED, **KNOWN))
    page = read(requester.get(f"/requests/new/?clone={CopyRequest.objects.get().pk}"))
    assert WORDS in page.by_id("f-destinations-0-KmsKeyId-err").text
    assert page.field("submit_anyway_reason").value == ""


def test_nothing_is_in_the_way_of_who_cannot_know(requester: Client, sandbox: Control) -> None:
    sandbox("faults", kind="drop", service="kms", count=None)
    assert requester.post("/requests/new/", typed(**DISABLED)).status_code == 302
    assert not CopyRequest.objects.get().submitted_anyway
