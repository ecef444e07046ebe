"""Destinations that are pasted, with steps of their own, become rows; without a script."""

import json
from typing import Any

import pytest

from amicopy.copies.core.models import CopyRequest
from amicopy.web.forms import destination_lines
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db
NEW = "/requests/new/"
PASTED = "paste-destinations"
OTHER, THIRD = "222233334444", "333344445555"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("DestinationRegion\neu-west-1\nus-west-2", [{}, {}]),
        ("DestinationRegion,KmsKeyId\neu-west-1,alias/a\n\nus-west-2,", [{"KmsKeyId": "alias/a"}, {}]),
        ("DestinationRegion\tKmsKeyId\neu-west-1\talias/a\nus-west-2", [{"KmsKeyId": "alias/a"}, {}]),
        (
            f'DestinationRegion,LaunchPermission-UserIds,Parameter\neu-west-1,"{OTHER},{THIRD}",none\nus-west-2,,',
            [{"LaunchPermission-UserIds": f"{OTHER},{THIRD}", "Parameter": "none", "steps": "1"}, {}],
        ),
        (
            json.dumps(
                [
                    {
                        "DestinationRegion": "eu-west-1",
                        "Encrypted": True,
                        "steps": {
                            "LaunchPermission": {"UserIds": [OTHER, THIRD]},
                            "Parameter": None,
                            "ImageDeprecation": {"DaysAfterCopy": 90},
                            "ImageDeregistrationProtection": {"WithCooldown": True},
                        },
                    },
                    {"DestinationRegion": "us-west-2", "KmsKeyId": None},
                ]
            ),
            [
                {
                    "Encrypted": "true",
                    "LaunchPermission": "own",
                    "LaunchPermission-UserIds": f"{OTHER}\n{THIRD}",
                    "Parameter": "none",
                    "ImageDeprecation": "own",
                    "ImageDeprecation-DaysAfterCopy": "90",
                    "ImageDeregistrationProtection": "own",
                    "ImageDeregistrationProtection-WithCooldown": "on",
                    "steps": "1",
                },
                {},
            ],
        ),
        ('{"destinations": [{"DestinationRegion": "eu-west-1"}, {"DestinationRegion": "us-west-2"}]}', [{}, {}]),
    ],
)
def test_destinations_are_read_from_csv_and_json(text: str, rows: list[dict[str, str]]) -> None:
    found = destination_lines.read(text)
    regions = ("eu-west-1", "us-west-2")
    assert found.rows == [{"DestinationRegion": region, **row} for region, row in zip(regions, rows, strict=True)]
    assert (found.problems, found.left) == ([], [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("eu-west-1\nus-west-2", "The first line must name columns of the form, such as DestinationRegion."),
        ("DestinationRegion,Colour\neu-west-1,red", "Not known: Colour."),
        ("DestinationRegion,KmsKeyId\n,alias/a", "Line 2 names no destination: “,alias/a”."),
        ("DestinationRegion\neu-west-1,x", "Line 2 has more cells than the first"),
        ('DestinationRegion,Name\neu-west-1,"x', "A quote isn’t closed"),
        ("[", "Line 1 isn’t JSON."),
        ("[" * 100_000, "isn’t JSON."),
        ("[1]", "Destination 1 must be an object."),
        ('[{"Colour": "red"}]', "Destination 1 has what no destination has: Colour."),
        ('[{"DestinationRegion": ["x"]}]', "Destination 1 must have a text for DestinationRegion."),
        ('[{"KmsKeyId": "x"}]', "Destination 1 names no place."),
        ('[{"DestinationRegion": "x", "steps": []}]', "Destination 1 must have an object for its steps."),
        ('[{"DestinationRegion": "x", "steps": {"Paint": {}}}]', "Destination 1 has no step Paint."),
        ('[{"DestinationRegion": "x", "steps": {"Parameter": {"Colour": 1}}}]', "has for Parameter what that step"),
        (
            '[{"DestinationRegion": "x", "steps": {"Parameter": {"Name": ["a"]}}}]',
            "has for Parameter-Name what can’t be filled in",
        ),
        (
            '[{"DestinationRegion": "x", "steps": {"LaunchPermission": {"UserIds": "a"}}}]',
            "has for LaunchPermission-UserIds what can’t",
        ),
    ],
)
def test_what_cannot_be_read_is_named_and_stays(text: str, problem: str) -> None:
    found = destination_lines.read(text)
    assert problem in " ".join(found.problems)
    assert found.rows == []
    assert found.left


def test_pasted_destinations_become_rows_and_those_that_are_there_get_the_new_values(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    text = f"DestinationRegion,KmsKeyId,LaunchPermission-UserIds\neu-west-1,alias/a,\nus-west-2,,{OTHER}\n,x,"
    page = read(client.post(NEW, typed(**{PASTED: text, "add": "pasted-destinations"})))
    assert page.field("destinations-0-DestinationRegion").value == "eu-west-1"
    assert page.field("destinations-0-KmsKeyId").value == "alias/a"
    assert page.field("destinations-1-DestinationRegion").value == "us-west-2"
    assert page.field("destinations-1-LaunchPermission-UserIds").value.strip() == OTHER
    # The line that is none stays, with the names of its columns.
    assert page.field(PASTED).value.split() == ["DestinationRegion,KmsKeyId,LaunchPermission-UserIds", ",x,"]
    assert "Line 2 names no destination: “,x,”." in page.text
    answer = client.post(NEW, typed(**{PASTED: text}))
    assert answer.status_code == 422
    assert "they have no rows yet" in answer.context["form"].errors[PASTED][0]


@pytest.mark.usefixtures("patient")
def test_what_was_pasted_is_asked_for_with_the_exceptions_of_each_row(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    steps: dict[str, Any] = {"LaunchPermission": {"UserIds": [OTHER]}, "ImageDeprecation": None}
    text = json.dumps([{"DestinationRegion": "us-west-2", "steps": steps}])
    everywhere = {"ImageDeprecation-DaysAfterCopy": "90", "LaunchPermission-UserIds": THIRD}
    sent = typed(**everywhere, Encrypted="true", KmsKeyId="alias/golden-images", **{PASTED: text})
    page = read(client.post(NEW, {**sent, "add": "pasted-destinations"}))
    names = [
        f"destinations-1-{name}"
        for name in ("DestinationRegion", "LaunchPermission", "LaunchPermission-UserIds", "ImageDeprecation")
    ]
    row = {name: page.field(name).value for name in names}
    assert client.post(NEW, {**sent, **row, PASTED: ""}).status_code == 302
    copies = CopyRequest.objects.get().copies_of_round()
    assert {copy.DestinationRegion: copy.approved_steps for copy in copies} == {
        "eu-west-1": {"LaunchPermission": {"UserIds": [THIRD]}, "ImageDeprecation": {"DaysAfterCopy": 90}},
        "us-west-2": {"LaunchPermission": {"UserIds": [OTHER]}},
    }
