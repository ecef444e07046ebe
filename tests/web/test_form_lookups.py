"""The form's look-ups as fragments and without a script, with AWS at hand and with AWS not answering."""

import copy
import json
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies import tasks
from amicopy.copies.core.models import Account, CopyRequest, PermissionCheck
from amicopy.copies.lookups import async_queries
from amicopy.copies.operations import permission_checks
from amicopy.web.views.lookups import TURNS
from tests.conftest import Control
from tests.web.conftest import SignedIn, typed
from tests.web.page import Page, read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
HTMX = {"HX-Request": "true"}
ROLE = "arn:aws:iam::444455556666:role/amicopy"
SHARED = {
    "account_id": "444455556666",
    "role_arn": ROLE,
    "read_only_role_arn": f"{ROLE}-read-only",
    "external_id": "amicopy-sandbox",
}


def once(client: Client, name: str, **changes: str) -> Page:
    """A fragment as it is at first."""
    answer = client.post(f"/requests/new/{name}/", typed(**changes), headers=HTMX)
    assert answer.status_code == 200
    page = read(answer)
    assert not page.is_whole
    return page


def fragment(client: Client, name: str, **changes: str) -> Page:
    """A fragment as it is once everything is answered: it is asked for again, as a page does, until it is."""
    page, end = once(client, name, **changes), time.monotonic() + 30
    while again := [each for each in page.marks("hx-trigger") if each.startswith("load delay")]:
        assert time.monotonic() < end, again
        tasks.check_permissions()
        (asks,) = [each for each in page.marked("hx-vals") if each.attribute("hx-trigger").startswith("load delay")]
        sent = asks.attribute("hx-vals")
        page = once(client, name, **{**changes, **json.loads(sent), "turn": "1"})
    return page


def slot(page: Page, name: str) -> str:
    """What is said at a field, which itself need not be on the page."""
    return page.by_id(f"f-{name}-err").text


def test_the_source_is_shown_with_volumes_and_tags(signed_in: SignedIn, sandbox: Control) -> None:
    page = fragment(signed_in("requester"), "source", CopyImageTags="on")
    source = page.region("golden-al2023-x86_64-2026.11.18").text
    assert "52 GiB in 2 volumes" in source
    assert "1111-2222-3333, this account" in source
    assert "These come along:" in page.by_id("source-tags").text
    assert page.by_id("form-says").has("hx-swap-oob")


def test_a_source_of_another_region_says_which_and_offers_it(signed_in: SignedIn, sandbox: Control) -> None:
    client = signed_in("requester")
    page = fragment(client, "source", SourceRegion="eu-west-1")
    assert "Not found in eu-west-1" in page.text
    use = page.button("Use us-east-1 as the source Region")
    assert (use.attribute("name"), use.attribute("value")) == ("use-region", "us-east-1")
    page = read(client.post("/requests/new/", typed(SourceRegion="eu-west-1", **{"use-region": "us-east-1"})))
    assert page.field("SourceRegion").value == "us-east-1"
    assert page.headings("golden-al2023-x86_64-2026.11.18")
    assert page.field("reason").value == "PLAT-1: week 47 image"


@pytest.mark.parametrize(
    ("image_id", "words"),
    [
        ("ami-0490c7d3f5e2b68a1", "Marketplace or billing code"),
        ("ami-0f15c8e2a9b7364d0", "is deprecated since 30 Jun 2026"),
        ("ami-027e9a5d1f3b8c460", "belongs to account 777788889999"),
    ],
)
def test_a_source_warns_of_what_would_surprise(
    signed_in: SignedIn, sandbox: Control, image_id: str, words: str
) -> None:
    assert words in fragment(signed_in("requester"), "source", SourceImageId=image_id).text


@pytest.mark.parametrize("fault", [{"kind": "throttle"}, {"kind": "error"}, {"kind": "drop"}])
def test_a_source_that_is_not_answered_for_says_so(
    signed_in: SignedIn, sandbox: Control, fault: dict[str, Any]
) -> None:
    sandbox("faults", **fault, action="DescribeImages")
    page = fragment(signed_in("requester"), "source")
    assert "Not looked at" in page.text
    assert "You can submit without it" in page.text


def test_an_aws_that_hangs_costs_a_few_seconds_and_never_the_page(
    signed_in: SignedIn, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_queries.deadline, "__defaults__", (0.5,))
    sandbox("faults", kind="hang", count=None)
    client, began = signed_in("requester"), time.monotonic()
    assert "AWS is being asked." in once(client, "source").text
    assert "AWS didn't answer in time" in once(client, "source", turn=str(TURNS)).text
    assert client.get("/requests/new/").status_code == 200
    assert fragment(client, "aside").headings("Same as running")
    answer = client.post("/requests/new/", typed())
    assert answer.status_code == 302
    assert time.monotonic() - began < 6
    assert CopyRequest.objects.get().lookups["missing"]["source"] == "AWS didn't answer in time."


