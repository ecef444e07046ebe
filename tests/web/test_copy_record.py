"""The record of one copy: found by one search, quoted in a sentence, and taken away as a bundle that proves itself."""

import io
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit import signing_keys
from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.models import CopyLook, CopyRequest, ImageCopy
from amicopy.copies.requests import verbs
from tests.audit.writing import write
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, acting, approve, make_call
from tests.copies.conftest import approver as approver
from tests.copies.conftest import requester as requester
from tests.copies.conftest import submit as submit
from tests.web.conftest import SignedIn
from tests.web.page import Page, read

pytestmark = pytest.mark.django_db

PRIVATE = signing_keys.make()
PUBLIC = signing_keys.public_text(signing_keys.private_key(PRIVATE).public_key())
TAGS = [{"ResourceType": "image", "Tags": [{"Key": "team", "Value": "platform"}]}]


@pytest.fixture
def done(submit: Submit, approver: User, sandbox: Control) -> CopyRequest:
    """A request with two finished copies, and another before and after it."""
    submit(make_call("us-west-2", Name="before"))
    row = approve(approver, submit(make_call(TagSpecifications=TAGS), make_call("sa-east-1", TagSpecifications=TAGS)))
    submit(make_call("us-west-2", Name="after"))
    tasks.start_due(wake=False)
    sandbox("advance", seconds=900)
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.track_due()
    assert set(row.copies.values_list("state", flat=True)) == {"AVAILABLE"}
    return row


def record(signed_in: SignedIn, row: CopyRequest, where: str = "eu-west-1", role: str = "auditor") -> Page:
    answer = signed_in(role).get(f"/requests/{row.pk}/copies/{where}/")
    assert answer.status_code == 200
    return read(answer)


def test_a_record_says_in_a_sentence_who_did_what_and_what_was_sent(signed_in: SignedIn, done: CopyRequest) -> None:
    page, copy = record(signed_in, done), done.copies.get(position=0)
    assert f"Asked by requester, approved by approver, sent once by amicopy, got as {copy.ImageId} in" in page.text
    assert "exactly as approved." in page.text
    sent = page.region("Exactly what was sent").facts()
    assert sent["SourceImageId"] == SOURCE
    assert sent["ClientToken"] == copy.attempts.get().ClientToken
    assert sent["AWS answered"] == copy.ImageId
    table = page.table("Each property as asked")
    assert "Approved Same Sent Same Got Same" in table.row("Source AMI").text
    mark = copy.mark
    assert mark in table.row("Tags of the image").text


def test_each_step_leads_to_its_event(signed_in: SignedIn, done: CopyRequest) -> None:
    steps = record(signed_in, done).region("The copy, step by step").items()
    assert [step.text.partition(" ")[0] for step in steps] == ["Asked", "Approved", "Sent", "Got", "Now"]
    for step, action in zip(
        steps, ("request.submitted", "request.approved", "copy.copying", "copy.available"), strict=False
    ):
        numbers = [int(link.name.removeprefix("Event ")) for link in step.links("Event")]
        assert set(AuditEvent.objects.filter(pk__in=numbers).values_list("action", flat=True)) == {action}


def test_a_copy_that_was_never_sent_says_so(signed_in: SignedIn, submit: Submit, approver: User) -> None:
    row = submit()
    assert "Asked by requester, not sent." in record(signed_in, row).text
    verbs.reject(acting(approver), row.pk, reason="No.")
    page = record(signed_in, row)
    assert "Asked by requester, rejected by approver" in page.text
    assert "AWS wasn’t called for it." in page.text


