"""What a program can find out before it asks: the source, how much and how long; and names with placeholders."""

import time
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.lookups import async_queries
from tests.api.conftest import Program, Programs, members, pointers, said, wanted
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, make_call

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
SECONDS = 60.0


def look(caller: Program, image_id: str = SOURCE, region: str = "us-east-1") -> HttpResponse:
    return caller.get(f"/source?account=111122223333&SourceRegion={region}&SourceImageId={image_id}")


def answered(caller: Program, *args: str) -> Any:
    """What is said of a source once AWS has answered."""
    until = time.monotonic() + SECONDS
    while (answer := look(caller, *args)).status_code == 202:
        assert answer["Retry-After"] == "1"
        assert said(answer)["seen"] == "asked"
        assert time.monotonic() < until
    assert answer.status_code == 200
    return said(answer)


def test_a_source_is_asked_for_and_then_known(program: Programs, sandbox: Control) -> None:
    caller = program("requester")
    assert look(caller).status_code == 202
    found = answered(caller)
    assert (found["seen"], found["usable"], found["GiB"]) == ("found", True, 52)
    assert found["image"]["Name"] == "golden-al2023-x86_64-2026.11.18"
    assert "launch permissions" in found["not_copied"]


def test_what_cannot_be_used_says_why(program: Programs, sandbox: Control) -> None:
    found = answered(program("requester"), "ami-0490c7d3f5e2b68a1")
    assert not found["usable"]
    stopping = {each["code"]: each["message"] for each in found["warnings"] if each["stops"]}
    assert "may not read" in stopping["unreadable"]


def test_a_source_of_another_region_says_which(program: Programs, sandbox: Control) -> None:
    found = answered(program("requester"), SOURCE, "eu-west-1")
    assert (found["seen"], found["elsewhere"], found["usable"]) == ("not-there", ["us-east-1"], None)
    assert "isn't in eu-west-1" in found["detail"]


def test_what_aws_does_not_say_is_unknown_with_the_reason(program: Programs) -> None:
    found = answered(program("requester"))
    assert (found["seen"], found["detail"]) == ("unknown", "AWS didn't answer.")


def test_looking_up_is_limited_by_person(program: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_queries, "OF_PERSON_A_MINUTE", 0)
    answer = look(program("requester"))
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")


@pytest.mark.parametrize("query", ["", "account=1&SourceRegion=x&SourceImageId=y", "account=111122223333"])
def test_a_question_that_is_none_is_refused(program: Programs, query: str) -> None:
    assert program("requester").get(f"/source?{query}").status_code == 422


def test_a_source_is_looked_up_in_ones_accounts_only(program: Programs) -> None:
    answer = program("requester").get("/source?account=444455556666&SourceRegion=us-east-1&SourceImageId=" + SOURCE)
    assert (answer.status_code, said(answer)["code"]) == (404, "not-found")


def test_an_estimate_says_how_much_how_long_and_whether_with_new_keys(
    program: Programs, sandbox: Control, submit: Submit
) -> None:
    submit(make_call())
    now = timezone.now()
    # 26 GiB in 260 seconds: ten for each.
    ImageCopy.objects.update(
        state="AVAILABLE",
        ImageId="ami-1",
        snapshots=[{"VolumeSize": 26}],
        called_at=now - timedelta(seconds=260),
        finished_at=now,
    )
    places = [
        {"DestinationRegion": "eu-west-1", "Encrypted": True, "KmsKeyId": "alias/golden-images"},
        {"DestinationRegion": "us-west-2"},
    ]
    before = CopyRequest.objects.count()
    caller = program("requester")
    told = said(caller.post("/requests/estimate", wanted(destinations=places)))
    assert (told["GiB"], told["snapshots"]) == (52, 2)
    first, second = told["destinations"]
    assert first["seconds"] == {"low": 520.0, "high": 520.0}
    assert first["new_key"] is True
    assert (second["seconds"], told["seconds"]) == (None, None)
    alone = said(caller.post("/requests/estimate", wanted(destinations=places[:1])))
    assert alone["seconds"] == {"low": 520.0, "high": 520.0}
    assert CopyRequest.objects.count() == before


def test_an_estimate_says_what_it_costs(program: Programs, sandbox: Control) -> None:
    places = [
        {"DestinationRegion": "eu-west-1"},
        {"DestinationRegion": "us-east-1", "DestinationAvailabilityZone": "us-east-1-bos-1a"},
    ]
    told = said(program("requester").post("/requests/estimate", wanted(destinations=places)))
    ireland, boston = (each["cost"] for each in told["destinations"])
    assert (ireland["extent"], ireland["transfer_paid_by"]) == ("full", None)
    assert Decimal(ireland["transfer"]["high"]) == (Decimal(told["bytes"]) / 2**30 * Decimal("0.02")).quantize(
        Decimal("0.0001"), rounding=ROUND_CEILING
    )
    assert ireland["transfer"]["low"] == ireland["transfer"]["high"] == ireland["once"]["high"]
    assert ireland["surcharge"] == {"low": "0", "high": "0"}
    # A Local Zone's price is in no list, so that of all together isn't known either.
    assert boston["storage"] == {"low": None, "high": None}
    assert told["cost"]["month"] == {"low": None, "high": None}
    assert (told["cost"]["currency"], told["cost"]["prices_of"]) == ("USD", "2021-05-13")


def test_an_estimate_of_what_is_not_known_invents_nothing(program: Programs) -> None:
    told = said(program("requester").post("/requests/estimate", wanted()))
    assert (told["GiB"], told["snapshots"], told["seconds"]) == (None, None, None)
    assert told["missing"]["source"]
    assert told["destinations"][0]["new_key"] is None
    assert told["cost"]["once"] == told["cost"]["month"] == {"low": None, "high": None}


def test_placeholders_are_filled_in_as_the_form_does(program: Programs, sandbox: Control) -> None:
    answer = program("requester").post("/requests", members(Name="{source}-{region}-{date}"))
    assert answer.status_code == 201
    name = said(answer)["copies"][0]["parameters"]["Name"]
    assert name == f"golden-al2023-x86_64-2026.11.18-eu-west-1-{datetime.now(UTC):%Y.%m.%d}"


def test_a_placeholder_that_cannot_be_filled_in_says_so(program: Programs) -> None:
    caller = program("requester")
    unknown = pointers(caller.post("/requests", members(Name="golden-{week}")))
    assert "{week} isn't a placeholder" in unknown["#/copy_image/Name"]
    absent = pointers(caller.post("/requests", members(Name="{source}-x")))
    assert absent["#/copy_image/Name"].startswith("Enter the name without {source}")
    checked = said(caller.post("/requests/validate", members(Name="golden-{week}")))
    assert "{week}" in checked["errors"][0]["detail"]
