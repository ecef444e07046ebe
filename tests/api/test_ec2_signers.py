"""The EC2 endpoint: whose signature opens it, and which don't."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from amicopy.api.models import SeenSignature
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.token_models import ApiToken
from amicopy.copies.operations import tokens
from tests.api.conftest import Program, account
from tests.api.ec2_caller import CALL, FORM, Ec2Caller, caller, code, said
from tests.copies.conftest import acting, approver, requester

__all__ = ("account", "approver", "caller", "requester")
pytestmark = pytest.mark.django_db


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