def test_a_worker_looks_at_what_the_ami_is_now(signed_in: SignedIn, done: CopyRequest, sandbox: Control) -> None:
    copy = done.copies.get(position=0)
    client = signed_in("auditor")
    address = f"/requests/{done.pk}/copies/eu-west-1/"
    assert "Not looked at since" in read(client.get(address)).text
    client.post(f"{address}look/")
    assert "A worker is looking." in read(client.get(address)).text
    tasks.look_at_copies()
    page = read(client.get(address))
    assert "As approved; the AMI is available" in page.text
    assert "Nothing was found changed since." in page.text
    CopyLook.objects.update(State="", verification=[])
    assert "Since then the AMI has gone from AWS." in read(client.get(address)).text
    CopyLook.objects.update(
        State="available",
        verification=[{"property": "Name", "expected": copy.Name, "found": "another", "ok": False}],
    )
    page = read(client.get(address))
    assert "Since then one thing was changed outside amicopy." in page.text
    assert "another Not what was approved" in page.table("Each property as asked").row("Name").text


def test_a_copy_without_an_image_is_not_looked_at(signed_in: SignedIn, submit: Submit) -> None:
    row = submit()
    answer = signed_in("requester").post(f"/requests/{row.pk}/copies/eu-west-1/look/", follow=True)
    assert "nothing to look at" in read(answer).told
    assert not CopyLook.objects.exists()


def test_the_record_of_an_earlier_round_keeps_its_address(
    signed_in: SignedIn, submit: Submit, approver: User, requester: User
) -> None:
    row = submit(make_call(Name="first-name"))
    verbs.request_changes(acting(approver), row.pk, reason="Another name.")
    verbs.resubmit(acting(requester), row.pk, reason="Yes.", calls=[make_call(Name="second-name")])
    client = signed_in("auditor")
    address = f"/requests/{row.pk}/copies/eu-west-1/"
    assert "second-name in eu-west-1" in read(client.get(address)).text
    assert "first-name in eu-west-1" in read(client.get(f"{address}?round=1")).text


def test_who_may_not_see_a_request_sees_no_record_of_its_copies(signed_in: SignedIn, done: CopyRequest) -> None:
    other = signed_in("requester", name="requester-2")
    for path, ask in (("", other.get), ("bundle/", other.post), ("look/", other.post)):
        assert ask(f"/requests/{done.pk}/copies/eu-west-1/{path}").status_code == 404
    assert signed_in("auditor").get(f"/requests/{done.pk}/copies/eu-north-1/").status_code == 404


@pytest.fixture
def bundle(signed_in: SignedIn, done: CopyRequest, settings: Settings, tmp_path: Path) -> Path:
    """The bundle of the first copy, unpacked, with events before and between its own."""
    settings.AUDIT_PRIVATE_KEY, settings.AUDIT_PUBLIC_KEYS = PRIVATE, [PUBLIC]
    write("person.signed_in")
    answer = signed_in("auditor").post(f"/requests/{done.pk}/copies/eu-west-1/bundle/")
    folder = tmp_path / "bundle"
    ZipFile(io.BytesIO(b"".join(answer.streaming_content))).extractall(folder)  # type: ignore[attr-defined]
    return folder


