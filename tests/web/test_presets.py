"""Presets and what survives an ended session: nobody types a form twice."""

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client

from amicopy.copies.core.models import CopyRequest
from amicopy.web.forms import presets
from amicopy.web.models import Preset, UnsentPost
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db
TWO = {"destinations-1-DestinationRegion": "us-west-2", "tags-0-Key": "team", "tags-0-image": "on"}


def test_a_preset_keeps_the_form_but_for_reason_and_token(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    sent = typed(**TWO, ClientToken="week-47", **{"save-preset": "1", "preset-name": " Golden  weekly "})
    page = read(client.post("/requests/new/", sent))
    assert "Preset “Golden weekly” is saved" in page.text
    assert page.field("reason").value == "PLAT-1: week 47 image"
    preset = Preset.objects.get()
    assert "week-47" not in preset.fields.values()
    data = {"load-preset": "1", "preset": str(preset.pk), "reason": "PLAT-2", "Name": "typed over"}
    page = read(client.post("/requests/new/", data))
    assert page.field("Name").value == "golden-al2023-2026.11.24"
    assert page.field("reason").value == "PLAT-2"
    assert page.field("destinations-1-DestinationRegion").value == "us-west-2"
    assert "typed over" not in page.source
    assert CopyRequest.objects.count() == 0


def test_a_preset_is_overwritten_by_name_and_deleted(signed_in: SignedIn) -> None:
    client, named = signed_in("requester"), {"save-preset": "1", "preset-name": "weekly"}
    for description in ("first", "second"):
        client.post("/requests/new/", typed(Description=description, **named))
    preset = Preset.objects.get()
    assert preset.fields["Description"] == "second"
    page = read(client.post("/requests/new/", typed(preset=str(preset.pk), **{"delete-preset": "1"})))
    assert "Preset “weekly” is deleted" in page.text
    assert not Preset.objects.exists()


@pytest.mark.parametrize("verb", ["load-preset", "delete-preset"])
def test_nobody_reaches_anothers_preset(signed_in: SignedIn, verb: str) -> None:
    signed_in("requester").post("/requests/new/", typed(**{"save-preset": "1", "preset-name": "mine"}))
    preset = Preset.objects.get()
    other = signed_in("requester", name="requester-2")
    for number in (str(preset.pk), "x", "9" * 30):
        page = read(other.post("/requests/new/", {verb: "1", "preset": number}))
        assert "Choose one of your presets" in page.text
        assert "golden-al2023" not in page.source
    assert "mine" not in read(other.get("/requests/new/")).source
    assert Preset.objects.count() == 1


@pytest.mark.parametrize("name", ["", "  ", "n" * 41])
def test_a_preset_needs_a_name(signed_in: SignedIn, name: str) -> None:
    page = read(signed_in("requester").post("/requests/new/", typed(**{"save-preset": "1", "preset-name": name})))
    assert "a name of 1 to 40 characters" in page.text
    assert "golden-al2023" in page.field("Name").value
    assert not Preset.objects.exists()


def test_presets_have_a_number_and_a_size(signed_in: SignedIn) -> None:
    signed_in("requester")
    user = User.objects.get(username="requester")
    with pytest.raises(presets.Refused):
        presets.save(user, "large", {"Description": "d" * presets.LARGEST})
    for number in range(presets.MOST):
        presets.save(user, f"preset {number}", {})
    presets.save(user, "preset 0", {"Name": "again"})
    with pytest.raises(presets.Refused):
        presets.save(user, "one more", {})


def test_what_was_sent_after_the_session_ended_is_there_again_after_signing_in(
    signed_in: SignedIn, client: Client
) -> None:
    signed_in("requester")
    user = User.objects.get(username="requester")
    user.set_password("correct-horse-battery")
    user.save()
    refused = client.post("/requests/new/", typed(**TWO))
    assert refused["Location"] == "/sign-in/?next=/requests/new/"
    assert CopyRequest.objects.count() == 0
    signing_in = {"username": "requester", "password": "correct-horse-battery", "next": "/requests/new/"}
    page = read(client.post("/sign-in/", signing_in, follow=True))
    assert "What you typed is all here" in page.text
    kept = {
        name: page.field(name).value for name in ("Name", "reason", "tags-0-Key", "destinations-1-DestinationRegion")
    }
    assert kept == {
        "Name": "golden-al2023-2026.11.24",
        "reason": "PLAT-1: week 47 image",
        "tags-0-Key": "team",
        "destinations-1-DestinationRegion": "us-west-2",
    }
    # Once: the next form is empty again.
    assert "golden-al2023-2026.11.24" not in read(client.get("/requests/new/")).source


def test_only_the_form_is_kept_for_a_sign_in_and_no_more_than_a_form_has(client: Client) -> None:
    client.post("/requests/new/", typed(reason="r" * 200_000))
    client.post("/approvals/decide/", {"reason": "x"})
    assert UnsentPost.objects.count() == 0
    assert Session.objects.count() == 0