KEYED = {"destinations-0-Encrypted": "true", "destinations-0-KmsKeyId": "alias/golden-images"}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        (KEYED, "destinations-0-KmsKeyId", "Key found in eu-west-1"),
        (KEYED, "destinations-0-Encrypted", "Result: encrypted with alias/golden-images"),
        ({**KEYED, "destinations-0-KmsKeyId": "alias/retired"}, "destinations-0-KmsKeyId", "This key is disabled"),
        ({**KEYED, "destinations-0-KmsKeyId": "alias/none"}, "destinations-0-KmsKeyId", "no such key in eu-west-1"),
        ({"destinations-0-DestinationRegion": "eu-central-1"}, "destinations-0-Encrypted", "encrypts by default"),
        ({}, "destinations-0-Encrypted", "Result: unencrypted"),
        (
            {"Name": "bastion-encrypted-3.2", "destinations-0-DestinationRegion": "us-east-1"},
            "Name",
            "has an AMI of this name already: ami-0d2f6b80c5e1794a3",
        ),
        ({"destinations-0-DestinationRegion": "af-south-1"}, "destinations-0-DestinationRegion", "is not enabled"),
        (
            {
                "SourceRegion": "ap-southeast-2",
                "destinations-0-DestinationRegion": "ap-southeast-2",
                "destinations-0-kind": "zone",
                "destinations-0-DestinationAvailabilityZone": "ap-southeast-2-per-1a",
            },
            "destinations-0-DestinationAvailabilityZone",
            "not opted in by this account",
        ),
        (
            {
                "destinations-0-DestinationRegion": "us-east-1",
                "destinations-0-kind": "outpost",
                "destinations-0-DestinationOutpostArn": "arn:aws:outposts:us-east-1:111122223333:outpost/op-"
                + "0" * 17,
            },
            "destinations-0-DestinationOutpostArn",
            "no such Outpost in us-east-1",
        ),
    ],
)
def test_what_is_known_of_a_destination_stands_at_its_field(
    signed_in: SignedIn, sandbox: Control, changes: dict[str, str], field: str, words: str
) -> None:
    client = signed_in("requester")
    fragment(client, "source", **changes)
    assert words in slot(fragment(client, "messages", **changes), field)


def test_regions_that_are_not_enabled_cannot_be_chosen_and_say_why(signed_in: SignedIn, sandbox: Control) -> None:
    client = signed_in("requester")
    first = read(client.get("/requests/new/"))
    assert [each for each in first.marks("hx-get") if each.startswith("/requests/new/regions/")]
    facts = read(client.get("/requests/new/regions/?account=sandbox", headers=HTMX))
    while facts.marks("hx-get"):
        facts = read(client.get("/requests/new/regions/?account=sandbox&turn=1", headers=HTMX))
    page = read(client.get("/requests/new/"))
    greyed = [*facts.marked("value", "af-south-1"), page.field("SourceRegion").option("af-south-1")]
    for option in greyed:
        assert option.has("disabled")
        assert option.text == "af-south-1: Africa (Cape Town) (not enabled for this account)"
    assert len(greyed) == 2
    assert not [each for each in page.marks("hx-get") if each.startswith("/requests/new/regions/")]


def test_a_message_comes_when_a_field_is_left_and_required_only_after_a_submit(
    signed_in: SignedIn, sandbox: Control
) -> None:
    client = signed_in("requester")
    empty = {"SourceImageId": "", "Name": "what*ever", "reason": ""}
    page = fragment(client, "messages", **empty)
    assert "Remove *" in slot(page, "Name")
    assert slot(page, "SourceImageId") == slot(page, "reason") == ""
    page = fragment(client, "messages", **empty, checked="1")
    assert "Enter the source AMI" in slot(page, "SourceImageId")
    assert "Enter why" in slot(page, "reason")


@pytest.mark.parametrize("name", ["source", "messages", "aside", "permissions"])
def test_no_fragment_brings_an_input_or_needs_a_good_form(signed_in: SignedIn, sandbox: Control, name: str) -> None:
    client = signed_in("requester")
    for data in ({}, typed(), {"destinations-0-DestinationRegion": "<script>alert(1)</script>", "Name": "\0"}):
        page = read(client.post(f"/requests/new/{name}/", data, headers=HTMX))
        assert page.fields() == []
        assert "<script" not in page.source


