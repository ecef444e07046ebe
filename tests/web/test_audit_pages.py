"""The history's pages: filters, pages by key, newer events, one event, and what a person may not see."""

import csv
import hashlib
import io
import shutil
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from amicopy.audit import event_queries, tasks
from amicopy.audit.actor import Actor
from amicopy.audit.models import AuditEvent
from amicopy.web.views import audit
from tests.audit.writing import tamper, write
from tests.web.conftest import SignedIn, settled, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db
TOGETHER = uuid.UUID(int=77)


@pytest.fixture
def history(db: None) -> dict[str, AuditEvent]:
    """A few events that differ in everything a filter asks for."""
    person = Actor(name="requester-9", source="page", id=9, address="10.0.0.9", correlation_id=TOGETHER)
    return {
        "submitted": write("request.submitted", request=12, requester=9, account="111122223333", actor=person),
        "failed": write(
            "copy.failed",
            request=12,
            copy=34,
            requester=9,
            account="111122223333",
            region="eu-west-1",
            image_id="ami-0a7f3c92d41be6058",
            aws_request_id="3b1f6ab2-5c61-4f3f-9f0d-8f6f8f4d0a11",
            error_code="InvalidAMIID.NotFound",
            old="STARTING",
            new="FAILED",
            data={"message": "Déjà vu: 50% gone"},
        ),
        "other": write("request.approved", request=13, requester=8, account="444455556666", region="us-east-1"),
    }


def shown(client: Client, query: str, path: str = "/audit/") -> list[int]:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200, query
    return [int(pk) for pk in read(answer).marks("data-event")]


FILTERS = {
    "actor=requester-9": ["submitted"],
    "action=request.approved": ["other"],
    "request=12": ["failed", "submitted"],
    "request=%2312": ["failed", "submitted"],
    "copy=34": ["failed"],
    "account=444455556666": ["other"],
    "account=4444-5555-6666": ["other"],
    "region=eu-west-1": ["failed"],
    # The copy made it, so what is about the whole request is about it.
    "image=AMI-0a7f3c92d41be6058": ["failed", "submitted"],
    f"together={TOGETHER}": ["submitted"],
    "q=ami-0a7f3c92d41be6058": ["failed", "submitted"],
    "q=%2313": ["other"],
    "q=12": ["failed", "submitted"],
    "q=111122223333": ["failed", "submitted"],
    "q=us-east-1": ["other"],
    "q=copy.failed": ["failed"],
    "q=3b1f6ab2-5c61-4f3f-9f0d-8f6f8f4d0a11": ["failed"],
    f"q={TOGETHER}": ["submitted"],
    "q=notfound": ["failed"],
    "q=D%C3%A9j%C3%A0+vu": ["failed"],
    "q=50%25+gone": ["failed"],
    "q=10.0.0.9": ["submitted"],
    "q=copy+failed": ["failed"],
    "q=requester-9": ["submitted"],
    "request=12&action=copy.failed&region=eu-west-1": ["failed"],
    "request=12&action=request.approved": [],
    "q=nothing-like-it": [],
}


@pytest.mark.parametrize("query", FILTERS)
def test_a_filter_finds_what_fits_newest_first(query: str, history: dict[str, AuditEvent], signed_in: SignedIn) -> None:
    assert shown(signed_in("auditor"), query) == [history[name].pk for name in FILTERS[query]]


def test_the_hash_of_an_event_or_its_beginning_finds_it(history: dict[str, AuditEvent], signed_in: SignedIn) -> None:
    auditor = signed_in("auditor")
    assert shown(auditor, f"q={history['failed'].hash}") == [history["failed"].pk]
    assert shown(auditor, f"q={history['failed'].hash[:16]}") == [history["failed"].pk]


