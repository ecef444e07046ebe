"""The form for steps for an AMI that exists, and what pages say of such a request: nothing of a copy."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.requests import verbs
from tests.conftest import Control
from tests.copies.conftest import SOURCE, acting, approve, approver, make_call, make_person, requester
from tests.copies.passing_time import look_again
from tests.copies.test_existing_images import REGION, ask, image
from tests.copies.test_steps_engine import OTHER, boto
from tests.web.page import Page, read
from tests.web.test_copy_record import PRIVATE, PUBLIC, verify

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
__all__ = ("approver", "ask", "image", "requester")

Ask = Callable[..., CopyRequest]


@pytest.fixture
def mine(requester: User) -> Client:
    client = Client()
    client.force_login(requester)
    return client


@pytest.fixture
def theirs(approver: User) -> Client:
    client = Client()
    client.force_login(approver)
    return client


def typed(image_id: str, **more: str) -> dict[str, str]:
    return {
        "account": "sandbox",
        "SourceRegion": REGION,
        "SourceImageId": image_id,
        "LaunchPermission-UserIds": OTHER,
        "reason": "PLAT-1",
        **more,
    }


def page_of(client: Client, address: str) -> Page:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return read(answer)


def text(client: Client, address: str) -> str:
    return page_of(client, address).text


def link(page: Page, id_: str) -> str:
    return page.marked("id", id_)[0].attribute("href")


def test_what_is_typed_becomes_a_request_for_approval(mine: Client, account: Account, image: str) -> None:
    page = page_of(mine, "/requests/existing/")
    assert "Steps for an AMI that exists" in page.text
    assert not page.marked("name", "ImageDeprecation-DaysAfterCopy")
    answer = mine.post("/requests/existing/", typed(image))
    row = CopyRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/requests/{row.pk}/")
    assert (row.existing, row.state, row.SourceImageId) == (True, "PENDING", image)
    assert row.copies.get().approved_steps == {"LaunchPermission": {"UserIds": [OTHER]}}


def test_the_same_form_sent_twice_is_one_request(mine: Client, account: Account, image: str) -> None:
    data = typed(image, submission="6f1c3f0e-8a52-4f0c-9d5a-0d6f5e3b1a11")
    assert mine.post("/requests/existing/", data)["Location"] == mine.post("/requests/existing/", data)["Location"]
    assert CopyRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"LaunchPermission-UserIds": ""}, "Choose what is to be done to the AMI."),
        ({"SourceRegion": "us-west-2"}, "AWS shows the account no"),
        ({"SourceImageId": "ami-x y"}, "Enter one AMI"),
        ({"SourceImageId": ""}, "Enter the AMI"),
        ({"SourceRegion": ""}, "Choose the AMI"),
        ({"reason": ""}, "Enter"),
        ({"account": "nowhere"}, "Choose"),
        ({"ImageDeprecation-DaysAfterCopy": "3"}, "Enter a date"),
        ({"start_not_before": "soon"}, "Enter a date and a time"),
        ({"LaunchPermission-UserIds": "12"}, "the 12 digits of an account"),
    ],
)
def test_what_is_wrong_stands_at_its_input_and_nothing_is_stored(
    mine: Client, account: Account, image: str, data: dict[str, str], words: str
) -> None:
    Account.objects.create(name="second", account_id="222233334444")
    answer = mine.post("/requests/existing/", typed(image, **data))
    assert answer.status_code == 422
    assert words in read(answer).text
    assert not CopyRequest.objects.exists()


def test_the_card_shows_the_ami_and_what_keeps_it_from_being_changed(
    mine: Client, account: Account, sandbox: Control, image: str
) -> None:
    answer = read(mine.post("/requests/existing/", typed(image, look="1"))).text
    assert "by-hand" in answer
    assert not CopyRequest.objects.exists()
    assert "This one is" not in answer
    other = boto(sandbox, "ec2", REGION).copy_image(Name="other", SourceImageId=SOURCE, SourceRegion="us-east-1")
    boto(sandbox, "ec2", REGION).disable_image(ImageId=other["ImageId"])
    answer = read(mine.post("/requests/existing/", typed(other["ImageId"], look="1"))).text
    assert "Choose an AMI that is available. This one is disabled." in answer
    fragment = read(mine.post("/requests/existing/look/", typed(other["ImageId"])))
    assert "This one is disabled." in fragment.text
    assert not fragment.is_whole


def test_a_link_a_clone_and_a_request_that_was_sent_back_fill_it_in(
    mine: Client, approver: User, requester: User, ask: Ask, image: str
) -> None:
    page = page_of(mine, f"/requests/existing/?account=sandbox&SourceRegion={REGION}&SourceImageId={image}")
    assert page.marked("name", "SourceImageId")[0].attribute("value") == image
    row = ask({"LaunchPermission": {"UserIds": [OTHER]}, "Parameter": {"Name": "/golden/{region}"}})
    answer = mine.get(f"/requests/new/?clone={row.pk}")
    assert answer["Location"] == f"/requests/existing/?clone={row.pk}"
    cloned = page_of(mine, answer["Location"])
    assert cloned.marked("name", "Parameter-Name")[0].attribute("value") == "/golden/{region}"
    verbs.request_changes(acting(approver), row.pk, reason="Which ticket?")
    edited = text(mine, f"/requests/{row.pk}/edit/")
    assert "Which ticket?" in edited
    assert f"Edit and submit #{row.pk} again" in edited
    answer = mine.post(f"/requests/{row.pk}/edit/", typed(image, reason="PLAT-2"))
    assert answer["Location"] == f"/requests/{row.pk}/"
    row.refresh_from_db()
    assert (row.state, row.round, row.existing, row.reason) == ("PENDING", 2, True, "PLAT-2")


def test_it_is_reached_from_a_new_request_from_the_source_and_from_a_finished_copy(
    mine: Client, requester: User, approver: User, account: Account, sandbox: Control
) -> None:
    sandbox("settings", copy_seconds=0)
    assert link(page_of(mine, "/requests/new/"), "to-existing") == "/requests/existing/"
    source = {"account": "sandbox", "SourceRegion": "us-east-1", "SourceImageId": SOURCE}
    looked = link(read(mine.post("/requests/new/", {**source, "look": "1"})), "steps-only")
    assert looked == f"/requests/existing/?account=sandbox&SourceRegion=us-east-1&SourceImageId={SOURCE}"
    row = verbs.submit(acting(requester), account=account, reason="x", calls=[make_call()])
    approve(approver, row)
    look_again("start_due", "track_due")
    made = row.copies.get().ImageId
    record = link(page_of(mine, f"/requests/{row.pk}/copies/eu-west-1/"), "more-steps")
    assert record == f"/requests/existing/?account=sandbox&SourceRegion=eu-west-1&SourceImageId={made}"


SPEAKS_OF_A_COPY = (
    "After the copy",
    "the copy to",
    "this copy",
    "copies start",
    "Nothing was copied",
    "New AMI",
    "What changes",
)


@pytest.mark.parametrize("until", ["waits", "done", "failed", "cancelled"])
def test_no_page_speaks_of_a_copy(
    mine: Client, theirs: Client, ask: Ask, approver: User, requester: User, sandbox: Control, until: str
) -> None:
    row = ask({"LaunchPermission": {"UserIds": [OTHER]}, "Parameter": {"Name": "/golden/al2023"}})
    if until != "waits":
        said = theirs.post(f"/requests/{row.pk}/approve/", {"content_hash": row.content_hash}, follow=True)
        assert "copies start" not in read(said).text
        if until == "failed":
            boto(sandbox, "ec2", REGION).disable_image(ImageId=row.SourceImageId)
        if until == "cancelled":
            assert "The AMI stays" in text(mine, f"/requests/{row.pk}/cancel/")
            mine.post(f"/requests/{row.pk}/cancel/")
        look_again("do_steps", times=3)
    for client in (mine, theirs):
        for address in ("", "copies/eu-west-1/", "evidence/"):
            page = text(client, f"/requests/{row.pk}/{address}")
            assert [words for words in SPEAKS_OF_A_COPY if words in page] == []
    assert "steps for an AMI" in text(mine, "/requests/")
    assert row.Name in text(theirs, "/approvals/") or until != "waits"


def test_who_decides_sees_what_is_done_to_which_ami(theirs: Client, ask: Ask, image: str) -> None:
    row = ask({"LaunchPermission": {"UserIds": [OTHER]}})
    for address in (f"/requests/{row.pk}/", f"/approvals/?open={row.pk}"):
        page = text(theirs, address)
        for words in ("What is done to the AMI", OTHER, image, "Nothing is copied or removed"):
            assert words in page, (address, words)
    assert "An AMI that exists" in page


def test_its_bundle_verifies_and_one_that_says_it_was_a_copy_does_not(
    ask: Ask, approver: User, settings: Settings, tmp_path: Path
) -> None:
    settings.AUDIT_PRIVATE_KEY, settings.AUDIT_PUBLIC_KEYS = PRIVATE, [PUBLIC]
    row = approve(approver, ask({"LaunchPermission": {"UserIds": [OTHER]}}))
    look_again("do_steps", times=2)
    auditor = Client()
    auditor.force_login(make_person("auditor", "auditor"))
    answer = auditor.post(f"/requests/{row.pk}/copies/{REGION}/bundle/")
    ZipFile(io.BytesIO(b"".join(answer.streaming_content))).extractall(tmp_path)  # type: ignore[attr-defined]
    code, said = verify(tmp_path)
    assert code == 0, said
    record = json.loads((tmp_path / "record.json").read_text())
    assert (record["existing"], record["sent"]) == (True, [])
    assert json.loads((tmp_path / "calls.json").read_text()) == []
    told = [json.loads(line)["action"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert {"image.queued", "image.found", "step.called", "step.done"} <= set(told)
    kept = json.loads((tmp_path / "requests.jsonl").read_text())
    assert kept["content"]["calls"][0]["existing"] is True
    del kept["content"]["calls"][0]["existing"]
    (tmp_path / "requests.jsonl").write_text(json.dumps(kept) + "\n")
    assert verify(tmp_path)[0] == 1
