"""Whatever happens to a request reaches the pages of it that are open: a poll is a 304 only while nothing does."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies import tasks
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.operations import people
from amicopy.copies.requests import cancel_retry, verbs
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, make_call, make_person, make_rule
from tests.copies.conftest import approver as approver
from tests.copies.conftest import requester as requester
from tests.copies.conftest import submit as submit
from tests.web.conftest import SignedIn
from tests.web.page import Page, read

pytestmark = pytest.mark.django_db

ROLE = "approver"


class Open:
    """A request's page that stays open and polls as a browser does."""

    def __init__(self, client: Client, request: CopyRequest) -> None:
        self.client, self.address = client, f"/requests/{request.pk}/"
        poll = read(client.get(self.address)).polled
        assert poll
        self.tag = poll.tag
        assert self.poll() is None

    def ask(self) -> Any:
        """What a poll is answered with; of an answer that brings something, the page then has its tag."""
        headers = {"HX-Request": "true", "If-None-Match": f'"{self.tag}"'}
        answer = self.client.get(self.address, headers=headers)
        self.tag = answer.get("ETag", "").strip('"')
        return answer

    def poll(self) -> Page | None:
        """What came, and None for a 304. What comes once doesn't come again."""
        answer = self.ask()
        if answer.status_code == 304:
            return None
        assert answer.status_code == 200
        assert self.ask().status_code == 304
        return read(answer)

    def text(self) -> str:
        """What came, as text. Something has to have come."""
        page = self.poll()
        assert page, "the page hears nothing of it"
        return page.text


@pytest.fixture
def running(submit: Submit, approver: User, sandbox: Control) -> CopyRequest:
    """A request whose copy has begun."""
    row = approve(approver, submit())
    tasks.start_due(wake=False)
    return row


def test_a_vote_that_is_not_the_last_one(signed_in: SignedIn, submit: Submit, approver: User) -> None:
    make_person("approver-2", ROLE)
    make_rule("Two", requirements=[{"group": ROLE, "count": 2}])
    row = submit()
    page = Open(signed_in("requester"), row)
    approve(approver, row)
    assert "Waits for 1 approval" in page.text()


def test_a_decision(signed_in: SignedIn, submit: Submit, approver: User) -> None:
    row = submit()
    page = Open(signed_in("requester"), row)
    verbs.request_changes(acting(approver), row.pk, reason="Another key, please.")
    assert "Changes requested" in page.text()


def test_the_state_of_a_copy_and_its_progress(
    signed_in: SignedIn, submit: Submit, approver: User, sandbox: Control
) -> None:
    sandbox("settings", copy_seconds=200)
    row = approve(approver, submit())
    page = Open(signed_in("requester"), row)
    tasks.start_due(wake=False)
    assert "Copying" in page.text()
    sandbox("advance", seconds=100)
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.track_due()
    progress = row.copies.get().progress
    assert 0 < progress < 100
    assert f"{progress}%" in page.text()
    sandbox("advance", seconds=900)
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.track_due()
    assert "Available" in page.text()


def test_somebody_elses_cancellation(signed_in: SignedIn, running: CopyRequest, approver: User) -> None:
    page = Open(signed_in("requester"), running)
    cancel_retry.cancel(acting(approver), running.pk)
    assert "Cancelling" in page.text()


def test_a_place_in_the_queue(
    signed_in: SignedIn, running: CopyRequest, submit: Submit, approver: User, settings: Settings
) -> None:
    settings.COPIES_AT_ONCE = 1
    second, third = (approve(approver, submit(make_call(Name=name))) for name in ("second", "third"))
    first, last = Open(signed_in("requester"), running), Open(signed_in("requester"), third)
    cancel_retry.cancel(acting(approver), second.pk)
    assert "1st of 1" in last.text()
    assert first.poll() is None, "who waits is no matter of a page without waiting copies"


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "given"])
def test_what_the_viewer_may_do(signed_in: SignedIn, running: CopyRequest, taken: bool) -> None:
    client = signed_in(*(("approver-2", "auditor", ROLE) if taken else ("approver-2", "auditor")), name="approver-2")
    boss, viewer = make_person("administrator", "administrator"), User.objects.get(username="approver-2")
    page = Open(client, running)
    people.set_roles(acting(boss), viewer.pk, ["auditor"] if taken else ["auditor", ROLE])
    assert ("Cancel the copy" in page.text()) is not taken


def test_a_page_that_the_viewer_may_no_longer_see(signed_in: SignedIn, running: CopyRequest) -> None:
    client, boss = signed_in("auditor"), make_person("administrator", "administrator")
    page = Open(client, running)
    people.set_roles(acting(boss), User.objects.get(username="auditor").pk, ["requester"])
    assert page.ask().status_code == 404
