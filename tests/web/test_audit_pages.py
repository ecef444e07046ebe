"""The history's pages: filters, pages by key, newer events, one event, and what a person may not see."""

import csv
import io
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from amicopy.audit import event_queries
from amicopy.audit.actor import Actor
from amicopy.audit.models import AuditEvent
from amicopy.web.views import audit
from tests.audit.writing import tamper, write
from tests.web.conftest import SignedIn, typed

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
    return [int(pk) for pk in re.findall(r'data-event="(\d+)"', answer.content.decode())]


FILTERS = {
    "actor=requester-9": ["submitted"],
    "action=request.approved": ["other"],
    "request=12": ["failed", "submitted"],
    "request=%2312": ["failed", "submitted"],
    "copy=34": ["failed"],
    "account=444455556666": ["other"],
    "account=4444-5555-6666": ["other"],
    "region=eu-west-1": ["failed"],
    "image=AMI-0a7f3c92d41be6058": ["failed"],
    f"together={TOGETHER}": ["submitted"],
    "q=ami-0a7f3c92d41be6058": ["failed"],
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
    assert 'data-kind="warn"' in auditor.get(f"/audit/?{query}").content.decode()
    assert auditor.post(f"/audit/export/?{query}", {"format": "csv"}).status_code == 400
    assert auditor.get(f"/audit/newer/?newest=1&{query}").status_code == 200


@pytest.mark.parametrize("query", ["before=x", "after=-3", "before=99999999999999999999", "before=%00", "before=1e3"])
def test_garbage_in_a_cursor_is_said_and_shows_the_first_page(
    query: str, history: dict[str, AuditEvent], signed_in: SignedIn
) -> None:
    auditor = signed_in("auditor")
    assert shown(auditor, query) == shown(auditor, "")
    assert "This is the first one" in auditor.get(f"/audit/?{query}").content.decode()


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

    def step(page: str, rel: str) -> str:
        found = re.search(rf'href="(\?[^"]*)" rel="{rel}"', page)
        return found[1].replace("&amp;", "&").removeprefix("?") if found else ""

    def page(query: str) -> str:
        return auditor.get(f"/audit/?{query}").content.decode()

    second = step(page("request=5"), "next")
    assert shown(auditor, second) == pks[4:8]
    write(request=5)
    assert shown(auditor, second) == pks[4:8], "a newcomer shifts nothing"
    third = step(page(second), "next")
    assert shown(auditor, third) == pks[8:]
    assert step(page(third), "next") == ""
    up = step(page(third), "prev")
    assert shown(auditor, up) == pks[4:8]
    top = step(page(up), "prev")
    assert shown(auditor, top) == pks[:4]
    assert shown(auditor, step(page(top), "prev")) == shown(auditor, "request=5"), "going up ends on a full first page"
    assert shown(auditor, "before=1") == []


def test_words_are_looked_for_in_a_bounded_number_of_events_a_page(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queries, "WINDOW", 5)
    auditor = signed_in("auditor")
    needle = write(request=1, data={"reason": "needle in it"})
    for _ in range(7):
        write(request=1)
    page = auditor.get("/audit/?q=needle").content.decode()
    assert "None of the 5 events looked through" in page
    older = re.search(r'href="\?([^"]*)" rel="next">Search older', page)
    assert older is not None
    assert shown(auditor, older[1].replace("&amp;", "&")) == [needle.pk]


def test_the_newest_page_learns_of_newer_events_and_stays_as_it_is(signed_in: SignedIn) -> None:
    auditor = signed_in("auditor")
    write(request=5)
    page = auditor.get("/audit/?request=5").content.decode()
    found = re.search(r'hx-get="([^"]*)" hx-trigger="every 5s"[^>]*data-tag="([^"]*)"', page)
    assert found is not None
    address, tag = found[1].replace("&amp;", "&"), found[2]
    headers = {"HX-Request": "true", "If-None-Match": f'"{tag}"'}
    assert auditor.get(address, headers=headers).status_code == 304
    write(request=5)
    write(request=6)
    answer = auditor.get(address, headers=headers)
    assert "1 newer event." in answer.content.decode()
    assert "data-event" not in answer.content.decode()
    assert 'href="/audit/?request=5">Show them' in answer.content.decode()
    older = auditor.get("/audit/?before=1").content.decode()
    assert "hx-trigger" not in older
    assert "hx-trigger" not in auditor.get("/audit/?live=off").content.decode()


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
    page = signed_in("auditor").get(f"/audit/{event.pk}/").content.decode()
    assert "KmsKeyId" in page
    assert "alias/golden" in page
    assert "Another key" in page
    assert f'href="/audit/{history["submitted"].pk}/"' in page, "the same action"
    assert f'href="/audit/{later.pk}/"' in page, "the next in the chain"
    assert "Content fits its hash" in page
    tamper("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", event.pk)
    assert "fit its hash" in signed_in("auditor").get(f"/audit/{event.pk}/").content.decode()
    assert "isn’t as it was written" in signed_in("auditor").get(f"/audit/{event.pk}/").content.decode()


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
    assert "show-newer" not in other.get(f"/audit/newer/?newest=0&request={number}").content.decode()
    for path in (f"/audit/{mine.pk}/", f"/audit/{history['other'].pk}/", f"/requests/{number}/events/"):
        assert other.get(path).status_code == 404, path
    assert other.post("/audit/verify/").status_code == 403
    assert shown(own, "", path=f"/requests/{number}/events/")
    page = own.get(f"/audit/{mine.pk}/").content.decode()
    for event in AuditEvent.objects.exclude(requester=mine.requester):
        assert f'href="/audit/{event.pk}/"' not in page


def test_the_page_costs_a_fixed_number_of_statements(signed_in: SignedIn) -> None:
    auditor = signed_in("auditor")
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
    page = auditor.post("/audit/verify/", follow=True).content.decode()
    assert f"The chain holds up to event {event.pk}" in page
    assert "Chain verified" in page
    assert AuditEvent.objects.latest("pk").action == "audit.verified"
    write()
    tamper("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", AuditEvent.objects.latest("pk").pk)
    page = auditor.post("/audit/verify/", follow=True).content.decode()
    assert "The history doesn" in page
    assert "Chain broken" in page


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
    page = signed_in("auditor").get("/audit/?q=week&region=eu-west-1").content.decode()
    found = dict(re.findall(r'name="(\w+)"[^>]*? value="([^"]*)"', page))
    assert (found["q"], found["region"], found["copy"], found["request"]) == ("week", "eu-west-1", "", "")
