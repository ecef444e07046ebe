"""F22: what AWS didn't show at submission is looked at again, by itself and by a button, before somebody decides."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.lookups import async_queries, closer_looks
from tests.conftest import Control
from tests.copies.conftest import approve, make_person
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db


KEYED = {"destinations-0-Encrypted": "true", "destinations-0-KmsKeyId": "alias/golden-images"}


@pytest.fixture
def unseen(signed_in: SignedIn, sandbox: Control, monkeypatch: pytest.MonkeyPatch) -> CopyRequest:
    """A request that was submitted while AWS answered nothing; AWS answers again."""
    sandbox("faults", kind="hang", count=None)
    with monkeypatch.context() as hurried:
        hurried.setattr(async_queries.deadline, "__defaults__", (0.2,))
        assert signed_in("requester").post("/requests/new/", typed(**KEYED)).status_code == 302
    sandbox("reset", method="POST")
    # Questions that hang are nobody's any more, as they are minutes later.
    async_queries.forget_all()
    request = CopyRequest.objects.get()
    assert (request.source_seen, request.lookups["missing"]["source"]) == ({}, "AWS didn't answer in time.")
    return request


def panel(client: Client, request: CopyRequest) -> str:
    """What a poll brings of what was found out, in words."""
    found = read(client.get(f"/requests/{request.pk}/", headers={"HX-Request": "true"})).by_id("found")
    assert found.attribute("hx-swap-oob") == "outerMorph"
    return found.text


def test_f22_it_is_looked_at_again_by_itself(signed_in: SignedIn, unseen: CopyRequest) -> None:
    approver, before = signed_in("approver"), unseen.content_hash
    page = panel(approver, unseen)
    assert "The source wasn’t looked at" in page
    assert "it is asked again by itself" in page
    CopyRequest.objects.update(look_again_at=timezone.now() + timedelta(hours=1))
    tasks.look_again_at_requests()
    unseen.refresh_from_db()
    assert unseen.source_seen == {}, "it isn't time yet"
    CopyRequest.objects.update(look_again_at=timezone.now())
    tasks.look_again_at_requests()
    unseen.refresh_from_db()
    assert unseen.lookups["source"]["Name"] == "golden-al2023-x86_64-2026.11.18"
    assert unseen.lookups["destinations"][0]["missing"] == {}
    assert unseen.look_again_at is not None
    assert unseen.look_again_at > timezone.now() + timedelta(hours=11), "only its closer look grows old"
    page = panel(approver, unseen)
    assert "wasn’t looked at" not in page
    assert "Name free" in page
    assert "it is asked again" not in page
    # Nobody had approved: the approval binds to the source as it is seen now, and to nothing seen before.
    assert unseen.source_seen["Name"] == "golden-al2023-x86_64-2026.11.18"
    assert unseen.copies.get().key_seen.startswith("arn:aws:kms:eu-west-1:")
    assert unseen.content_hash != before
    assert unseen.content_hash == unseen.hash_of_content()
    event = AuditEvent.objects.get(action="request.looked_again")
    assert event.data["content_hash"] == unseen.content_hash
    assert "source" in event.data["found"]
    assert event.data["missing"] == []


def test_f22_after_a_vote_a_look_adds_to_what_is_shown_and_voids_nothing(
    signed_in: SignedIn, unseen: CopyRequest
) -> None:
    unseen.plan = [{"group": "approver", "count": 2}]
    unseen.content_hash, unseen.look_again_at = unseen.hash_of_content(), timezone.now()
    unseen.save()
    assert approve(make_person("approver", "approver"), unseen).state == "PENDING"
    tasks.look_again_at_requests()
    before, request = unseen.content_hash, CopyRequest.objects.get()
    assert request.lookups["source"]["ImageId"] == request.SourceImageId
    assert (request.content_hash, request.source_seen) == (before, {})


def test_f22_a_button_looks_at_once(signed_in: SignedIn, unseen: CopyRequest) -> None:
    address = f"/requests/{unseen.pk}/look/"
    for role in ("requester", "approver"):
        assert read(signed_in(role).get(f"/requests/{unseen.pk}/")).form(to=address).buttons("Look again now")
    answer = signed_in("approver").post(address, follow=True)
    assert "AWS was asked again" in read(answer).told
    assert CopyRequest.objects.get().lookups["source"]["ImageId"] == unseen.SourceImageId
    assert AuditEvent.objects.get(action="request.looked_again").actor == "approver"
    answer = signed_in("approver").post(address, follow=True)
    assert "Nothing more is known now." in read(answer).told


def test_f22_who_neither_asks_nor_decides_cannot_have_aws_asked(signed_in: SignedIn, unseen: CopyRequest) -> None:
    auditor = signed_in("auditor")
    assert "Look again now" not in panel(auditor, unseen)
    assert auditor.post(f"/requests/{unseen.pk}/look/").status_code == 403
    assert CopyRequest.objects.get().source_seen == {}


def test_f22_while_aws_stays_away_the_pauses_grow_and_history_stays_quiet(
    signed_in: SignedIn, unseen: CopyRequest, sandbox: Control
) -> None:
    sandbox("faults", kind="drop", count=None)
    for minutes, least in ((1, 20), (60, 1500), (600, 3500)):
        now = timezone.now()
        CopyRequest.objects.update(submitted_at=now - timedelta(minutes=minutes), look_again_at=now)
        async_queries.forget_all()
        tasks.look_again_at_requests()
        at = CopyRequest.objects.get().look_again_at
        assert at is not None
        assert least <= (at - now).total_seconds() <= 3700
    assert not AuditEvent.objects.filter(action="request.looked_again").exists()


@pytest.mark.usefixtures("patient")
def test_what_was_seen_at_submission_is_looked_at_again_only_when_it_is_old(
    signed_in: SignedIn, sandbox: Control
) -> None:
    assert signed_in("requester").post("/requests/new/", typed()).status_code == 302
    request = CopyRequest.objects.get()
    assert request.look_again_at is not None
    assert closer_looks.OLD - (request.look_again_at - timezone.now()) < timedelta(minutes=1)
    calls = len(sandbox("calls"))
    CopyRequest.objects.update(look_again_at=timezone.now())
    tasks.look_again_at_requests()
    assert len(sandbox("calls")) == calls, "it isn't old"
    assert CopyRequest.objects.get().look_again_at == request.look_again_at


LOOKS = ("GetImageFindings", "GetImageAncestry", "DescribeInstanceTypeOfferings")


def age(request: CopyRequest, hours: float) -> None:
    """Lets what a request keeps of its look-ups be so old, and has it looked at now."""
    request.lookups["asked_at"] = (timezone.now() - timedelta(hours=hours)).isoformat()
    request.look_again_at = timezone.now()
    request.save()
    cache.clear()


@pytest.mark.usefixtures("patient")
def test_a_closer_look_that_failed_is_taken_again_before_somebody_decides(
    signed_in: SignedIn, sandbox: Control
) -> None:
    for action in LOOKS:
        sandbox("faults", kind="error", action=action, code="InternalError", status=500, count=None)
    assert signed_in("requester").post("/requests/new/", typed()).status_code == 302
    request = CopyRequest.objects.get()
    assert closer_looks.lacking(request.lookups) == {"findings", "ancestry", "eu-west-1: offered"}
    page = panel(signed_in("approver"), request)
    assert "Ancestry not known" in page
    assert "it is asked again by itself" in page
    sandbox("faults", method="DELETE")
    age(request, 0)
    tasks.look_again_at_requests()
    after = CopyRequest.objects.get()
    assert closer_looks.lacking(after.lookups) == set()
    assert after.lookups["inspection"]["findings"]["counts"] == {"medium": 1, "low": 1}
    assert after.lookups["destinations"][0]["offered"]
    assert (after.content_hash, after.source_seen) == (request.content_hash, request.source_seen)
    assert after.version > request.version
    assert "Ancestry not known" not in panel(signed_in("approver"), after)
    told = AuditEvent.objects.get(action="request.looked_again").data["renewed"]
    assert {"findings", "ancestry", "not_known", "eu-west-1: offered"} <= set(told)
    assert after.look_again_at is not None
    assert after.look_again_at > timezone.now() + timedelta(hours=11)


@pytest.mark.usefixtures("patient")
def test_a_closer_look_that_is_refused_is_not_taken_again_soon(signed_in: SignedIn, sandbox: Control) -> None:
    for action in LOOKS:
        sandbox("faults", kind="error", action=action, code="UnauthorizedOperation", status=403, count=None)
    assert signed_in("requester").post("/requests/new/", typed()).status_code == 302
    request = CopyRequest.objects.get()
    assert closer_looks.lacking(request.lookups) == set()
    assert request.look_again_at is not None
    assert request.look_again_at > timezone.now() + timedelta(hours=11)


@pytest.mark.usefixtures("patient")
def test_a_scan_that_is_old_news_is_looked_at_again_and_the_facts_with_it(
    signed_in: SignedIn, sandbox: Control
) -> None:
    assert signed_in("requester").post("/requests/new/", typed()).status_code == 302
    request = CopyRequest.objects.get()
    scan = request.lookups["source"]["ScanResults"]
    request.lookups["source"]["ScanResults"] = {**scan, "HighestFindingSeverityLabel": "critical", "fixes": {}}
    before = request.content_hash
    age(request, 13)
    assert "worst finding critical" in panel(signed_in("approver"), request)
    tasks.look_again_at_requests()
    after = CopyRequest.objects.get()
    assert after.lookups["source"]["ScanResults"] == scan
    assert after.content_hash == before == after.hash_of_content()
    assert AuditEvent.objects.get(action="request.looked_again").data["renewed"] == ["ScanResults"]
    assert "worst finding medium" in panel(signed_in("approver"), after)
    assert after.lookups["inspection"]["looked_again_at"] > after.lookups["asked_at"]


@pytest.mark.usefixtures("patient")
def test_an_old_look_that_aws_does_not_answer_is_not_taken_again_at_once(signed_in: SignedIn, sandbox: Control) -> None:
    assert signed_in("requester").post("/requests/new/", typed()).status_code == 302
    request = CopyRequest.objects.get()
    request.submitted_at -= timedelta(hours=13)
    age(request, 13)
    sandbox("faults", kind="error", code="InternalError", status=500, count=None)
    tasks.look_again_at_requests()
    after = CopyRequest.objects.get()
    assert after.lookups["inspection"] == request.lookups["inspection"]
    assert after.look_again_at is not None
    assert after.look_again_at > timezone.now() + timedelta(minutes=30)
    assert not AuditEvent.objects.filter(action="request.looked_again").exists()
