"""The main job in a real browser: two people, a bar that moves by itself, and no script needed."""

import re

import pytest
from playwright.sync_api import TimeoutError, expect

from tests.journey.browsing import MARKS, Windows, opened_in_queue
from tests.journey.conftest import until

pytestmark = MARKS


def test_the_main_job_in_two_browsers(windows: Windows) -> None:
    requester, approver = windows("requester"), windows("approver")
    path = requester.submit("browser-golden")
    opened_in_queue(approver.page, "browser-golden").get_by_role("button", name=re.compile("Approve #")).click()
    expect(approver.page.locator("#queue-said")).to_contain_text("is approved")

    # No reload from here on: the requester's page moves by itself.
    page, marks = requester.page, set[str]()
    copying = page.locator("[data-copy][data-state=COPYING]")
    expect(copying).to_be_visible(timeout=30_000)

    def finished() -> bool:
        page.wait_for_timeout(200)
        mark = page.locator("[data-copy]").first.get_attribute("data-progress")
        marks.add(mark or "")
        return page.locator("[data-request][data-state=COMPLETED]").count() == 1

    assert until(finished, seconds=90)
    assert len(marks) >= 3, marks
    expect(page.locator("[hx-trigger]")).to_have_count(0)
    with pytest.raises(TimeoutError), page.expect_request(lambda request: path in request.url, timeout=4000):
        pass

    page.get_by_role("link", name=re.compile("All audit events")).click()
    for words in ("Submitted the request", "Approved the request", "AWS started the copy", "New AMI is available"):
        expect(page.get_by_role("link", name=words).first).to_be_visible()


def test_the_job_is_done_without_any_script(windows: Windows) -> None:
    requester = windows("requester", java_script_enabled=False)
    approver = windows("approver", java_script_enabled=False)
    path = requester.submit("no-script-golden")
    approver.page.goto(path)
    approver.page.get_by_role("button", name=re.compile("Approve #")).click()

    def finished() -> bool:
        requester.page.goto(path)
        return requester.page.locator("[data-request][data-state=COMPLETED]").count() == 1

    assert until(finished, seconds=90)


def test_an_error_brings_the_focus_to_the_summary_and_keeps_what_was_typed(windows: Windows) -> None:
    window = windows("requester")
    window.expected.append("422")
    window.page.goto("/requests/new/")
    window.page.locator("[name=Name]").fill("what*ever")
    window.page.locator("#submit").click()
    expect(window.page.locator(".errors")).to_be_focused()
    assert window.page.title().startswith("Error:")
    expect(window.page.locator("[name=Name]")).to_have_value("what*ever")
    window.page.locator(".errors a", has_text="Remove *").click()
    expect(window.page.locator("[name=Name]")).to_be_focused()
