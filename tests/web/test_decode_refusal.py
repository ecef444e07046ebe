"""AWS's encoded refusals: decoded on demand, for administrators, kept nowhere."""

import base64
import json
from io import StringIO
from logging import StreamHandler, getLogger
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from amicopy.audit.models import AuditEvent
from amicopy.aws import sessions
from amicopy.copies.core.models import CopyRequest, ImageCopy
from tests.conftest import Control
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db
SECRET = "arn:aws:iam::111122223333:role/secret-policy"


def blob(**more: str) -> str:
    said = {"allowed": False, "context": {"principal": SECRET}, **more}
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


BLOB = blob()
# As long as the one in aws-parallelcluster#372.
LONG = blob(more="x" * (2910 - len(json.dumps({"allowed": False, "context": {"principal": SECRET}, "more": ""}))))


@pytest.fixture
def refused(signed_in: SignedIn, sandbox: Control) -> ImageCopy:
    signed_in("requester").post("/requests/new/", typed())
    copy = CopyRequest.objects.latest("pk").copies.get()
    message = f"You are not authorized to perform this operation. Encoded authorization failure message: {BLOB}"
    ImageCopy.objects.filter(pk=copy.pk).update(
        state="FAILED", error_code="UnauthorizedOperation", error_message=message, finished_at=timezone.now()
    )
    copy.refresh_from_db()
    return copy


def test_an_administrator_reads_it_on_a_page_of_its_own(
    signed_in: SignedIn, refused: ImageCopy, sandbox: Control
) -> None:
    admin, address = signed_in("administrator"), f"/requests/{refused.request_id}/decode/"
    assert read(admin.get(f"/requests/{refused.request_id}/")).form(to=address).buttons("Decode AWS’s refusal")
    answer = admin.post(address, {"copy": refused.pk})
    assert SECRET in read(answer).region("Decoded").text
    assert "no-store" in answer["Cache-Control"]


def test_nobody_else_does_and_no_page_offers_it(signed_in: SignedIn, refused: ImageCopy, sandbox: Control) -> None:
    address = f"/requests/{refused.request_id}/decode/"
    for role in ("requester", "approver", "auditor"):
        person = signed_in(role)
        page = read(person.get(f"/requests/{refused.request_id}/"))
        assert address not in page.source
        assert not page.buttons("Decode")
        assert person.post(address, {"copy": refused.pk}).status_code == 403
    assert sandbox("calls?action=DecodeAuthorizationMessage") == []


def test_it_is_kept_nowhere_but_that_somebody_looked(signed_in: SignedIn, refused: ImageCopy, sandbox: Control) -> None:
    log = StreamHandler(StringIO())
    getLogger().addHandler(log)
    try:
        signed_in("administrator").post(f"/requests/{refused.request_id}/decode/", {"copy": refused.pk})
    finally:
        getLogger().removeHandler(log)
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor, event.copy) == ("copy.refusal_decoded", "administrator", refused.pk)
    stored = StringIO()
    call_command("dumpdata", stdout=stored)
    assert "refusal_decoded" in stored.getvalue()
    assert "secret-policy" not in stored.getvalue() + log.stream.getvalue()


def test_what_cannot_be_decoded_is_said_in_words(
    signed_in: SignedIn, refused: ImageCopy, sandbox: Control, settings: Settings
) -> None:
    admin, address = signed_in("administrator"), f"/requests/{refused.request_id}/decode/"

    def said(copy: object) -> str:
        return read(admin.post(address, {"copy": copy})).region("Decoded").text

    for wrong in ("", "x", "999999", "99999999999999999999999"):
        assert "This one has none" in said(wrong)
    sandbox("faults", kind="error", code="AccessDenied", service="sts", action="DecodeAuthorizationMessage")
    assert "It needs sts:DecodeAuthorizationMessage" in said(refused.pk)
    settings.AWS_ENDPOINT = "http://127.0.0.1:9"
    sessions.forget_all()
    answer = admin.post(address, {"copy": refused.pk})
    assert answer.status_code == 200
    assert "AWS didn't decode it" in read(answer).region("Decoded").text


def refused_with(refused: ImageCopy, encoded: str) -> None:
    message = f"You are not authorized to perform this operation. Encoded authorization failure message: {encoded}"
    ImageCopy.objects.filter(pk=refused.pk).update(error_message=message)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("encoded", [BLOB, LONG], ids=["short", "long"])
def test_f4_it_is_decoded_where_no_transaction_is_open(
    signed_in: SignedIn, refused: ImageCopy, sandbox: Control, encoded: str
) -> None:
    assert len(LONG) == 3880
    refused_with(refused, encoded)
    answer = signed_in("administrator").post(f"/requests/{refused.request_id}/decode/", {"copy": refused.pk})
    assert SECRET in read(answer).region("Decoded").text
    assert AuditEvent.objects.latest("pk").action == "copy.refusal_decoded"


@pytest.mark.django_db(transaction=True)
def test_f4_it_is_decoded_over_http(
    signed_in: SignedIn, refused: ImageCopy, sandbox: Control, live_server: LiveServer
) -> None:
    refused_with(refused, LONG)
    admin: Client = signed_in("administrator")
    admin.get(f"/requests/{refused.request_id}/")
    cookies = {name: morsel.value for name, morsel in admin.cookies.items()}
    typed_in = {"copy": refused.pk, "csrfmiddlewaretoken": cookies["csrftoken"]}
    sent = Request(
        f"{live_server.url}/requests/{refused.request_id}/decode/",
        data=urlencode(typed_in).encode(),
        headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
    )
    with urlopen(sent) as answer:
        assert answer.status == 200
        assert SECRET in answer.read().decode()
