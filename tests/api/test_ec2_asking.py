"""The EC2 endpoint: from a call of CopyImage to a request, and from its end to an answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from amicopy.api.ec2 import copy_requests
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.requests import cancel_retry, verbs
from tests.api.conftest import account
from tests.api.ec2_caller import Ec2Caller, caller, code, image_of, new_key, said
from tests.copies.conftest import acting, approve, approver, make_call, make_person, requester

__all__ = ("account", "approver", "caller", "requester")
pytestmark = pytest.mark.django_db


def finish(row: CopyRequest, image: str = "ami-0123456789abcdef0") -> None:
    """The request is done, and its copy has become this image."""
    ImageCopy.objects.filter(request=row, round=row.round).update(state="AVAILABLE", ImageId=image, progress=100)
    CopyRequest.objects.filter(pk=row.pk).update(
        state="COMPLETED", finished_at=timezone.now(), version=F("version") + 1
    )


def test_a_call_files_a_request_and_the_same_call_answers_with_its_image(caller: Ec2Caller, approver: User) -> None:
    status, error, words = said(caller())
    row = CopyRequest.objects.get()
    assert (status, error) == (400, "PendingApproval")
    assert f"/requests/{row.pk}/" in words
    assert row.calls_as_asked()[0].parameters == make_call().parameters
    assert row.copies.get().ClientToken == "turn-eu-west-1-1"
    assert (row.requester.username, row.account.account_id) == ("requester", "111122223333")
    assert row.reason == "Asked through the EC2 endpoint, where no reason can be given, with the key “terraform”."
    assert "waits for approval" in said(caller())[2]
    approve(approver, row)
    assert "is approved; its copy is at 0 percent" in said(caller())[2]
    finish(row)
    assert image_of(caller()) == "ami-0123456789abcdef0"
    assert CopyRequest.objects.count() == 1


def test_the_history_names_the_key_and_has_the_id_of_the_answer(caller: Ec2Caller) -> None:
    answer = caller()
    event = AuditEvent.objects.get(action="request.submitted")
    assert event.data["token"] == {"id": caller.key, "name": "terraform", "owner": "requester"}
    assert f"<RequestID>{event.correlation_id}</RequestID>".encode() in answer.content


@pytest.mark.parametrize(
    "change",
    [
        {"Name": "golden-other"},
        {"Description": "x"},
        {"TagSpecification.1.ResourceType": "image", "TagSpecification.1.Tag.1.Key": "team"},
    ],
)
def test_another_call_is_another_request(caller: Ec2Caller, change: dict[str, str]) -> None:
    caller()
    assert code(caller(change)) == "PendingApproval"
    caller.region = "us-west-2"
    caller(change)
    assert CopyRequest.objects.count() == 3


def test_what_is_left_out_anyway_makes_no_other_call(caller: Ec2Caller) -> None:
    caller()
    caller({"DryRun": "false", "CopyImageTags": "false", "Description": ""})
    assert CopyRequest.objects.count() == 1


def test_somebody_elses_same_call_is_their_own_request(caller: Ec2Caller) -> None:
    caller()
    row, secret = new_key(make_person("other", "requester"))
    Ec2Caller(row.shown_id, secret)({"ClientToken": "mine"})
    assert CopyRequest.objects.count() == 2


def test_every_member_becomes_what_the_form_takes(caller: Ec2Caller) -> None:
    sent = {
        "Description": "Week 47",
        "Encrypted": "true",
        "KmsKeyId": "alias/golden-images",
        "CopyImageTags": "true",
        "SnapshotCopyCompletionDurationMinutes": "30",
        "TagSpecification.1.ResourceType": "image",
        "TagSpecification.1.Tag.1.Key": "team",
        "TagSpecification.1.Tag.1.Value": "Plattform é",
        "TagSpecification.1.Tag.2.Key": "stage",
        "TagSpecification.1.Tag.2.Value": "prod",
    }
    assert code(caller(sent)) == "PendingApproval"
    assert CopyRequest.objects.get().calls_as_asked()[0].parameters == {
        **make_call().parameters,
        "Description": "Week 47",
        "Encrypted": True,
        "KmsKeyId": "alias/golden-images",
        "CopyImageTags": True,
        "SnapshotCopyCompletionDurationMinutes": 30,
        "TagSpecifications": [
            {
                "ResourceType": "image",
                "Tags": [{"Key": "team", "Value": "Plattform é"}, {"Key": "stage", "Value": "prod"}],
            }
        ],
    }


@pytest.mark.parametrize(
    ("end", "expected", "words"),
    [
        ("reject", "ApprovalRejected", "Which ticket?"),
        ("request_changes", "PendingApproval", "Which ticket?"),
        ("expire", "ApprovalExpired", "expired before anybody decided"),
        ("withdraw", "RequestWithdrawn", "was withdrawn"),
        ("cancel", "CopyCancelled", "was cancelled"),
        ("fail", "CopyFailed", "InvalidKmsKey.InvalidState: The key is pending deletion"),
    ],
)
def test_every_other_end_has_its_code_and_its_reason(
    caller: Ec2Caller, requester: User, approver: User, end: str, expected: str, words: str
) -> None:
    caller()
    row = CopyRequest.objects.get()
    if end in {"reject", "request_changes"}:
        getattr(verbs, end)(acting(approver), row.pk, seen_hash=row.content_hash, reason="Which ticket?")
    elif end == "expire":
        CopyRequest.objects.update(state="EXPIRED")
    elif end == "withdraw":
        verbs.withdraw(acting(requester), row.pk)
    else:
        approve(approver, row)
        if end == "cancel":
            cancel_retry.cancel(acting(requester), row.pk)
        else:
            said_by_aws = {"error_code": "InvalidKmsKey.InvalidState", "error_message": "The key is pending deletion"}
            ImageCopy.objects.update(state="FAILED", **said_by_aws)
            CopyRequest.objects.update(state="FAILED", finished_at=timezone.now())
    for _ in range(2):
        status, error, told = said(caller())
        assert (status, error) == (400, expected)
        assert words in told
    assert CopyRequest.objects.count() == 1


def test_an_end_is_said_for_a_week_and_then_the_call_asks_anew(caller: Ec2Caller, approver: User) -> None:
    caller({"ClientToken": "mine"})
    row = CopyRequest.objects.get()
    approve(approver, row)
    long_ago = timezone.now() - timedelta(days=400)
    CopyRequest.objects.update(submitted_at=long_ago, decided_at=long_ago)
    # Open, it is found whatever its age.
    assert code(caller()) == "PendingApproval"
    finish(row)
    assert image_of(caller()) == "ami-0123456789abcdef0"
    CopyRequest.objects.update(finished_at=timezone.now() - copy_requests.FOUND_FOR)
    # By its own token it is found for ever.
    assert image_of(caller({"ClientToken": "mine"})) == "ami-0123456789abcdef0"
    assert code(caller()) == "PendingApproval"
    assert code(caller()) == "PendingApproval"
    assert CopyRequest.objects.count() == 2


def test_a_request_that_a_person_changed_never_passes_for_the_call(
    caller: Ec2Caller, requester: User, approver: User
) -> None:
    caller()
    row = CopyRequest.objects.get()
    verbs.request_changes(acting(approver), row.pk, seen_hash=row.content_hash, reason="Another name")
    verbs.resubmit(acting(requester), row.pk, reason="PLAT-1", calls=[make_call(Name="another-name")])
    row.refresh_from_db()
    finish(row)
    assert code(caller()) == "RequestChanged"
    assert CopyRequest.objects.count() == 1


def test_a_token_of_another_call_is_said(caller: Ec2Caller) -> None:
    caller({"ClientToken": "mine"})
    status, error, words = said(caller({"ClientToken": "mine", "Name": "golden-other"}))
    assert (status, error) == (400, "IdempotentParameterMismatch")
    assert "used before in eu-west-1" in words


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_of_calls_at_the_same_instant_one_is_filed(requester: User, settings: Settings) -> None:
    settings.EC2_DOOR = True
    row, secret = new_key(requester)
    barrier = threading.Barrier(6)

    def call(number: int) -> str:
        try:
            caller = Ec2Caller(row.shown_id, secret)
            barrier.wait()
            return code(caller({"ClientToken": f"thread-{number}"}))
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(call, range(6))) == {"PendingApproval"}
    assert CopyRequest.objects.count() == 1


def test_a_dry_run_says_what_the_rules_say_and_files_nothing(caller: Ec2Caller) -> None:
    assert said(caller({"DryRun": "true"}))[:2] == (412, "DryRunOperation")
    status, error, words = said(caller({"DryRun": "true", "Name": "x"}))
    assert (status, error) == (400, "InvalidParameterValue")
    assert words.startswith("Name: ")
    User.objects.filter(username="approver").update(is_active=False)
    status, error, words = said(caller({"DryRun": "true"}))
    assert (status, error) == (403, "UnauthorizedOperation")
    assert "nobody could approve this" in words
    assert not CopyRequest.objects.exists()
