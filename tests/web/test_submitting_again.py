"""A request that was sent back is edited in the form with everything kept; and the start a requester wishes for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.lookups import async_queries, source
from tests.conftest import Control
from tests.copies.conftest import SOURCE
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]

EVERYTHING = {
    "Description": "Week 47",
    "KmsKeyId": "alias/golden-images",
    "Encrypted": "true",
    "CopyImageTags": "on",
    "ClientToken": "my-own-token",
    "destinations-1-DestinationRegion": "us-west-2",
    "tags-0-Key": "ticket",
    "tags-0-Value": "PLAT-1",
    "tags-0-image": "on",
}


def local(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}"


def ask(client: Client, **changes: str) -> CopyRequest:
    answer = client.post("/requests/new/", typed(**changes))
    assert answer.status_code == 302, answer.context["summary"]
    return CopyRequest.objects.latest("pk")


def send_back(signed_in: SignedIn, row: CopyRequest) -> None:
    signed_in("approver").post(f"/requests/{row.pk}/request-changes/", {"reason": "Which ticket is it?"})


def shown(answer: HttpResponseBase) -> dict[str, Any]:
    """What a browser would send of the form on a page, with all Regions that are ticked."""
    (form,) = [form for form in read(answer).forms() if form.has_field("SourceImageId")]
    ticked = [field.value for field in form.fields() if field.is_box and field.sent_as == "region" and field.is_on]
    return {**form.values, "region": ticked}


@pytest.fixture
def requester(signed_in: SignedIn, sandbox: Control, account: Account) -> Client:
    """A requester, with the source looked at already: a busy machine may need longer than a page waits."""
    question = source.question(account.aws(), region="us-east-1", image_id=SOURCE)
    assert isinstance(async_queries.start(question).wait(async_queries.deadline(30)), source.Source)
    return signed_in("requester")


def test_everything_is_kept_in_the_form_and_submitted_again_as_it_was(requester: Client, signed_in: SignedIn) -> None:
    start = timezone.now() + timedelta(days=2)
    row = ask(requester, start_not_before=local(start), **EVERYTHING)
    calls = row.calls()
    send_back(signed_in, row)
    assert read(requester.get(f"/requests/{row.pk}/")).links(to=f"/requests/{row.pk}/edit/")
    page = requester.get(f"/requests/{row.pk}/edit/")
    assert "“Which ticket is it?”" in read(page).text
    answer = requester.post(f"/requests/{row.pk}/edit/", shown(page))
    assert answer.status_code == 302, answer.context["summary"]
    row.refresh_from_db()
    assert (row.state, row.round) == ("PENDING", 2)
    assert row.calls() == calls
    assert row.start_not_before is not None
    assert abs(row.start_not_before - start) < timedelta(minutes=1)
    event = AuditEvent.objects.get(action="request.resubmitted")
    assert (event.data["approvals_kept"], event.data["changes"]) == (True, [])
    assert CopyRequest.objects.count() == 1


def test_an_edit_is_shown_to_the_approver_with_what_changed(requester: Client, signed_in: SignedIn) -> None:
    row = ask(requester, **EVERYTHING)
    send_back(signed_in, row)
    form = shown(requester.get(f"/requests/{row.pk}/edit/"))
    answer = requester.post(f"/requests/{row.pk}/edit/", form | {"Description": "Week 48"})
    assert answer.status_code == 302, answer.context["summary"]
    page = read(signed_in("approver").get("/approvals/"))
    assert "Changed since it was sent back" in page.text
    assert "Week 47 → Week 48" in page.region(f"What changed in #{row.pk}").text


def test_rows_are_added_and_mistakes_corrected_in_the_same_edit(requester: Client, signed_in: SignedIn) -> None:
    row = ask(requester)
    send_back(signed_in, row)
    address = f"/requests/{row.pk}/edit/"
    page = requester.post(address, shown(requester.get(address)) | {"add": "destination"})
    assert read(page).has_field("destinations-1-DestinationRegion")
    page = requester.post(address, shown(page) | {"destinations-1-DestinationRegion": "nowhere", "Name": "a"})
    assert page.status_code == 422
    assert read(page).headings(f"Edit and submit #{row.pk} again")
    answer = requester.post(address, shown(page) | {"destinations-1-DestinationRegion": "us-west-2", "Name": "again"})
    assert answer.status_code == 302, answer.context["summary"]
    row.refresh_from_db()
    assert [call.DestinationRegion for call in row.calls()] == ["eu-west-1", "us-west-2"]


def test_what_is_not_sent_back_cannot_be_edited(requester: Client, signed_in: SignedIn) -> None:
    row = ask(requester)
    for verb in (requester.get, requester.post):
        answer = verb(f"/requests/{row.pk}/edit/", typed(), follow=True)
        assert "it can't be edited now" in read(answer).told
    send_back(signed_in, row)
    other = signed_in("requester", name="requester-2")
    assert other.get(f"/requests/{row.pk}/edit/").status_code == 404
    assert signed_in("administrator").post(f"/requests/{row.pk}/edit/", typed()).status_code == 403
    assert CopyRequest.objects.get().round == 1


def test_a_token_of_another_request_stays_taken_in_an_edit(requester: Client, signed_in: SignedIn) -> None:
    ask(requester, ClientToken="theirs")
    row = ask(requester, ClientToken="mine")
    send_back(signed_in, row)
    answer = requester.post(f"/requests/{row.pk}/edit/", typed(ClientToken="theirs"))
    assert answer.status_code == 422
    assert "was used before in eu-west-1" in read(answer).field("ClientToken").said
    answer = requester.post("/requests/new/", typed(ClientToken="mine", again=str(row.pk)))
    assert answer.status_code == 422


def test_a_start_is_typed_in_the_persons_time_zone_and_copies_wait_for_it(
    requester: Client, signed_in: SignedIn
) -> None:
    requester.cookies["time-zone"] = "Asia/Tokyo"
    start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=1)
    row = ask(requester, start_not_before=local(start + timedelta(hours=9)))
    assert row.start_not_before == start
    approver = signed_in("approver")
    approver.post(f"/requests/{row.pk}/approve/", {"content_hash": row.content_hash})
    copy = row.copies.get()
    assert (copy.state, copy.next_step_at) == ("QUEUED", start)
    assert copy.wait_code == "start-time"


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("soon", "Enter a date and a time, or leave it empty."),
        ("2026-13-45T99:99", "Enter a date and a time, or leave it empty."),
        ("9999-12-31T23:59", "Enter a start in the next 90 days."),
    ],
)
def test_a_start_that_makes_no_sense_is_refused_at_its_field(requester: Client, start: str, words: str) -> None:
    answer = requester.post("/requests/new/", typed(start_not_before=start))
    assert answer.status_code == 422
    page = read(answer)
    assert page.alert().link(words).address == "#f-start_not_before"
    assert words in page.field("start_not_before").said
    assert page.field("start_not_before").value == start


def test_renewing_looks_at_the_source_again(requester: Client) -> None:
    row = ask(requester)
    CopyRequest.objects.filter(pk=row.pk).update(state="EXPIRED", lookups={}, source_seen={})
    requester.post(f"/requests/{row.pk}/renew/")
    row.refresh_from_db()
    assert row.state == "PENDING"
    assert row.source_seen["OwnerId"]
