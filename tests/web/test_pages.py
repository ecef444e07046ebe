"""The pages: the main job through them, closed by default, and what each role sees."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.urls.resolvers import URLResolver

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest
from amicopy.urls import urlpatterns
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db
# Metrics are open to a token or addresses that settings name, and to nobody else: tests/web/test_metrics.py.
OPEN = {"sign-in", "sign-on", "sign-on-return", "sign-on-ended", "healthz", "readyz", "password-set", "metrics"}


def submitted(client: Client, **changes: str) -> CopyRequest:
    answer = client.post("/requests/new/", typed(**changes))
    assert answer.status_code == 302, read(answer).text
    return CopyRequest.objects.latest("pk")


def test_a_request_goes_from_form_to_approval_and_history(signed_in: SignedIn) -> None:
    requester, approver = signed_in("requester"), signed_in("approver")
    row = submitted(
        requester,
        **{
            "destinations-1-DestinationRegion": "us-west-2",
            "tags-0-Key": "team",
            "tags-0-Value": "platform",
            "tags-0-image": "on",
        },
    )
    assert row.copies.count() == 2
    first = row.calls_as_asked()[0].parameters
    assert first == {
        "SourceRegion": "us-east-1",
        "SourceImageId": "ami-0a7f3c92d41be6058",
        "Name": "golden-al2023-2026.11.24",
        "TagSpecifications": [{"ResourceType": "image", "Tags": [{"Key": "team", "Value": "platform"}]}],
    }
    page = read(approver.get("/approvals/"))
    assert page.marks("data-request") == [str(row.pk)]
    assert page.buttons(f"Approve #{row.pk}")
    answer = approver.post(f"/requests/{row.pk}/approve/", {"content_hash": row.content_hash}, follow=True)
    assert "is approved" in read(answer).told
    page = read(requester.get(f"/requests/{row.pk}/"))
    assert [part.attribute("data-state") for part in page.marked("data-request")] == ["APPROVED"]
    assert [part.attribute("data-state") for part in page.marked("data-copy")] == ["QUEUED"] * 2
    history = read(approver.get(f"/audit/?request={row.pk}")).table("Audit events")
    assert history.links("Submitted the request")
    assert history.links("Approved the request")


def test_every_address_is_closed_to_whoever_is_not_signed_in(client: Client) -> None:
    walked = 0
    for pattern in urlpatterns:
        if isinstance(pattern, URLResolver):
            # Closed without a token or a signature: tests/api/test_scopes.py, tests/api/test_ec2_signers.py.
            assert pattern.namespace in {"api", "ec2"}
            continue
        if pattern.name in OPEN:
            continue
        arguments = [1] * len(pattern.pattern.converters)
        for method in (client.get, client.post):
            answer = method(reverse(str(pattern.name), args=arguments))
            assert answer.status_code == 302, pattern.name
            assert answer["Location"].startswith("/sign-in/"), pattern.name
        walked += 1
    assert walked > 10


def test_a_requester_sees_and_moves_only_their_own_requests(signed_in: SignedIn) -> None:
    row = submitted(signed_in("requester"))
    other = signed_in("requester", name="requester-2")
    assert other.get(f"/requests/{row.pk}/").status_code == 404
    for verb in ("approve", "reject", "withdraw", "cancel", "retry", "request-changes"):
        assert other.post(f"/requests/{row.pk}/{verb}/").status_code == 404
    assert str(row.Name) not in read(other.get("/requests/")).source
    event = AuditEvent.objects.filter(request=row.pk).latest("pk")
    assert other.get(f"/audit/{event.pk}/").status_code == 404
    assert other.get("/approvals/").status_code == 403


def test_deciding_on_ones_own_request_is_refused_with_words(signed_in: SignedIn) -> None:
    both = signed_in("administrator")
    row = submitted(both)
    assert not read(both.get("/approvals/")).buttons("Approve #")
    answer = both.post(f"/requests/{row.pk}/approve/", {"content_hash": row.content_hash}, follow=True)
    assert "your own request" in read(answer).told
    row.refresh_from_db()
    assert row.state == "PENDING"


def test_the_second_of_two_approvers_sees_what_happened(signed_in: SignedIn) -> None:
    row = submitted(signed_in("requester"))
    for name, words in (("approver", "is approved"), ("approver-2", "is approved already")):
        client = signed_in("approver", name=name)
        answer = client.post(f"/requests/{row.pk}/approve/", {"content_hash": row.content_hash}, follow=True)
        assert words in read(answer).told
    assert row.decisions.count() == 1


def test_an_unchanged_poll_is_a_304_without_a_body(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    row = submitted(client)
    first = client.get(f"/requests/{row.pk}/", headers={"HX-Request": "true"})
    assert first.status_code == 200
    assert not read(first).is_whole
    tag = first["ETag"].strip('"')
    again = client.get(f"/requests/{row.pk}/", headers={"HX-Request": "true", "If-None-Match": f'"{tag}"'})
    assert (again.status_code, again.content) == (304, b"")
    CopyRequest.objects.filter(pk=row.pk).update(version=row.version + 1)
    assert (
        client.get(f"/requests/{row.pk}/", headers={"HX-Request": "true", "If-None-Match": f'"{tag}"'}).status_code
        == 200
    )


def test_the_last_answer_does_not_ask_again(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    row = submitted(client)
    assert read(client.get(f"/requests/{row.pk}/", headers={"HX-Request": "true"})).polled
    client.post(f"/requests/{row.pk}/withdraw/")
    assert not read(client.get(f"/requests/{row.pk}/", headers={"HX-Request": "true"})).marked("hx-trigger")


@pytest.mark.parametrize("path", ["/requests/", "/requests/new/", "/approvals/", "/audit/", "/requests/{}/"])
def test_no_page_has_inline_script_or_style(signed_in: SignedIn, path: str) -> None:
    client = signed_in("administrator")
    row = submitted(client)
    answer = client.get(path.format(row.pk))
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son[a-z]+=", read(answer).source)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "query",
    [
        "request=x",
        "since=yesterday",
        "before=abc",
        "until=2026-13-45",
        "request=99999999999999999999",
        "q=%00",
        "copy=-1",
        "before=-5",
        "since=0000-00-00",
        "q=" + "x" * 5000,
    ],
)
def test_garbage_in_the_history_filters_is_answered_with_words(signed_in: SignedIn, query: str) -> None:
    assert signed_in("auditor").get(f"/audit/?{query}").status_code == 200


@pytest.mark.parametrize(
    "query", ["page=abc", "view=nonsense", "q=%00%FF", "region=%3Cscript%3E", "page=999999", "q=" + "9" * 40]
)
def test_garbage_in_the_list_filters_is_harmless(signed_in: SignedIn, query: str) -> None:
    answer = signed_in("requester").get(f"/requests/?{query}")
    assert answer.status_code == 200
    assert "<script>" not in read(answer).source


def test_numbers_beyond_the_database_are_not_found(signed_in: SignedIn) -> None:
    client = signed_in("auditor")
    for path in ("/requests/{}/", "/audit/{}/"):
        assert client.get(path.format(10**30)).status_code == 404


def test_signing_in_and_failing_to_are_in_the_history(client: Client, signed_in: SignedIn) -> None:
    user = User.objects.create_user("auditor-2", password="a-long-password-1")
    bad = client.post("/sign-in/", {"username": "auditor-2", "password": "wrong"})
    assert bad.status_code == 422
    assert client.post("/sign-in/", {"username": "auditor-2", "password": "a-long-password-1"}).status_code == 302
    assert list(AuditEvent.objects.order_by("pk").values_list("action", "actor_id")) == [
        ("person.sign_in_failed", None),
        ("person.signed_in", user.pk),
    ]
    assert "wrong" not in str(list(AuditEvent.objects.values()))


def test_guessing_passwords_is_stopped_with_words_and_an_event(client: Client, db: None) -> None:
    User.objects.create_user("guessed", password="a-long-password-1")
    for _ in range(10):
        answer = client.post("/sign-in/", {"username": "guessed", "password": "wrong"})
    assert answer.status_code == 429
    assert "Too many tries" in read(answer).text
    assert client.post("/sign-in/", {"username": "guessed", "password": "a-long-password-1"}).status_code == 429
    assert AuditEvent.objects.filter(action="person.locked_out").exists()
