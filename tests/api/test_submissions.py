"""Asking by API: strict, by the form's own rules and words, and the same request as the form's."""

from typing import Any

import pytest
from django.test import Client

from amicopy.api.members import CopyImage, Destination, calls_of
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.parameters import PARAMETERS, of_destination
from amicopy.web.forms.request_form import RequestForm
from tests.api.conftest import Programs, members, pointers, said, wanted
from tests.copies.conftest import make_person
from tests.web.conftest import typed

pytestmark = pytest.mark.django_db


def test_a_request_is_asked_for_and_waits_for_approval(program: Programs) -> None:
    answer = program("requester").post("/requests", wanted())
    assert answer.status_code == 201
    shown = said(answer)
    row = CopyRequest.objects.get()
    assert (shown["number"], shown["state"], shown["requester"]) == (row.pk, "PENDING", "requester")
    assert shown["content_hash"] == row.content_hash
    assert shown["submitted_at"].endswith("Z")
    assert shown["url"].endswith(f"/requests/{row.pk}/")
    assert shown["copies"][0]["DestinationRegion"] == "eu-west-1"
    assert shown["copies"][0]["parameters"]["Name"] == "golden-al2023-2026.11.24"
    event = AuditEvent.objects.get(action="request.submitted")
    assert (event.source, event.actor, event.data["token"]["name"]) == ("api", "requester", "nightly")


def test_the_same_values_make_the_same_request_as_the_form(program: Programs, account: Account) -> None:
    fields = {
        "Description": "for week 47",
        "Encrypted": "true",
        "KmsKeyId": "alias/golden-images",
        "CopyImageTags": "on",
        "ClientToken": "week-47",
        "destinations-1-DestinationRegion": "eu-central-1",
        "destinations-1-Name": "golden-central",
        "destinations-1-KmsKeyId": "alias/central",
        "destinations-2-DestinationRegion": "ap-south-1",
        "destinations-2-Encrypted": "source",
        "tags-0-Key": "team",
        "tags-0-Value": "web",
        "tags-0-image": "on",
    }
    form = RequestForm.of(typed(**fields), [account])
    body = members(
        Description="for week 47",
        Encrypted=True,
        KmsKeyId="alias/golden-images",
        CopyImageTags=True,
        DryRun=False,
        ClientToken="week-47",
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "team", "Value": "web"}]}],
    )
    places: list[dict[str, Any]] = [
        {"DestinationRegion": "eu-west-1", "Name": ""},
        {"DestinationRegion": "eu-central-1", "Name": "golden-central", "KmsKeyId": "alias/central"},
        {"DestinationRegion": "ap-south-1", "Encrypted": None},
    ]
    del places[0]["Name"]
    made = calls_of(
        CopyImage.model_validate(body["copy_image"]), [Destination.model_validate(place) for place in places]
    )
    assert made == form.calls()


def test_every_member_of_the_table_is_in_the_schema_and_nothing_else() -> None:
    assert set(Destination.model_fields) - {"steps"} == {parameter.name for parameter in of_destination()}
    both = set(CopyImage.model_fields) | set(Destination.model_fields) - {"DestinationRegion", "steps"}
    assert both == {parameter.name for parameter in PARAMETERS}


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        (members(Encrypted="true"), "#/copy_image/Encrypted", "Choose yes or no."),
        (members(Encrypted=1), "#/copy_image/Encrypted", "Choose yes or no."),
        (
            members(SnapshotCopyCompletionDurationMinutes="15"),
            "#/copy_image/SnapshotCopyCompletionDurationMinutes",
            "Enter a whole number.",
        ),
        (
            members(SnapshotCopyCompletionDurationMinutes=15.0),
            "#/copy_image/SnapshotCopyCompletionDurationMinutes",
            "Enter a whole number.",
        ),
        (members(Colour="red"), "#/copy_image/Colour", "There is no such member."),
        (members(Name=7), "#/copy_image/Name", "Enter a text."),
        (members(Name="a\0b"), "#/copy_image/Name", "Remove the NUL character: it isn't text."),
        (members(Name="a\ud800b"), "#/copy_image/Name", "Remove the lone surrogate: it isn't text."),
        (members(Name=""), "#/copy_image/Name", "Enter the name."),
        (members(TagSpecifications=[{"ResourceType": "image", "Tags": [{}]}]), "", ""),
        (wanted(destinations=[{}]), "#/destinations/0/DestinationRegion", "Choose a Region."),
        (wanted(destinations=[]), "#/destinations", "Add a destination."),
        (wanted(destinations=[{"DestinationRegion": 1}]), "#/destinations/0/DestinationRegion", "Enter a text."),
        (wanted(reason=" "), "#/reason", "Enter why this copy is needed."),
        (wanted(reason="x" * 4001), "#/reason", "Shorten the reason to 4,000 characters. This has 4,001."),
        (wanted(account="sandbox"), "#/account", "Choose the AWS account to copy into."),
        (wanted(account="1\0"), "#/account", "Remove the NUL character: it isn't text."),
        (wanted(correlation="x" * 201), "#/correlation", "Shorten it to 200 characters. This has 201."),
        (wanted(correlation=7), "#/correlation", ""),
        (wanted(colour="red"), "#/colour", "There is no such member."),
        (wanted(start_not_before="tomorrow"), "#/start_not_before", ""),
        (wanted(start_not_before="2026-12-01T08:00:00"), "#/start_not_before", ""),
        (wanted(start_not_before="0001-01-01T00:00:00+14:00"), "#/start_not_before", ""),
        (wanted(start_not_before=7), "#/start_not_before", ""),
        (wanted(continues=10**30), "#/continues", ""),
        (wanted(continues=4), "#/continues", "Start from a request that you can see."),
        (wanted(mends=4), "#/mends", "The copy that this was to mend isn't failed any more."),
        ({}, "#/account", "This is needed."),
    ],
)
def test_what_is_wrong_is_said_by_pointer_in_the_forms_words(
    program: Programs, body: dict[str, Any], pointer: str, words: str
) -> None:
    answer = program("requester").post("/requests", body)
    assert answer.status_code == 422
    if pointer:
        assert words in pointers(answer)[pointer]
    assert not CopyRequest.objects.exists()


