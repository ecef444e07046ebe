"""The EC2 endpoint: what is no call of CopyImage, and no post of a form."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User

from amicopy.copies.core.models import CopyRequest
from tests.api.conftest import Program, account, members, pointers, token_of
from tests.api.ec2_caller import CALL, Ec2Caller, caller, said
from tests.copies.conftest import approver, requester

__all__ = ("account", "approver", "caller", "requester")
pytestmark = pytest.mark.django_db


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


def test_the_page_lists_every_code_and_no_other() -> None:
    root = Path(__file__).resolve().parents[2]
    files = [*(root / "amicopy" / "api" / "ec2").glob("*.py"), root / "amicopy" / "aws" / "query_protocol.py"]
    sources = "\n".join(path.read_text() for path in files)
    table = (root / "docs" / "ec2-door.md").read_text().partition("## Errors")[2]
    rows = re.findall(r"^\| (`.+?`) \| [0-9]", table, re.M)
    listed = {code for row in rows for code in re.findall("`([A-Za-z]+)`", row)}
    raised = set(re.findall(r'(?:Refused|Unfit)\(\s*"([A-Za-z]+)"', sources))
    assert raised <= listed
    assert listed - raised <= set(re.findall(r'"([A-Za-z]+)"', sources))