def verify(folder: Path, program: Path | None = None) -> tuple[int, str]:
    """Runs the bundle's own program, or another, with Python's standard library only."""
    program = program or folder / "verify_amicopy.py"
    command = [sys.executable, "-I", "-S", "-B", str(program), "--key", PUBLIC, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_a_bundle_verifies_without_amicopy(bundle: Path, tmp_path: Path) -> None:
    code, said = verify(bundle)
    assert code == 0, said
    assert "heads/now.json is signed, and the events lead to it" in said
    assert "The bundle's 5 files are those that event" in said
    names = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert names == {
        "README.txt",
        "calls.json",
        "events.jsonl",
        "heads/now.json",
        "record.json",
        "requests.jsonl",
        "verify_amicopy.py",
    }


def test_a_bundle_with_a_forged_file_does_not_verify(bundle: Path) -> None:
    files = [path for path in bundle.rglob("*") if path.is_file()]
    assert len(files) == 7
    for path in files:
        true = path.read_bytes()
        at = true.index(b"e")
        path.write_bytes(true[:at] + b"E" + true[at + 1 :])
        code, said = verify(bundle)
        assert code == 1, (path, said)
        path.write_bytes(true)
    assert verify(bundle)[0] == 0


def test_a_bundle_that_lacks_a_file_does_not_verify(bundle: Path, tmp_path: Path) -> None:
    program = tmp_path / "verify_amicopy.py"
    program.write_bytes((bundle / "verify_amicopy.py").read_bytes())
    for path in [path for path in bundle.rglob("*") if path.is_file()]:
        true = path.read_bytes()
        path.unlink()
        code, said = verify(bundle, program=program)
        # Without a head nothing is wrong, and that it can't be looked at is said.
        assert code == (3 if path.parent.name == "heads" else 1), (path, said)
        path.write_bytes(true)


def test_a_file_that_does_not_belong_to_a_bundle_is_found(bundle: Path) -> None:
    (bundle / "approval.json").write_text("{}")
    code, said = verify(bundle)
    assert (code, "approval.json isn't a file of the bundle" in said) == (1, True)


def test_taking_a_bundle_is_an_event(bundle: Path, done: CopyRequest) -> None:
    event = AuditEvent.objects.filter(action="audit.bundled").get()
    assert (event.actor, event.request, event.copy) == ("auditor", done.pk, done.copies.get(position=0).pk)
    assert event.at > timezone.now() - timedelta(minutes=5)
    ended = AuditEvent.objects.filter(action="audit.export_ended").get()
    assert ended.data["format"] == "bundle"


def found(signed_in: SignedIn, role: str = "auditor", **asked: str) -> list[str]:
    """The copies that one search on the audit page finds, by the addresses they lead to."""
    page = read(signed_in(role).get("/audit/", asked))
    if "Copies that fit what was asked for" not in page.text:
        return []
    return [link.address for link in page.table("Copies that fit").links("in ")]


def test_one_search_finds_a_copy_by_whatever_is_known_of_it(signed_in: SignedIn, done: CopyRequest) -> None:
    first, second = done.copies.order_by("position")
    one, two = (f"/requests/{done.pk}/copies/{where}/" for where in ("eu-west-1", "sa-east-1"))
    today = f"{timezone.localdate():%Y-%m-%d}"
    assert found(signed_in, q=first.ImageId) == [one]
    assert found(signed_in, image=second.ImageId) == [two]
    listed = found(signed_in, q=SOURCE)
    assert {one, two} < set(listed)
    numbers = [int(address.split("/")[2]) for address in listed]
    assert numbers == sorted(numbers, reverse=True), "the newest first"
    assert len(set(numbers)) > 1
    assert found(signed_in, q=f"{SOURCE} eu-west-1") == [one]
    assert found(signed_in, q=SOURCE, region="sa-east-1", since=today, until=today) == [two]
    assert found(signed_in, q=f"#{done.pk}") == [one, two]
    assert found(signed_in, q="golden-AL2023") == [one, two]
    assert found(signed_in, actor="approver") == [one, two]
    assert set(found(signed_in, q="requester")) > {one, two}
    assert found(signed_in, q="eu-west-1", until="2020-01-01") == []
    assert found(signed_in, q="no such thing") == []
    assert found(signed_in, q="a" * 64) == [], "an event's hash is no copy's"
    assert found(signed_in) == []


def test_a_search_finds_only_copies_that_the_person_may_see(signed_in: SignedIn, done: CopyRequest) -> None:
    assert found(signed_in, role="requester", q="eu-west-1")
    page = read(signed_in("requester", name="requester-2").get("/audit/", {"q": "eu-west-1"}))
    assert "Copies that fit" not in page.text


def test_no_page_calls_a_worker_by_the_name_of_a_function(signed_in: SignedIn, done: CopyRequest) -> None:
    client = signed_in("auditor")
    event = AuditEvent.objects.filter(action="copy.copying").earliest("pk")
    assert event.actor == "amicopy start_due"
    places = ("/audit/", f"/audit/{event.pk}/", f"/requests/{done.pk}/events/", f"/requests/{done.pk}/evidence/")
    for place in (*places, f"/requests/{done.pk}/copies/eu-west-1/"):
        text = read(client.get(place)).text
        assert "start_due" not in text, place
        assert "amicopy" in text
