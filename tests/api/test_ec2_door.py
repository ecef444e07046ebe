"""The EC2 endpoint: who gets in, what is taken for a call of CopyImage, and what becomes of it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from amicopy.api.ec2 import asking
from amicopy.api.models import SeenSignature
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, Decision, ImageCopy
from amicopy.copies.core.token_models import ApiToken
from amicopy.copies.operations import access_keys, tokens
from amicopy.copies.requests import cancel_retry, verbs
from tests.api.conftest import Program, account, members, pointers, token_of
from tests.api.ec2_caller import CALL, FORM, Ec2Caller, code, image_of, said
from tests.copies.conftest import acting, approve, approver, make_call, make_person, requester

__all__ = ("account", "approver", "requester")
pytestmark = pytest.mark.django_db
Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.EC2_DOOR = True
    cache.clear()


def new_key(user: User, **more: Any) -> tuple[ApiToken, str]:
    return access_keys.make(acting(user), **{"name": "terraform", "account": "111122223333", "days": 30, **more})


@pytest.fixture
def caller(requester: User) -> Ec2Caller:
    row, secret = new_key(requester)
    return Ec2Caller(row.shown_id, secret)


def finish(row: CopyRequest, image: str = "ami-0123456789abcdef0") -> None:
    """The request is done, and its copy has become this image."""
    ImageCopy.objects.filter(request=row, round=row.round).update(state="AVAILABLE", ImageId=image, progress=100)
    CopyRequest.objects.filter(pk=row.pk).update(
        state="COMPLETED", finished_at=timezone.now(), version=F("version") + 1
    )


# --- from the call to the image ---


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
    CopyRequest.objects.update(finished_at=timezone.now() - asking.FOUND_FOR)
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
def test_of_calls_at_the_same_instant_one_is_filed(requester: User) -> None:
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


# --- dry runs ---


def test_a_dry_run_says_what_the_rules_say_and_files_nothing(caller: Ec2Caller) -> None:
    assert said(caller({"DryRun": "true"}))[:2] == (412, "DryRunOperation")
    status, error, words = said(caller({"DryRun": "true", "Name": "x"}))
    assert (status, error) == (400, "InvalidParameterValue")
    assert words.startswith("Name: ")
    Decision.objects.all().delete()
    User.objects.filter(username="approver").update(is_active=False)
    status, error, words = said(caller({"DryRun": "true"}))
    assert (status, error) == (403, "UnauthorizedOperation")
    assert "nobody could approve this" in words
    assert not CopyRequest.objects.exists()


# --- what is no call of CopyImage ---


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Action": "DescribeImages"}, "InvalidAction"),
        ({"Action": "RunInstances"}, "InvalidAction"),
        ({"Action": None}, "MissingAction"),
        ({"Version": "2010-01-01"}, "NoSuchVersion"),
        ({"Version": None}, "NoSuchVersion"),
        ({"Nam": "x"}, "UnknownParameter"),
        ({"x" * 5000: "x"}, "UnknownParameter"),
        ({".".join("a" * 500): "x"}, "UnknownParameter"),
        ({"Name.1": "x"}, "MalformedQueryString"),
        ({"Description.1": "x"}, "UnknownParameter"),
        ({"TagSpecification": "x"}, "InvalidParameterValue"),
        ({"TagSpecification.0.ResourceType": "image"}, "UnknownParameter"),
        ({"TagSpecification.x.ResourceType": "image"}, "UnknownParameter"),
        ({"TagSpecification.²": "image"}, "UnknownParameter"),
        ({"TagSpecification.1.Tag.1.Key": "team"}, "MissingParameter"),
        ({"TagSpecification.1.Color": "red"}, "UnknownParameter"),
        ({"Encrypted": "yes"}, "InvalidParameterValue"),
        ({"DryRun": "True"}, "InvalidParameterValue"),
        ({"SnapshotCopyCompletionDurationMinutes": "1e3"}, "InvalidParameterValue"),
        ({"SnapshotCopyCompletionDurationMinutes": "9" * 400}, "InvalidParameterValue"),
        ({"SnapshotCopyCompletionDurationMinutes": "16"}, "InvalidParameterValue"),
        ({"Name": None}, "MissingParameter"),
        ({"SourceImageId": None}, "MissingParameter"),
        ({"Name": "a\0b"}, "InvalidParameterValue"),
        ({"Name": "\x01\x02"}, "InvalidParameterValue"),
        ({"SourceImageId": "ami-x"}, "InvalidParameterValue"),
        ({"DestinationOutpostArn": "x"}, "InvalidParameterValue"),
    ],
)
def test_what_is_wrong_has_ec2s_code(caller: Ec2Caller, changes: dict[str, str | None], expected: str) -> None:
    status, error, words = said(caller(changes))
    assert (status, error) == (400, expected), words
    assert words
    assert not CopyRequest.objects.exists()


def test_the_words_are_those_of_form_and_api(caller: Ec2Caller, requester: User) -> None:
    _, _, words = said(caller({"Name": "x", "SourceImageId": "ami-x"}))
    answer = Program(token_of(requester, "request")).post("/requests", members(Name="x", SourceImageId="ami-x"))
    theirs = pointers(answer)
    assert set(theirs) == {"#/copy_image/Name", "#/copy_image/SourceImageId"}
    for pointer, detail in theirs.items():
        assert f"{pointer.rpartition('/')[2]}: {detail}" in words


@pytest.mark.parametrize(
    "body", [b"", b"x", b"a=1&a=2", b"a=%ff", "a=é".encode(), b"\xff", b"&" * 2000, b"a=1&" * 2000]
)
def test_what_is_no_form_is_said(caller: Ec2Caller, body: bytes) -> None:
    status, error, _ = said(caller.send(body, caller.signed(body)))
    assert (status, error) in {(400, "MalformedQueryString"), (411, "MissingContentLength")}


def test_what_is_no_post_of_a_form_is_said(caller: Ec2Caller) -> None:
    body = urlencode(CALL).encode()
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        answer = caller.client.generic(method, "/ec2/", headers=caller.signed(body))
        assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert said(caller.send(body, caller.signed(body), path="/ec2/?Action=CopyImage"))[0] == 400
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded; charset=hex"):
        headers = caller.signed(body, Content_Type=kind)
        assert said(caller.send(body, headers))[:2] == (415, "UnsupportedMediaType")
    assert said(caller.send(body, {**caller.signed(body), "Content-Encoding": "gzip"}))[0] == 415
    assert said(caller.send(body, {**caller.signed(body), "Transfer-Encoding": "chunked"}))[0] == 411
    huge = b"Name=" + b"x" * 300_000
    assert said(caller.send(huge, caller.signed(huge)))[:2] == (413, "RequestEntityTooLarge")


# --- who gets in ---


def refused(answer: Any, words: str, expected: str = "AuthFailure") -> None:
    _, error, told = said(answer)
    assert error == expected, told
    assert words in told
    assert not CopyRequest.objects.exists()


def test_it_is_off_unless_it_is_switched_on(caller: Ec2Caller, settings: Settings) -> None:
    settings.EC2_DOOR = False
    refused(caller(), "switched off", "InvalidAction")


def test_both_addresses_take_it_and_neither_leads_to_the_other(caller: Ec2Caller) -> None:
    body = urlencode(CALL).encode()
    assert code(caller.send(body, caller.signed(body, path="/ec2"), path="/ec2")) == "PendingApproval"
    refused_path = caller.send(body, caller.signed(body, path="/ec2"), path="/ec2/")
    assert code(refused_path) == "SignatureDoesNotMatch"


def test_a_wrong_secret_is_refused(caller: Ec2Caller) -> None:
    caller.secret += "x"
    refused(caller(), "signature isn't the one", "SignatureDoesNotMatch")
    assert not SeenSignature.objects.exists()
    assert ApiToken.objects.get().last_used_at is None


def test_what_was_changed_on_the_way_is_refused(caller: Ec2Caller) -> None:
    body = urlencode(CALL).encode()
    refused(caller.send(body.replace(b"golden", b"g0lden"), caller.signed(body)), "", "SignatureDoesNotMatch")
    other = caller.signed(body)
    refused(caller.send(body, {**other, "Host": "localhost"}), "", "SignatureDoesNotMatch")
    later = (datetime.now(UTC) + timedelta(seconds=5)).strftime("%Y%m%dT%H%M%SZ")
    refused(caller.send(body, {**other, "X-Amz-Date": later}), "", "SignatureDoesNotMatch")
    refused(caller.send(body, {**other, "Content-Type": FORM.upper()}), "", "SignatureDoesNotMatch")
    region = other["Authorization"].replace("eu-west-1", "us-west-2")
    refused(caller.send(body, {**other, "Authorization": region}), "", "SignatureDoesNotMatch")


@pytest.mark.parametrize("minutes", [-16, 16, -60 * 24 * 400])
def test_the_clock_window_is_fifteen_minutes(caller: Ec2Caller, minutes: int) -> None:
    body, now = urlencode(CALL).encode(), datetime.now(UTC)
    at = now + timedelta(minutes=minutes)
    refused(caller.send(body, caller.signed(body, at=at)), "more than 15 minutes", "RequestExpired")
    near = now + timedelta(minutes=14 if minutes > 0 else -14)
    assert code(caller.send(body, caller.signed(body, at=near))) == "PendingApproval"


def test_a_signature_counts_once_in_whatever_process(caller: Ec2Caller) -> None:
    body = urlencode(CALL).encode()
    headers = caller.signed(body)
    assert code(caller.send(body, headers)) == "PendingApproval"
    status, error, words = said(caller.send(body, headers))
    assert (status, error) == (401, "AuthFailure")
    assert "used before" in words
    assert SeenSignature.KEPT == 2 * SeenSignature.WINDOW


def test_everything_that_matters_has_to_be_signed(caller: Ec2Caller) -> None:
    body = urlencode(CALL).encode()
    headers = caller.signed(body)
    refused(caller.send(body, {**headers, "X-Amz-Target": "x"}), "Sign the headers")
    for name in ("content-type;", "host;", ";x-amz-date"):
        cut = headers["Authorization"].replace(name, "", 1)
        refused(caller.send(body, {**headers, "Authorization": cut}), "Sign the headers")
    more = headers["Authorization"].replace("host;", "host;missing;")
    refused(caller.send(body, {**headers, "Authorization": more}), "Sign the headers")
    refused(caller.send(body, caller.signed(body, X_Amz_Security_Token="x")), "no session token")


@pytest.mark.parametrize(
    "digest", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "0" * 64]
)
def test_a_body_that_is_not_signed_as_it_is_sent_is_refused(caller: Ec2Caller, digest: str) -> None:
    body = urlencode(CALL).encode()
    refused(caller.send(body, caller.signed(body, X_Amz_Content_SHA256=digest)), "Sign the body")


@pytest.mark.parametrize(
    "said_by",
    ["", "Bearer x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0", "é" * 9],
)
def test_what_is_no_signature_is_refused(caller: Ec2Caller, said_by: str) -> None:
    body = urlencode(CALL).encode()
    refused(caller.send(body, {**caller.signed(body), "Authorization": said_by}), "Signature Version 4")


def test_a_signature_for_another_service_or_day_is_refused(caller: Ec2Caller) -> None:
    caller.service = "s3"
    refused(caller(), "service ec2")
    caller.service = "ec2"
    body = urlencode(CALL).encode()
    headers = caller.signed(body)
    headers["Authorization"] = headers["Authorization"].replace(f"{datetime.now(UTC):%Y%m%d}/", "20200101/")
    refused(caller.send(body, headers), "day of the credential")


def test_a_key_ends_with_its_revocation_its_end_and_its_person(caller: Ec2Caller, requester: User) -> None:
    row = ApiToken.objects.get()
    ApiToken.objects.update(created_at=timezone.now() - timedelta(2), expires_at=timezone.now() - timedelta(1))
    refused(caller(), "expired")
    ApiToken.objects.update(expires_at=timezone.now() + timedelta(1))
    User.objects.filter(pk=requester.pk).update(is_active=False)
    refused(caller(), "switched off")
    User.objects.filter(pk=requester.pk).update(is_active=True)
    ApiToken.objects.update(addresses=["192.0.2.0/24"])
    refused(caller(), "address it was sent from")
    ApiToken.objects.update(addresses=[])
    requester.groups.clear()
    refused(caller(), "", "UnauthorizedOperation")
    tokens.revoke(acting(requester), row.pk)
    refused(caller(), "revoked")
    assert ApiToken.objects.get().sealed_secret == ""


def test_a_key_that_is_nobodys_and_a_token_of_the_api_open_nothing(caller: Ec2Caller, requester: User) -> None:
    caller.key = "AMIC" + "A" * 16
    refused(caller(), "no such access key")
    row, text = tokens.make(acting(requester), name="nightly", scopes=["read", "request"], days=1)
    caller.key, caller.secret = row.public_id, text
    refused(caller(), "no such access key")


def test_the_secret_of_a_key_is_no_token_of_the_api(caller: Ec2Caller) -> None:
    assert Program(caller.secret).get("/requests").status_code == 401


def test_an_account_that_is_closed_to_the_person_is_said(caller: Ec2Caller) -> None:
    row = ApiToken.objects.get()
    row.accounts = ["444455556666"]
    row.save()
    refused(caller(), "account: ", "UnauthorizedOperation")


def test_a_key_makes_so_many_calls_a_minute(caller: Ec2Caller, settings: Settings) -> None:
    settings.API_CALLS_PER_MINUTE = 0
    assert said(caller())[:2] == (503, "RequestLimitExceeded")
    assert not SeenSignature.objects.exists()


def test_a_use_is_told_once_for_each_address_and_day(caller: Ec2Caller) -> None:
    for _ in range(3):
        caller()
        ApiToken.objects.update(last_used_at=F("last_used_at") - timedelta(seconds=61))
    assert AuditEvent.objects.filter(action="access_key.used").count() in {1, 2}
    row = ApiToken.objects.get()
    assert row.last_used_from == "127.0.0.1"
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(days=1))
    before = AuditEvent.objects.filter(action="access_key.used").count()
    caller()
    assert AuditEvent.objects.filter(action="access_key.used").count() == before + 1
