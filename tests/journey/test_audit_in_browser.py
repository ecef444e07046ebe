"""The history in a real browser: filtered, opened, exported, and the file compared with the page; nothing jumps."""

import csv
import re

from playwright.sync_api import Page, expect

from tests.journey.browsing import MARKS, Windows

pytestmark = MARKS


def numbers(page: Page) -> list[str]:
    return [str(row.get_attribute("data-event")) for row in page.locator("[data-event]").all()]


def test_an_auditor_filters_opens_and_exports_what_the_page_shows(windows: Windows) -> None:
    path = windows("requester").submit("history-golden")
    number = path.strip("/").split("/")[-1]
    page = windows("auditor").page
    page.goto("/audit/")
    page.get_by_text("More filters").click()
    page.get_by_label("Request", exact=True).fill(number)
    page.get_by_label("Event", exact=True).select_option("request.submitted")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile(r"action=request\.submitted"))
    shown = numbers(page)
    assert len(shown) == 1
    for kind, button in (("csv", "CSV"), ("jsonl", "JSON Lines")):
        with page.expect_download() as coming:
            page.get_by_role("button", name=re.compile(button)).click()
        file = coming.value.path()
        assert coming.value.suggested_filename.endswith(f".{kind}")
        if kind == "csv":
            with file.open(encoding="utf-8", newline="") as lines:
                rows = list(csv.DictReader(lines))
            assert [row["id"] for row in rows] == shown
            assert rows[0]["request"] == number
            assert f"no. {rows[0]['id']}" in page.inner_text("main")
        else:
            assert f'"id":{shown[0]},' in file.read_text()
    page.get_by_role("link", name="Submitted the request", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Submitted the request #{number}")
    expect(page.get_by_text("Content fits its hash")).to_be_visible()
    page.get_by_role("link", name="its events").click()
    assert shown[0] in numbers(page)
    page.goto("/audit/?action=audit.export_ended")
    assert len(numbers(page)) >= 2, "the exports are in the history"


def test_newer_events_are_announced_without_moving_what_is_read(windows: Windows) -> None:
    requester, auditor = windows("requester"), windows("auditor")
    page = auditor.page
    requester.submit("history-before")
    page.goto("/audit/?action=request.submitted")
    requester.submit("history-first")
    expect(page.get_by_role("link", name="Show them")).to_be_visible(timeout=30_000)
    before, place = numbers(page), page.locator("table.events").bounding_box()
    requester.submit("history-second")
    expect(page.locator("#audit-newer")).to_contain_text("2 newer events.", timeout=30_000)
    assert numbers(page) == before
    assert page.locator("table.events").bounding_box() == place
    page.get_by_role("link", name="Show them").click()
    expect(page.locator("[data-event]")).to_have_count(len(before) + 2)