def test_permissions_are_checked_for_each_destination(signed_in: SignedIn, sandbox: Control) -> None:
    who = "User: arn:aws:iam::111122223333:user/amicopy is not authorized to perform: ec2:CopyImage on resource: x"
    fault = {"kind": "error", "code": "UnauthorizedOperation", "status": 403, "message": who}
    sandbox("faults", **fault, action="CopyImage", region="us-west-2", count=None)
    client, two = signed_in("requester"), {"destinations-1-DestinationRegion": "us-west-2"}
    page = fragment(client, "permissions", **two)
    said = page.region("What AWS says to a dry run").text
    assert re.search(r"eu-west-1\S*: allowed", said)
    assert re.search(r"us-west-2\S*: not allowed", said)
    assert '"Action": "ec2:CopyImage"' in said
    assert sandbox("images") == []
    # The answer goes with the request, for the approver.
    assert client.post("/requests/new/", typed(**two)).status_code == 302
    first, second = CopyRequest.objects.get().lookups["destinations"]
    assert first["dry_run"]["allowed"] is True
    assert second["dry_run"]["action"] == "ec2:CopyImage"


def test_permissions_are_not_checked_for_what_has_to_be_corrected(signed_in: SignedIn, sandbox: Control) -> None:
    page = fragment(signed_in("requester"), "permissions", Name="x")
    assert page.by_id("form-says").text == "Correct 1 thing first. AWS wasn't asked."
    assert "CopyImage" not in sandbox()["calls"].get("ec2", {}).get("eu-west-1", {})


def test_without_a_script_a_button_shows_source_notes_and_permissions(signed_in: SignedIn, sandbox: Control) -> None:
    client = signed_in("requester")
    page = read(client.post("/requests/new/", typed(check="1", **KEYED)))
    assert "52 GiB in 2 volumes" in page.text
    assert "Key found in eu-west-1" in page.field("destinations-0-KmsKeyId").said
    assert "Press “Check permissions” again" in page.region("A worker asks AWS").text
    assert sandbox("calls?action=CopyImage") == [], "no page asks AWS"
    tasks.check_permissions()
    again = typed(check="1", asked=page.field("asked").value, **KEYED)
    page = read(client.post("/requests/new/", again))
    assert re.search(r"eu-west-1\S*: allowed", page.region("What AWS says to a dry run").text)
    assert len(sandbox("calls?action=CopyImage")) == 1
    assert CopyRequest.objects.count() == 0


def asked_of(page: Page) -> str:
    """Which question a fragment waits for."""
    (sent,) = page.marks("hx-vals")
    return str(json.loads(sent)["asked"])


def test_a_worker_asks_for_permissions_as_it_would_copy(signed_in: SignedIn, sandbox: Control) -> None:
    Account.objects.create(name="shared", **SHARED)
    data = {"account": "shared", "SourceImageId": "ami-07c3fa0628b5e91d4"}
    said = fragment(signed_in("requester"), "permissions", **data).region("What AWS says to a dry run").text
    assert re.search(r"eu-west-1\S*: allowed", said)
    callers = {call["action"]: call["caller"] for call in sandbox("calls") if call["service"] == "ec2"}
    assert callers.pop("CopyImage") == "arn:aws:sts::444455556666:assumed-role/amicopy/amicopy"
    assert set(callers.values()) == {"arn:aws:sts::444455556666:assumed-role/amicopy-read-only/amicopy"}


def test_an_answer_is_for_whoever_asked_and_for_what_was_asked(signed_in: SignedIn, sandbox: Control) -> None:
    client = signed_in("requester")
    asked = asked_of(once(client, "permissions"))
    tasks.check_permissions()
    waits = "A worker asks AWS"
    other = once(signed_in("requester", name="another"), "permissions", asked=asked, turn="1")
    assert other.region(waits)
    assert asked_of(other) != asked
    assert once(client, "permissions", asked=asked, turn="1", Name="another-name").region(waits)
    assert once(client, "permissions", asked="no-uuid", turn="1").region(waits)
    assert once(client, "permissions", asked=asked, turn="1").region("What AWS says to a dry run")


def test_a_page_says_when_no_worker_answers(signed_in: SignedIn, sandbox: Control) -> None:
    client = signed_in("requester")
    asked = asked_of(once(client, "permissions"))
    page = once(client, "permissions", asked=asked, turn=str(TURNS))
    assert "No worker has answered yet." in page.region("What AWS says to a dry run").text


