"""Polls that change nothing: no body, four statements at most, and only for whoever was shown this state of things.

Polls that change something: only the parts that did."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from amicopy.audit.actor import Actor
from amicopy.copies.core.models import Attempt, CopyRequest, ImageCopy
from tests.audit.writing import write
from tests.copies.conftest import Submit, approve, make_call, make_person
from tests.copies.conftest import approver as approver
from tests.copies.conftest import requester as requester
from tests.copies.conftest import submit as submit
from tests.web.conftest import SignedIn, typed
from tests.web.page import Page, read

pytestmark = pytest.mark.django_db


def polled_by(client: Client, page: str) -> tuple[str, str]:
    """The address a page polls, and the tag it does it with."""
    poll = read(client.get(page)).polled
    assert poll, page
    return poll.address, poll.tag


@pytest.mark.parametrize("page", ["/", "/requests/", "/approvals/", "/audit/", "/requests/{}/"])
def test_an_unchanged_poll_costs_four_statements_at_most(
    signed_in: SignedIn, django_assert_max_num_queries: DjangoAssertNumQueries, page: str
) -> None:
    signed_in("requester").post("/requests/new/", typed())
    client = signed_in("administrator")
    address, tag = polled_by(client, page.format(CopyRequest.objects.latest("pk").pk))
    with django_assert_max_num_queries(4):
        answer = client.get(address, headers={"HX-Request": "true", "If-None-Match": f'"{tag}"'})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_tag_is_of_use_only_to_the_person_who_was_given_it(signed_in: SignedIn) -> None:
    owner, other = signed_in("requester"), signed_in("requester", name="requester-2")
    owner.post("/requests/new/", typed())
    address, tag = polled_by(owner, f"/requests/{CopyRequest.objects.latest('pk').pk}/")
    headers = {"HX-Request": "true", "If-None-Match": f'"{tag}"'}
    assert owner.get(address, headers=headers).status_code == 304
    assert other.get(address, headers=headers).status_code == 404


def test_whoever_may_no_longer_sign_in_gets_no_304(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    client.post("/requests/new/", typed())
    row = CopyRequest.objects.latest("pk")
    address, tag = polled_by(client, f"/requests/{row.pk}/")
    row.requester.is_active = False
    row.requester.save()
    answer = client.get(address, headers={"HX-Request": "true", "If-None-Match": f'"{tag}"'})
    assert answer["HX-Redirect"].startswith("/sign-in/")


# What no change of progress brings again.
STILL = {"timeline", "charts"}
ENCODED = "Encoded authorization failure message: " + "a" * 20


def parts(answer: Page) -> dict[str, str]:
    """The fingerprints of the parts in a page or an answer, by the part's id."""
    return {part.attribute("id"): part.attribute("data-part") for part in answer.marked("data-part")}


def kept(answer: Page) -> set[str]:
    """The ids of the parts that came empty."""
    empty = [part for part in answer.marked("data-part") if part.has("data-kept")]
    assert not any(part.text for part in empty)
    return {part.attribute("id") for part in empty}


class Open:
    """A request's page that stays open."""

    def __init__(self, client: Client, number: int, unfolded: str = "") -> None:
        self.client, self.number = client, number
        page = read(client.get(f"/requests/{number}/", {"open": unfolded} if unfolded else {}))
        assert page.polled
        self.parts, self.tag, self.address = parts(page), page.polled.tag, page.polled.address

    def poll(self) -> Page:
        """What comes once something changed. The page then has what came."""
        CopyRequest.objects.filter(pk=self.number).update(version=F("version") + 1)
        headers = {"HX-Request": "true", "If-None-Match": f'"{self.tag}"', "HX-Parts": " ".join(self.parts.values())}
        answer = self.client.get(self.address, headers=headers)
        assert answer.status_code == 200
        page = read(answer)
        self.tag, self.parts = answer["ETag"].strip('"'), parts(page)
        return page