def test_a_time_range_counts_whole_days_and_exact_times(signed_in: SignedIn) -> None:
    auditor, events = signed_in("auditor"), [write(request=number) for number in range(4)]
    days = (datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC) + timedelta(days=day) for day in range(4))
    for event, at in zip(events, days, strict=True):
        tamper("UPDATE audit_auditevent SET at = %s WHERE id = %s", at.replace(tzinfo=None), event.pk)
    pks = [event.pk for event in events]
    assert shown(auditor, "since=2026-03-02&until=2026-03-03") == [pks[2], pks[1]]
    assert shown(auditor, "until=2026-03-01") == [pks[0]]
    assert shown(auditor, "since=2026-03-04T23:59:59Z") == [pks[3]]
    assert shown(auditor, "since=2026-03-05") == []
    assert shown(auditor, "until=2020-01-01") == []


GARBAGE = [
    "request=abc",
    "request=-1",
    "request=99999999999999999999999",
    "request=%C2%B2",
    "copy=1.5",
    "since=yesterday",
    "since=2026-13-45",
    "until=0001-01-01T00:00:00%2B23:59",
    "until=9999-12-31T23:59:59-23:59",
    "since=2026-01-02&until=2026-01-01",
    "action=nothing.known",
    "together=7",
]


@pytest.mark.parametrize("query", GARBAGE)
def test_garbage_in_a_filter_is_said_and_shows_no_events(
    query: str, history: dict[str, AuditEvent], signed_in: SignedIn
) -> None:
    auditor = signed_in("auditor")
    assert shown(auditor, query) == []
    assert "warn" in read(auditor.get(f"/audit/?{query}")).marks("data-kind")
    assert auditor.post(f"/audit/export/?{query}", {"format": "csv"}).status_code == 400
    assert auditor.get(f"/audit/newer/?newest=1&{query}").status_code == 200


@pytest.mark.parametrize("query", ["before=x", "after=-3", "before=99999999999999999999", "before=%00", "before=1e3"])
def test_garbage_in_a_cursor_is_said_and_shows_the_first_page(
    query: str, history: dict[str, AuditEvent], signed_in: SignedIn
) -> None:
    auditor = signed_in("auditor")
    assert shown(auditor, query) == shown(auditor, "")
    assert "This is the first one" in read(auditor.get(f"/audit/?{query}")).told


@pytest.mark.parametrize(
    "value", ["%00", "%F0%9F%A6%8A", "' OR 1=1 --", "%25", "_", "\\", "%ED%A0%80", "x" * 5000, "=1+1", "[", '"']
)
@pytest.mark.parametrize("name", ["q", "actor", "account", "region", "image", "newest"])
def test_no_text_breaks_a_filter(name: str, value: str, history: dict[str, AuditEvent], signed_in: SignedIn) -> None:
    auditor = signed_in("auditor")
    shown(auditor, f"{name}={value}")
    assert auditor.get(f"/audit/newer/?newest=1&{name}={value}").status_code == 200