def test_a_role_that_workers_cannot_enter_is_said(signed_in: SignedIn, sandbox: Control) -> None:
    Account.objects.create(name="shared", **{**SHARED, "role_arn": f"{ROLE}-gone"})
    data = {"account": "shared", "SourceImageId": "ami-07c3fa0628b5e91d4"}
    said = fragment(signed_in("requester"), "permissions", **data).region("What AWS says to a dry run").text
    assert "amicopy may not call sts:AssumeRole there." in said


def test_a_check_that_aws_does_not_answer_is_not_known(signed_in: SignedIn, sandbox: Control) -> None:
    sandbox("faults", kind="drop", action="CopyImage", count=None)
    said = fragment(signed_in("requester"), "permissions").region("What AWS says to a dry run").text
    assert re.search(r"eu-west-1\S*: not known AWS didn't answer\.", said)


def test_nobody_asks_for_more_permissions_than_the_limit(
    signed_in: SignedIn, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permission_checks, "OF_PERSON_A_MINUTE", 1)
    client = signed_in("requester")
    assert once(client, "permissions").region("A worker asks AWS")
    page = once(client, "permissions")
    assert "Too much was looked up in the last minute." in page.region("What AWS says to a dry run").text
    assert PermissionCheck.objects.count() == 1


def test_a_worker_that_is_gone_leaves_a_check_to_another(signed_in: SignedIn, sandbox: Control) -> None:
    once(signed_in("requester"), "permissions", **{"destinations-1-DestinationRegion": "us-west-2"})
    assert [row.DestinationRegion for row in permission_checks.claim_next() or ()] == ["eu-west-1", "us-west-2"]
    assert permission_checks.claim_next() is None
    PermissionCheck.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    claimed = permission_checks.claim_next()
    assert claimed is not None
    late = [copy.copy(row) for row in claimed]
    permission_checks.hand_back(claimed)
    permission_checks.check(late)
    assert not PermissionCheck.objects.filter(answered_at__isnull=False).exists(), "a lease that is over writes nothing"
    tasks.check_permissions()
    assert not PermissionCheck.objects.filter(answered_at__isnull=True).exists()


def test_what_will_happen_follows_what_is_typed(signed_in: SignedIn, sandbox: Control) -> None:
    client = signed_in("requester")
    fragment(client, "source")
    page = fragment(client, "aside", Name="{source}-{region}", **{"destinations-1-DestinationRegion": "us-west-2"})
    happens = page.region("What will happen")
    assert "2 copies start" in happens.text
    assert happens.facts()["Data to copy"].startswith("104 GiB")
    assert "golden-al2023-x86_64-2026.11.18-us-west-2" in happens.facts()["Names"]
    assert "--region us-west-2" in page.region("Same as running").text


def test_look_ups_are_for_accounts_a_person_may_ask_in(signed_in: SignedIn, sandbox: Control) -> None:
    closed = Account.objects.create(name="closed", account_id="444455556666")
    closed.requester_groups.create(name="others")
    page = fragment(signed_in("requester"), "source", account="closed", SourceImageId="ami-07c3fa0628b5e91d4")
    assert "debian" not in page.source
    assert signed_in("auditor").post("/requests/new/source/", typed()).status_code == 403


def test_a_name_that_another_request_has_is_noted(signed_in: SignedIn, sandbox: Control, settings: Settings) -> None:
    client = signed_in("requester")
    client.post("/requests/new/", typed())
    words = f"eu-west-1 gets an AMI of this name by request #{CopyRequest.objects.get().pk}."
    assert words in fragment(client, "messages").text
    assert words not in fragment(client, "messages", Name="another-name").text
    settings.NAME_CLASH = "allow"
    assert words not in fragment(client, "messages").text


def test_the_name_setting_can_be_silent(signed_in: SignedIn, sandbox: Control, settings: Settings) -> None:
    settings.NAME_CLASH = "allow"
    taken = {"Name": "bastion-encrypted-3.2", "destinations-0-DestinationRegion": "us-east-1"}
    assert "of this name" not in fragment(signed_in("requester"), "messages", **taken).source


def test_what_asks_again_is_a_new_element_in_every_answer(signed_in: SignedIn, sandbox: Control) -> None:
    """A page keeps elements that an answer has again: one whose turn was over would never ask."""
    client, names = signed_in("requester"), []
    for image in ("ami-0a7f3c92d41be6058", "ami-0b81d5e6f0a297c34"):
        # Each is asked for the first time, so that neither is known at once.
        sandbox("faults", kind="latency", service="ec2", seconds=2, count=1)
        page = once(client, "source", SourceImageId=image)
        names += re.findall(r'id="(source-turn-[^"]+)"', page.source)
    assert len(names) == len(set(names)) == 2
