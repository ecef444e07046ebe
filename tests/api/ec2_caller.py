"""A program that speaks to EC2, as far as a test wants to change what it sends."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as Xml

import pytest
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from amicopy.copies.core.token_models import ApiToken
from amicopy.copies.operations import access_keys
from tests.copies.conftest import SOURCE, acting

FORM = "application/x-www-form-urlencoded; charset=utf-8"
CALL = {
    "Action": "CopyImage",
    "Version": "2016-11-15",
    "Name": "golden-al2023-2026.11.24",
    "SourceImageId": SOURCE,
    "SourceRegion": "us-east-1",
}


class Ec2Caller:
    """Signs calls with an access key and posts them to `/ec2/`."""

    def __init__(self, key: str, secret: str, *, region: str = "eu-west-1", service: str = "ec2") -> None:
        self.key, self.secret, self.region, self.service = key, secret, region, service
        self.client = Client(enforce_csrf_checks=True)
        self.turn = 0

    def signed(
        self,
        body: bytes,
        *,
        at: datetime | None = None,
        path: str = "/ec2/",
        host: str = "testserver",
        **headers: str,
    ) -> dict[str, str]:
        """The headers of a call with this body, `Authorization` among them; a header's name has underscores."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        stamp = (at or datetime.now(UTC)).strftime(SIGV4_TIMESTAMP)
        said = {"Host": host, "X-Amz-Date": stamp, "Content-Type": FORM, **more}
        request = AWSRequest("POST", f"http://{host}{path}", headers=said, data=body)
        request.context["timestamp"] = stamp
        signer = SigV4Auth(Credentials(self.key, self.secret), self.service, self.region)
        signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        names = signer.signed_headers(signer.headers_to_sign(request))
        scope = signer.scope(request)
        said["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"
        return said

    def send(self, body: bytes, headers: dict[str, str], *, path: str = "/ec2/") -> HttpResponse:
        """Posts a body as it is."""
        kind = headers.get("Content-Type", FORM)
        return self.client.generic("POST", path, body, content_type=kind, headers=headers)  # type: ignore[return-value]

    def __call__(self, changes: Mapping[str, str | None] | None = None, /) -> HttpResponse:
        """Makes a call with these fields changed, or left out where they are None. Each is another one, as boto3's
        are: it has a token of its own, and a second of its own."""
        self.turn += 1
        call: dict[str, str | None] = {**CALL, "ClientToken": f"turn-{self.region}-{self.turn}", **(changes or {})}
        body = urlencode({name: value for name, value in call.items() if value is not None}).encode()
        return self.send(body, self.signed(body, at=datetime.now(UTC) - timedelta(seconds=self.turn)))


def said(answer: HttpResponse) -> tuple[int, str, str]:
    """Status, code and message of an error."""
    assert answer["Content-Type"].startswith("text/xml")
    root = Xml.fromstring(answer.content)
    assert root.findtext("RequestID")
    return answer.status_code, root.findtext("Errors/Error/Code") or "", root.findtext("Errors/Error/Message") or ""


def code(answer: HttpResponse) -> str:
    return said(answer)[1]


def image_of(answer: HttpResponse) -> str:
    """The id that a call that went through answers with."""
    assert answer.status_code == 200, answer.content
    return Xml.fromstring(answer.content).findtext("{http://ec2.amazonaws.com/doc/2016-11-15/}imageId") or ""


def new_key(user: User, **more: Any) -> tuple[ApiToken, str]:
    return access_keys.make(acting(user), **{"name": "terraform", "account": "111122223333", "days": 30, **more})


@pytest.fixture
def caller(requester: User, settings: Settings) -> Ec2Caller:
    """A caller with a key of the requester's; the endpoint is on."""
    settings.EC2_DOOR = True
    cache.clear()
    row, secret = new_key(requester)
    return Ec2Caller(row.shown_id, secret)