@pytest.fixture
def copying(submit: Submit, approver: User) -> CopyRequest:
    """A request with two copies that have been under way for an hour."""
    row = submit(make_call(), make_call("sa-east-1"))
    approve(approver, row)
    snapshot = {"SnapshotId": "snap-1", "DeviceName": "/dev/xvda", "VolumeSize": 10, "Progress": 50, "State": "pending"}
    # Half a minute past the hour: "46 to 76 min left" stays the same while the test runs.
    called_at = timezone.now() - timedelta(minutes=60, seconds=30)
    for copy in row.copies.all():
        copy.state, copy.progress, copy.snapshots, copy.called_at = "COPYING", 50, [snapshot], called_at
        copy.ImageId = f"ami-{copy.pk:017x}"
        copy.save()
    return row


def names(row: CopyRequest) -> tuple[str, str]:
    """The ids of both rows."""
    first, second = row.copies.order_by("position")
    return f"copy-{first.pk}", f"copy-{second.pk}"


def test_a_poll_brings_only_the_parts_that_changed(signed_in: SignedIn, copying: CopyRequest) -> None:
    first, second = names(copying)
    page = Open(signed_in("requester"), copying.pk)
    assert set(page.parts) == {first, second, *STILL}
    ImageCopy.objects.filter(request=copying, position=0).update(progress=70)
    before = page.parts
    answer = page.poll()
    assert kept(answer) == {second, *STILL}
    assert answer.marks("data-progress") == ["70"]
    assert answer.title.startswith("60% – ")
    assert "sa-east-1" not in answer.source
    assert page.parts[second] == before[second]
    assert kept(page.poll()) == {first, second, *STILL}


def test_a_page_that_names_no_parts_gets_all_of_them(signed_in: SignedIn, copying: CopyRequest) -> None:
    page = Open(signed_in("requester"), copying.pk)
    page.parts = {}
    answer = page.poll()
    assert kept(answer) == set()
    assert "sa-east-1" in answer.text
    assert "Submitted the request" in answer.region("Timeline").text


def test_a_whole_page_keeps_nothing_whatever_its_request_names(signed_in: SignedIn, copying: CopyRequest) -> None:
    client = signed_in("requester")
    known = " ".join(Open(client, copying.pk).parts.values())
    page = read(client.get(f"/requests/{copying.pk}/", headers={"HX-Parts": known}))
    assert (kept(page), len(parts(page))) == (set(), 4)


def _copy(**fields: Any) -> Callable[[ImageCopy], object]:
    return lambda copy: ImageCopy.objects.filter(pk=copy.pk).update(**fields)


def _attempt(**fields: Any) -> Callable[[ImageCopy], object]:
    return lambda copy: Attempt.objects.filter(copy=copy).update(**fields)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_copy(wait_code="aws-unreachable"), "AWS can't be reached right now."),
        (_copy(snapshots=[]), "eu-west-1"),
        (_copy(state="CANCELLING"), "Cancelling"),
        (_copy(state="FAILED", error_code="Client.Odd", error_message="Odd"), "Client.Odd"),
        (_copy(called_at=F("called_at") - timedelta(minutes=30)), "69 to 114 min left"),
        (_copy(called_at=F("called_at") - timedelta(days=2)), "Overdue"),
        (_attempt(first_called_at=Now(), error_code="Client.Odd"), "Client.Odd"),
        (_attempt(first_called_at=Now(), in_doubt=True), "Not known yet"),
    ],
    ids=["waiting", "no snapshots", "state", "failed", "time left", "overdue", "attempt", "attempt in doubt"],
)
def test_a_row_comes_again_with_everything_that_it_shows(
    signed_in: SignedIn, copying: CopyRequest, change: Callable[[ImageCopy], object], words: str
) -> None:
    first, second = names(copying)
    page = Open(signed_in("requester"), copying.pk, unfolded="eu-west-1")
    change(copying.copies.get(position=0))
    answer = page.poll()
    assert first not in kept(answer)
    assert second in kept(answer)
    assert words in answer.by_id(first).text


