"""Presets and what survives an ended session: nobody types a form twice."""

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client

from amicopy.audit.actor import Actor
from amicopy.audit.models import AuditEvent
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


def test_the_regions_of_a_preset_and_of_the_last_request_are_sets_to_tick(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    outpost = {"destinations-2-DestinationRegion": "us-east-1", "destinations-2-kind": "outpost"}
    client.post("/requests/new/", typed(**TWO, **outpost, **{"save-preset": "1", "preset-name": "Production"}))
    client.post("/requests/new/", typed(**{"destinations-0-DestinationRegion": "eu-central-1"}))
    number = CopyRequest.objects.get().pk
    page = read(client.get("/requests/new/"))
    words = {button.text: (button.attribute("name"), button.attribute("value")) for button in page.buttons()}
    named = f"preset-{Preset.objects.get().pk}"
    # The places of an Outpost are no Regions to tick.
    assert words["Production (2)"] == ("tick-set", named)
    assert words[f"As in #{number} (1)"] == ("tick-set", f"request-{number}")
    typed_before = {"Name": "kept", "ticked": "us-east-2", "region": "us-east-2"}
    typed_before |= {"destinations-0-DestinationRegion": "us-east-2", "tick-set": named}
    page = read(client.post("/requests/new/", typed_before))
    chosen = [page.field(f"destinations-{number}-DestinationRegion").value for number in range(3)]
    assert chosen == ["us-east-2", "eu-west-1", "us-west-2"]
    assert page.field("Name").value == "kept"
    # Nobody else's set ticks anything.
    other = signed_in("requester", name="requester-2")
    page = read(other.post("/requests/new/", {"tick-set": named, "Name": "x"}))
    assert page.field("destinations-0-DestinationRegion").value == ""
    assert "Tick a set" not in page.text


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
        presets.save(Actor("requester", "page", user.pk), user, "large", {"Description": "d" * presets.LARGEST})
    for number in range(presets.MOST):
        presets.save(Actor("requester", "page", user.pk), user, f"preset {number}", {})
    presets.save(Actor("requester", "page", user.pk), user, "preset 0", {"Name": "again"})
    with pytest.raises(presets.Refused):
        presets.save(Actor("requester", "page", user.pk), user, "one more", {})


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


def test_a_team_has_presets_that_every_member_may_change_and_nobody_else_sees(signed_in: SignedIn) -> None:
    team = Group.objects.create(name="platform")
    first, second, stranger = (signed_in("requester", name=name) for name in ("first", "second", "stranger"))
    team.user_set.add(*User.objects.filter(username__in=("first", "second")))
    save = {"save-preset": "1", "preset-name": "weekly", "preset-team": str(team.pk)}
    assert "“weekly” is saved for platform" in read(first.post("/requests/new/", typed(**save))).text
    assert "weekly (platform)" in read(second.get("/requests/new/")).source
    assert "weekly" not in read(stranger.get("/requests/new/")).source
    second.post("/requests/new/", typed(Description="changed", **save))
    preset = Preset.objects.get()
    assert (preset.team, preset.person, preset.fields["Description"]) == (team, None, "changed")
    page = read(stranger.post("/requests/new/", typed(**save)))
    assert "Choose one of your teams" in page.text
    first.post("/requests/new/", typed(preset=str(preset.pk), **{"delete-preset": "1"}))
    saved, changed, deleted = AuditEvent.objects.filter(action__startswith="preset.").order_by("pk")
    assert (saved.actor, changed.actor, deleted.action) == ("first", "second", "preset.deleted")
    assert changed.data["team"] == "platform"
    assert changed.data["changes"] == {"Description": ["", "changed"]}
    # A role is no team.
    role = {**save, "preset-team": str(Group.objects.get(name="requester").pk)}
    assert "Choose one of your teams" in read(first.post("/requests/new/", typed(**role))).text


def test_a_link_opens_the_form_filled_in_and_submits_nothing(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    answer = client.post("/requests/new/", typed(**TWO, **{"tags-0-Value": "a b"}, ClientToken="week-47", add="tag"))
    link = answer.context["link"]
    assert "week-47" not in link
    page = read(client.get(link))
    for name, value in {**typed(), "destinations-1-DestinationRegion": "us-west-2", "tags-0-Value": "a b"}.items():
        assert page.field(name).value == value, name
    short = "SourceImageId=ami-0a7f3c92d41be6058&SourceImageId=ami-0b81d5e6f0a297c34&DestinationRegion=eu-west-1"
    short += "&DestinationRegion=us-west-2&TagSpecifications=team%3Dweb&TagSpecifications=stage%3Ddev&KmsKeyId=alias/x"
    page = read(client.get(f"/requests/new/?{short}"))
    assert page.field("SourceImageId").value == "ami-0a7f3c92d41be6058 ami-0b81d5e6f0a297c34"
    assert [page.field(f"destinations-{n}-DestinationRegion").value for n in range(2)] == ["eu-west-1", "us-west-2"]
    assert [page.field(f"tags-{n}-Key").value for n in range(2)] == ["team", "stage"]
    assert page.field("KmsKeyId").value == "alias/x"
    assert CopyRequest.objects.count() == 0


@pytest.mark.parametrize("query", ["Name=%00&reason=%00", "destinations-x-y=1", "DestinationRegion=<script>", "x=y"])
def test_a_link_of_nonsense_is_a_form(signed_in: SignedIn, query: str) -> None:
    answer = signed_in("requester").get(f"/requests/new/?{query}")
    assert answer.status_code == 200
    assert "<script>" not in read(answer).source.replace("<script src", "")
