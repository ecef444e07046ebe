"""The steps after the copy in the form: errors by the field, everything kept, exceptions by row, and taken over."""

from typing import Any

import boto3
import pytest

from amicopy.copies.core.models import CopyRequest
from amicopy.web.models import Preset
from tests.conftest import Control
from tests.copies.conftest import make_rule
from tests.sandbox.conftest import KEY
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db

OTHER, THIRD = "222233334444", "333344445555"
UNIT = "arn:aws:organizations::222233334444:ou/o-a1b2c3d4e5/ou-a1b2-c3d4e5f6"
SHARE = "LaunchPermission-UserIds"
STEPS = {
    SHARE: f"{OTHER}, {THIRD}",
    "LaunchPermission-OrganizationalUnitArns": UNIT,
    "CreateVolumePermission-UserIds": OTHER,
    "Parameter-Name": "/golden/{region}/al2023",
    "Parameter-Overwrite": "on",
    "ImageDeprecation-DaysAfterCopy": "90",
    "ImageDeregistrationProtection": "on",
    "ImageDeregistrationProtection-WithCooldown": "on",
    "LaunchTemplateVersion-LaunchTemplateName": "web",
    "ImdsSupport-Value": "v2.0",
    "ImageWatermark-WatermarkName": "approved",
}
ASKED: dict[str, Any] = {
    "ImageWatermark": {"WatermarkName": "approved"},
    "CreateVolumePermission": {"UserIds": [OTHER]},
    "LaunchPermission": {"UserIds": [OTHER, THIRD], "OrganizationalUnitArns": [UNIT]},
    "ImdsSupport": {"Value": "v2.0"},
    "ImageDeprecation": {"DaysAfterCopy": 90},
    "ImageDeregistrationProtection": {"WithCooldown": True},
    "LaunchTemplateVersion": {"LaunchTemplateName": "web"},
    "Parameter": {"Name": "/golden/{region}/al2023", "Overwrite": True},
}
# A second destination that shares with another account, and isn't published.
OWN = {
    "destinations-1-DestinationRegion": "eu-central-1",
    "destinations-1-LaunchPermission": "own",
    "destinations-1-LaunchPermission-UserIds": THIRD,
    "destinations-1-Parameter": "none",
}
OWN_ASKED = {"LaunchPermission": {"UserIds": [THIRD]}, "Parameter": None}