def test_the_rows_come_again_as_time_passes(
    signed_in: SignedIn, copying: CopyRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Open(signed_in("requester"), copying.pk)
    later = timezone.now() + timedelta(minutes=20)
    monkeypatch.setattr(timezone, "now", lambda: later)
    answer = page.poll()
    assert kept(answer) == STILL
    assert answer.text.count("61 to 101 min left") == 3


def test_what_only_the_engine_reads_brings_no_row_again(signed_in: SignedIn, copying: CopyRequest) -> None:
    page = Open(signed_in("requester"), copying.pk)
    ImageCopy.objects.filter(request=copying).update(
        next_step_at=timezone.now() + timedelta(minutes=1), lease_until=timezone.now(), failures=3
    )
    assert kept(page.poll()) == {*names(copying), *STILL}


def test_a_row_comes_again_for_who_has_got_another_right(signed_in: SignedIn, copying: CopyRequest) -> None:
    ImageCopy.objects.filter(request=copying, position=0).update(
        state="FAILED", error_code="UnauthorizedOperation", error_message=ENCODED
    )
    page = Open(signed_in("auditor"), copying.pk)
    make_person("auditor", "auditor", "administrator")
    answer = page.poll()
    assert answer.buttons("Decode AWS")
    assert kept(answer) == STILL


def test_the_parts_come_again_in_another_time_zone(signed_in: SignedIn, copying: CopyRequest) -> None:
    page = Open(signed_in("requester"), copying.pk)
    page.client.cookies["browser-time-zone"] = "Asia/Tokyo"
    answer = page.poll()
    assert kept(answer) == set()
    assert " JST" in answer.text


def test_a_row_stays_unfolded_however_often_the_page_polls(signed_in: SignedIn, copying: CopyRequest) -> None:
    first, second = names(copying)
    page = Open(signed_in("requester"), copying.pk, unfolded="sa-east-1")
    ImageCopy.objects.filter(request=copying).update(progress=70)
    answer = page.poll()
    assert "snap-1" in answer.by_id(second).text
    assert "snap-1" not in answer.by_id(first).text
    assert answer.by_id(f"un{second.replace('copy', 'fold')}").attribute("aria-expanded") == "true"


def test_the_timeline_comes_again_with_each_event(signed_in: SignedIn, copying: CopyRequest) -> None:
    page = Open(signed_in("requester"), copying.pk)
    write("request.cancelled", actor=Actor(name="somebody", source="page"), request=copying.pk)
    answer = page.poll()
    assert kept(answer) == {*names(copying), "charts"}
    assert "By somebody" in answer.region("Timeline").text


def test_the_timeline_comes_again_with_the_next_step(signed_in: SignedIn, copying: CopyRequest) -> None:
    page = Open(signed_in("requester"), copying.pk)
    ImageCopy.objects.filter(request=copying, position=0).update(state="QUEUED", progress=0)
    answer = page.poll()
    assert "Starts by itself" in answer.text
    assert kept(answer) == {names(copying)[1]}


def test_a_changed_poll_costs_as_many_statements_however_many_copies_there_are(
    signed_in: SignedIn, copying: CopyRequest
) -> None:
    page = Open(signed_in("requester"), copying.pk)
    copy = copying.copies.get(position=0)
    for position in range(2, 6):
        copy.pk, copy.position, copy.ImageId = None, position, f"ami-{position:017x}"
        copy.save()
    assert len(parts(page.poll())) == 8
    ImageCopy.objects.filter(request=copying).update(progress=70)
    with CaptureQueriesContext(connection) as statements:
        assert kept(page.poll()) == STILL
    assert len([each for each in statements if each["sql"].startswith("SELECT")]) == 8


def test_a_timeline_that_stays_is_not_looked_up(signed_in: SignedIn, copying: CopyRequest) -> None:
    page = Open(signed_in("requester"), copying.pk)
    with CaptureQueriesContext(connection) as statements:
        page.poll()
    asked = [each["sql"] for each in statements if "audit_auditevent" in each["sql"]]
    assert [("copies_copyrequest" in sql, '"audit_auditevent"."data"' in sql) for sql in asked] == [(True, False)]


def test_a_session_of_before_a_new_password_gets_neither_a_304_nor_a_page(signed_in: SignedIn) -> None:
    """Mutant M44: the poll goes by the session as every page does."""
    client = signed_in("requester")
    client.post("/requests/new/", typed())
    row = CopyRequest.objects.latest("pk")
    address, tag = polled_by(client, f"/requests/{row.pk}/")
    headers = {"HX-Request": "true", "If-None-Match": f'"{tag}"'}
    assert client.get(address, headers=headers).status_code == 304
    row.requester.set_password("another-password-2")
    row.requester.save()
    answer = client.get(address, headers=headers)
    assert answer["HX-Redirect"].startswith("/sign-in/")