def test_pages_go_down_and_up_by_key_and_newcomers_shift_none(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PAGE", 4)
    auditor, pks = signed_in("auditor"), [write(request=5).pk for _ in range(10)][::-1]

    def step(query: str, rel: str) -> str:
        return read(auditor.get(f"/audit/?{query}")).following(rel).removeprefix("?")

    second = step("request=5", "next")
    assert shown(auditor, second) == pks[4:8]
    write(request=5)
    assert shown(auditor, second) == pks[4:8], "a newcomer shifts nothing"
    third = step(second, "next")
    assert shown(auditor, third) == pks[8:]
    assert step(third, "next") == ""
    up = step(third, "prev")
    assert shown(auditor, up) == pks[4:8]
    top = step(up, "prev")
    assert shown(auditor, top) == pks[:4]
    assert shown(auditor, step(top, "prev")) == shown(auditor, "request=5"), "going up ends on a full first page"
    assert shown(auditor, "before=1") == []


def test_words_are_looked_for_in_a_bounded_number_of_events_a_page(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queries, "WINDOW", 5)
    auditor = signed_in("auditor")
    needle = write(request=1, data={"reason": "needle in it"})
    for _ in range(7):
        write(request=1)
    page = read(auditor.get("/audit/?q=needle"))
    assert "None of the 5 events looked through" in page.text
    older = page.link("Search older").address
    assert older == page.following()
    assert shown(auditor, older.removeprefix("?")) == [needle.pk]


def test_the_newest_page_learns_of_newer_events_and_stays_as_it_is(signed_in: SignedIn) -> None:
    auditor = signed_in("auditor")
    write(request=5)
    poll = read(auditor.get("/audit/?request=5")).polled
    assert poll
    assert poll.attribute("hx-trigger") == "every 5s"
    address, headers = poll.address, {"HX-Request": "true", "If-None-Match": f'"{poll.tag}"'}
    assert auditor.get(address, headers=headers).status_code == 304
    write(request=5)
    write(request=6)
    newer = read(auditor.get(address, headers=headers))
    assert newer.told == "1 newer event."
    assert newer.marks("data-event") == []
    assert newer.link("Show them").address == "/audit/?request=5"
    assert read(auditor.get("/audit/?before=1")).polled is None
    assert read(auditor.get("/audit/?live=off")).polled is None


def test_an_event_shows_what_changed_and_its_neighbours(history: dict[str, AuditEvent], signed_in: SignedIn) -> None:
    changes = [{"destination": "eu-west-1", "member": "KmsKeyId", "old": None, "new": "alias/golden"}]
    event = write(
        "request.resubmitted",
        old="CHANGES_REQUESTED",
        new="PENDING",
        data={"changes": changes, "reason": "Another key", "calls": [{"DestinationRegion": "eu-west-1"}]},
        actor=Actor(name="requester-9", source="page", correlation_id=TOGETHER),
    )
    later = write(data={"changes": {"name": ["before", "after"]}})
    page = read(signed_in("auditor").get(f"/audit/{event.pk}/"))
    (change,) = [cells for cells in page.table("Values before and after").rows if "KmsKeyId" in cells[1]]
    assert change[3] == "alias/golden"
    assert page.region("What was kept").text.count("Another key") == 1
    assert page.region("Events of the same action").links(to=f"/audit/{history['submitted'].pk}/")
    assert page.link("Next event").address == f"/audit/{later.pk}/"
    assert "Content fits its hash" in page.region("Place in the chain").text
    tamper("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", event.pk)
    chain = read(signed_in("auditor").get(f"/audit/{event.pk}/")).region("Place in the chain").text
    assert "Content doesn’t fit its hash" in chain
    assert "isn’t as it was written" in chain


def test_a_requester_sees_only_events_of_their_own_requests_however_they_ask(
    history: dict[str, AuditEvent], signed_in: SignedIn
) -> None:
    own, other = signed_in("requester", name="requester-1"), signed_in("requester", name="requester-2")
    assert own.post("/requests/new/", typed()).status_code == 302
    mine = AuditEvent.objects.latest("pk")
    number = mine.request
    assert mine.pk in shown(own, "")
    for query in ("", f"request={number}", f"before={mine.pk + 1}", "after=0", f"q={mine.hash}", "region=eu-west-1"):
        assert shown(other, query) == [], query
    exported = other.post(f"/audit/export/?request={number}", {"format": "jsonl"}).getvalue()
    assert exported == b""
    assert not read(other.get(f"/audit/newer/?newest=0&request={number}")).links("Show them")
    for path in (f"/audit/{mine.pk}/", f"/audit/{history['other'].pk}/", f"/requests/{number}/events/"):
        assert other.get(path).status_code == 404, path
    assert other.post("/audit/verify/").status_code == 403
    assert shown(own, "", path=f"/requests/{number}/events/")
    page = read(own.get(f"/audit/{mine.pk}/"))
    for event in AuditEvent.objects.exclude(requester=mine.requester):
        assert not page.links(to=f"/audit/{event.pk}/")


def test_the_page_costs_a_fixed_number_of_statements(signed_in: SignedIn) -> None:
    auditor = settled(signed_in("auditor"))
    counts = []
    for _ in range(2):
        for _ in range(20):
            write(request=5)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            auditor.get("/audit/?request=5")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_verifying_from_the_page_checks_what_is_new_and_is_an_event(signed_in: SignedIn) -> None:
    auditor = signed_in("auditor")
    event = write()
    page = read(auditor.post("/audit/verify/", follow=True))
    assert f"The chain holds up to event {event.pk}" in page.told
    assert "Chain verified" in page.text
    assert AuditEvent.objects.latest("pk").action == "audit.verified"
    write()
    tamper("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", AuditEvent.objects.latest("pk").pk)
    page = read(auditor.post("/audit/verify/", follow=True))
    assert "The history doesn" in page.told
    assert "Chain broken" in page.text


def test_the_page_says_where_heads_are_kept_and_what_is_wrong_there(
    signed_in: SignedIn, settings: Settings, tmp_path: Path
) -> None:
    auditor = signed_in("auditor")
    assert "Heads of the history are kept nowhere" in read(auditor.get("/audit/")).text
    assert "Heads of the history" not in read(signed_in("requester").get("/audit/")).text
    settings.AUDIT_HEAD_DIR = str(tmp_path / "heads")
    tasks.write_head()
    assert "Head kept" in read(auditor.get("/audit/")).text
    shutil.rmtree(tmp_path / "heads")
    tasks.write_head()
    text = read(auditor.get("/audit/")).text
    assert "Head not kept" in text
    assert "Is a disk not mounted?" in text


def test_an_export_with_proof_is_handed_out_with_the_key_to_verify_it(signed_in: SignedIn, settings: Settings) -> None:
    auditor, requester = signed_in("auditor"), signed_in("requester")
    mine = requester.post("/requests/new/", typed())
    assert mine.status_code == 302
    assert settings.AUDIT_PUBLIC_KEYS[0] in read(auditor.get("/audit/")).text
    answer = auditor.post("/audit/export/", {"format": "zip"})
    assert answer["Content-Type"] == "application/zip"
    content = answer.getvalue()
    with ZipFile(io.BytesIO(content)) as archive:
        assert {"README.txt", "verify_amicopy.py", "heads/now.json", "events.jsonl", "requests.jsonl"} == set(
            archive.namelist()
        )
        assert len(archive.read("requests.jsonl").splitlines()) == 1
    ended = AuditEvent.objects.latest("pk")
    assert ended.data["sha256"] == hashlib.sha256(content).hexdigest()
    assert (ended.data["format"], ended.data["complete"]) == ("zip", True)
    # Another person's requests are in nobody's export who may not see them.
    other = signed_in("requester", name="other").post("/audit/export/", {"format": "zip"}).getvalue()
    with ZipFile(io.BytesIO(other)) as archive:
        assert archive.read("requests.jsonl") == b""


def test_an_export_has_what_the_filters_show_on_all_pages(signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 2)
    auditor = signed_in("auditor")
    wanted = [write(request=5).pk for _ in range(5)]
    write(request=6)
    answer = auditor.post("/audit/export/?request=5&before=3&live=off", {"format": "csv"})
    assert answer.streaming
    assert answer["Content-Disposition"].startswith('attachment; filename="amicopy-audit-')
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))
    assert [int(row["id"]) for row in rows] == wanted[::-1]
    event = AuditEvent.objects.get(action="audit.exported")
    assert (event.actor, event.data["filters"]) == ("auditor", {"request": "5"})
    assert auditor.post("/audit/export/", {"format": "exe"}).status_code == 400
    assert auditor.get("/audit/export/").status_code == 405


def test_the_form_shows_what_was_typed_and_nothing_else(signed_in: SignedIn) -> None:
    page = read(signed_in("auditor").get("/audit/?q=week&region=eu-west-1"))
    filled = {field.sent_as: field.value for field in page.region("Filter events").fields() if field.value}
    assert filled == {"q": "week", "region": "eu-west-1"}