def test_what_is_set_is_asked_for_and_comes_back_in_a_clone(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    answer = client.post("/requests/new/", typed(**STEPS, **OWN))
    assert answer.status_code == 302, answer.context["form"].errors
    row = CopyRequest.objects.get()
    first, second = row.copies_of_round()
    assert row.steps == ASKED
    assert (first.own_steps, second.own_steps) == ({}, OWN_ASKED)
    assert first.approved_steps["Parameter"] == {"Name": "/golden/eu-west-1/al2023", "Overwrite": True}
    assert "Parameter" not in second.approved_steps
    page = read(client.get(f"/requests/new/?clone={row.pk}"))
    assert page.field(SHARE).value.split() == [OTHER, THIRD]
    assert page.field("ImageDeregistrationProtection").is_on
    assert page.field("ImdsSupport-Value").is_on
    assert page.field("Parameter-Name").value == "/golden/{region}/al2023"
    assert page.field("destinations-1-LaunchPermission").value == "own"
    assert page.field("destinations-1-LaunchPermission-UserIds").value == THIRD
    assert page.field("destinations-1-Parameter").value == "none"
    assert not page.has_field("destinations-0-Parameter")


def test_a_form_without_steps_is_folded_and_asks_for_none(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    page = read(client.get("/requests/new/"))
    assert not page.by_id("after-steps").has("open")
    assert page.by_id("steps-set").text == "Nothing"
    # Nobody may make anything public, so nothing offers it.
    assert not page.has_field("LaunchPermission-UserGroups")
    assert client.post("/requests/new/", typed()).status_code == 302
    assert CopyRequest.objects.get().steps == {}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({SHARE: f"{OTHER} 12"}, SHARE, "“12” isn't that"),
        ({SHARE: "111122223333"}, SHARE, "the account's own"),
        ({"LaunchPermission-OrganizationArns": UNIT}, "LaunchPermission-OrganizationArns", "organization's ARN"),
        ({"CreateVolumePermission-UserIds": "x"}, "CreateVolumePermission-UserIds", "12 digits"),
        ({"ImageDeprecation-DaysAfterCopy": "soon"}, "ImageDeprecation-DaysAfterCopy", "whole number"),
        ({"ImageDeprecation-DeprecateAt": "2020-01-01T00:00"}, "ImageDeprecation-DeprecateAt", "in the future"),
        (
            {"ImageDeprecation-DeprecateAt": "2027-01-01T00:00", "ImageDeprecation-DaysAfterCopy": "3"},
            "ImageDeprecation-DeprecateAt",
            "either a date or",
        ),
        ({"Parameter-Name": "/golden al2023"}, "Parameter-Name", "a parameter's name"),
        ({"Parameter-Overwrite": "on"}, "Parameter-Name", "Enter parameter"),
        ({"ImageWatermark-WatermarkName": "ab"}, "ImageWatermark-WatermarkName", "3 to 128"),
        ({"LaunchTemplateVersion-SourceVersion": "3"}, "LaunchTemplateVersion-LaunchTemplateId", "either its ID or"),
        ({"LaunchPermission-UserGroups": "all"}, "LaunchPermission-UserGroups", "ask an administrator"),
        ({"ImdsSupport-Value": "v2.0", "DryRun": "on"}, "steps", "dry run makes no AMI"),
        (
            {"destinations-0-LaunchPermission": "own", f"destinations-0-{SHARE}": "1"},
            f"destinations-0-{SHARE}",
            "12 digits",
        ),
        ({"destinations-0-LaunchPermission": "own"}, "destinations-0-LaunchPermission", "who it is to be shared with"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_everything_typed_is_kept(
    signed_in: SignedIn, changes: dict[str, str], field: str, words: str
) -> None:
    answer = signed_in("requester").post("/requests/new/", typed(**changes))
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert words in errors[field][0], errors
    page = read(answer)
    assert page.alert().links(to=f"#f-{field}")
    assert page.by_id(f"f-{field}")
    assert page.by_id(f"f-{field}-err").text
    for name, value in changes.items():
        field_ = page.field(name)
        assert field_.is_on if value in {"on", "all", "v2.0"} else field_.value == value
    assert CopyRequest.objects.count() == 0


def test_everybody_is_offered_where_a_rule_allows_it(signed_in: SignedIn) -> None:
    make_rule("open", allows_public=True, requirements=[{"group": "approver", "count": 1}])
    client = signed_in("requester")
    assert read(client.get("/requests/new/")).has_field("LaunchPermission-UserGroups")
    assert client.post("/requests/new/", typed(**{"LaunchPermission-UserGroups": "all"})).status_code == 302
    assert CopyRequest.objects.get().steps == {"LaunchPermission": {"UserGroups": ["all"]}}


def test_a_destination_gets_steps_of_its_own_by_a_plain_button(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    page = read(client.post("/requests/new/", typed(**STEPS, **{"open-steps": "0"})))
    assert page.field("destinations-0-LaunchPermission").value == ""
    assert page.field("Parameter-Name").value == STEPS["Parameter-Name"]
    # As for all, whatever was typed before it was taken back.
    left = {"destinations-0-LaunchPermission": "", f"destinations-0-{SHARE}": THIRD, "destinations-0-steps": "1"}
    assert client.post("/requests/new/", typed(**STEPS, **left)).status_code == 302
    assert CopyRequest.objects.get().copies_of_round()[0].own_steps == {}


def test_presets_and_links_carry_the_steps(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    page = read(client.post("/requests/new/", typed(**STEPS, **OWN, **{"save-preset": "1", "preset-name": "shared"})))
    link = page.by_id("form-link").links()[0].attribute("href")
    sent = {"load-preset": "1", "preset": str(Preset.objects.get().pk), "reason": "PLAT-2"}
    for each in (read(client.post("/requests/new/", sent)), read(client.get(link))):
        assert each.field(SHARE).value.replace(",", " ").split() == [OTHER, THIRD]
        assert each.field("ImageDeregistrationProtection-WithCooldown").is_on
        assert each.field("destinations-1-Parameter").value == "none"
        assert each.field(f"destinations-1-{SHARE}").value == THIRD
        assert each.by_id("after-steps").has("open")
    several = read(client.get(f"/requests/new/?{SHARE}={OTHER}&{SHARE}={THIRD}&destinations-0-{SHARE}={THIRD}"))
    assert several.field(SHARE).value.split() == [OTHER, THIRD]
    assert several.field("destinations-0-LaunchPermission").value == "own"


@pytest.mark.usefixtures("patient")
def test_what_the_source_has_is_shown_and_taken_over(signed_in: SignedIn, sandbox: Control, server: Any) -> None:
    ec2 = boto3.Session(KEY, "not-checked").client("ec2", "us-east-1", endpoint_url=server.url)
    image = typed()["SourceImageId"]
    ec2.modify_image_attribute(
        ImageId=image, LaunchPermission={"Add": [{"UserId": OTHER}, {"OrganizationalUnitArn": UNIT}]}
    )
    ec2.enable_image_deprecation(ImageId=image, DeprecateAt="2029-03-01T00:00:00Z")
    client = signed_in("requester")
    page = read(client.post("/requests/new/", typed(**{"take-over": "1", "ImageWatermark-WatermarkName": "approved"})))
    assert page.field(SHARE).value == OTHER
    assert page.field("LaunchPermission-OrganizationalUnitArns").value == UNIT
    assert page.field("ImageDeprecation-DeprecateAt").value == "2029-03-01T00:00"
    assert page.field("ImageWatermark-WatermarkName").value == "approved"
    words = page.by_id("source-steps").text
    assert OTHER in words
    assert "1 Mar 2029" in words