def test_an_error_of_a_destinations_own_member_is_at_it(program: Programs) -> None:
    places = [{"DestinationRegion": "eu-west-1"}, {"DestinationRegion": "us-west-2", "KmsKeyId": "alias/x"}]
    answer = program("requester").post("/requests", wanted(destinations=places))
    assert list(pointers(answer)) == ["#/destinations/1/KmsKeyId"]
    many = [{"DestinationRegion": "eu-west-1"}] * 1000
    answer = program("requester").post("/requests", wanted(destinations=many))
    assert pointers(answer) == {"#/destinations": "Split the request: it can have 50 destinations. This has 1000."}


def test_what_the_program_calls_it_is_said_back(program: Programs) -> None:
    caller = program("requester")
    made = said(caller.post("/requests", wanted(correlation="wf-5c1e")))
    caller.post("/requests", wanted())
    assert made["correlation"] == "wf-5c1e"
    assert said(caller.get(f"/requests/{made['number']}/status"))["correlation"] == "wf-5c1e"
    found = said(caller.get("/requests?correlation=wf-5c1e"))["items"]
    assert [item["number"] for item in found] == [made["number"]]
    event = AuditEvent.objects.get(action="request.submitted", request=made["number"])
    assert event.data["correlation"] == "wf-5c1e"


def test_validating_stores_nothing(program: Programs) -> None:
    events = AuditEvent.objects.count()
    asking = program("requester")
    good = said(asking.post("/requests/validate", wanted()))
    assert (good["valid"], good["errors"]) == (True, [])
    bad = said(asking.post("/requests/validate", members(KmsKeyId="alias/x")))
    assert not bad["valid"]
    assert bad["errors"][0]["pointer"] == "#/copy_image/KmsKeyId"
    assert not CopyRequest.objects.exists()
    # The tokens alone were told.
    assert AuditEvent.objects.exclude(action="token.made").count() == events


def test_a_token_for_another_account_asks_for_nothing(program: Programs) -> None:
    Account.objects.create(name="other", account_id="444455556666")
    asking = program("requester", accounts=["444455556666"])
    assert pointers(asking.post("/requests", wanted())) == {"#/account": "Choose the AWS account to copy into."}


def test_who_may_not_ask_is_told(program: Programs) -> None:
    answer = program("approver", scopes=("request",)).post("/requests", wanted())
    assert answer.status_code == 403
    assert "requester role" in said(answer)["detail"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"{", 400),
        (b'{"account": "1", "account": "2"}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, 400),
        (b'{"account": NaN}', 400),
        (b'{"account": ' + b"1" * 5000 + b"}", 400),
        (b"\xff\xfe", 400),
        (b'"text"', 422),
        (b"null", 422),
        (b"[]", 422),
        (b'{"account": "\\ud800"}', 422),
        (b"{" + b",".join(b'"k%d": 1' % n for n in range(1000)) + b"}", 422),
        (b"x" * 10_000_000, 413),
    ],
)
def test_bodies_that_are_no_request(program: Programs, sent: bytes, status: int) -> None:
    answer = program("requester").post("/requests", sent)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "multipart/x", ""]
)
def test_a_body_is_json_in_utf_8_by_its_own_word(program: Programs, kind: str) -> None:
    answer = program("requester")("POST", "/requests", wanted(), **{"content-type": kind})
    assert answer.status_code == 415


def test_a_session_opens_nothing(account: Account) -> None:
    client = Client()
    client.force_login(make_person("requester", "requester"))
    answer = client.post("/api/v1/requests", wanted(), content_type="application/json")
    assert answer.status_code == 401
    assert not CopyRequest.objects.exists()


def test_an_address_says_each_thing_once(program: Programs) -> None:
    answer = program("requester").get("/requests?limit=1&limit=2")
    assert (answer.status_code, said(answer)["code"]) == (400, "unreadable")
    assert "'limit'" in said(answer)["detail"]


def test_what_is_not_there_is_a_problem_whatever_stands_in_the_address(program: Programs) -> None:
    for path in ("/nothing", "/requests/a%0Ab/copies", "/requests/1/%0A"):
        answer = program("requester").get(path)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
