"""The main job in a real browser: two people, a bar that moves by itself, and no script needed."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, expect, sync_playwright

from tests.journey.conftest import PASSWORD, Running, until

CHROMIUM = Path("/usr/bin/chromium")
NEEDED = bool(os.environ.get("CI"))
pytestmark = [
    pytest.mark.processes,
    pytest.mark.browser,
    pytest.mark.skipif(not NEEDED and not CHROMIUM.exists(), reason="Chromium is not installed (/usr/bin/chromium)."),
]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = (
    "/",
    "/settings/",
    "/help/",
    "/requests/",
    "/requests/new/",
    "/approvals/",
    "/rules/",
    "/rules/new/",
    "/freezes/",
    "/freezes/new/",
    "/delegations/",
    "/audit/",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Window:
    """A browser context with somebody signed in, and what its console complained about."""

    def __init__(self, browser: Browser, running: Running, name: str, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(base_url=running.url, **options)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on(
            "console", lambda message: self.complaints.append(message.text) if message.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto("/sign-in/")
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Dashboard")).to_be_visible()

    def submit(self, name: str) -> str:
        """Submits a request through the form and returns its path."""
        page = self.page
        page.goto("/requests/new/")
        page.locator("[name=SourceRegion]").fill("us-east-1")
        page.locator("[name=SourceImageId]").fill("ami-0a7f3c92d41be6058")
        page.locator("[name=Name]").fill(name)
        page.locator("[name=destinations-0-DestinationRegion]").fill("eu-west-1")
        page.locator("[name=reason]").fill("PLAT-1: week 47 image")
        page.locator("#submit").click()
        expect(page.locator("[data-request][data-state=PENDING]")).to_be_visible()
        return re.sub(r"^https?://[^/]+", "", page.url)


def test_the_main_job_in_two_browsers(browser: Browser, running: Running) -> None:
    requester, approver = Window(browser, running, "requester"), Window(browser, running, "approver")
    path = requester.submit("browser-golden")
    approver.page.goto("/approvals/")
    approver.page.get_by_role("article").filter(has_text="browser-golden").get_by_role(
        "button", name=re.compile("Approve #")
    ).click()
    expect(approver.page.locator(".flash")).to_contain_text("is approved")

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
    assert requester.complaints == []
    assert approver.complaints == []


def test_the_job_is_done_without_any_script(browser: Browser, running: Running) -> None:
    requester = Window(browser, running, "requester", java_script_enabled=False)
    approver = Window(browser, running, "approver", java_script_enabled=False)
    path = requester.submit("no-script-golden")
    approver.page.goto(path)
    approver.page.get_by_role("button", name=re.compile("Approve #")).click()

    def finished() -> bool:
        requester.page.goto(path)
        return requester.page.locator("[data-request][data-state=COMPLETED]").count() == 1

    assert until(finished, seconds=90)


def test_an_error_brings_the_focus_to_the_summary_and_keeps_what_was_typed(browser: Browser, running: Running) -> None:
    window = Window(browser, running, "requester")
    window.page.goto("/requests/new/")
    window.page.locator("[name=Name]").fill("what*ever")
    window.page.locator("#submit").click()
    expect(window.page.locator(".errors")).to_be_focused()
    assert window.page.title().startswith("Error:")
    expect(window.page.locator("[name=Name]")).to_have_value("what*ever")
    window.page.locator(".errors a", has_text="Remove *").click()
    expect(window.page.locator("[name=Name]")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_has_a_barrier_or_scrolls_sideways(browser: Browser, running: Running, theme: str, width: int) -> None:
    window = Window(browser, running, "admin", viewport={"width": width, "height": 900}, color_scheme=theme)
    path = window.submit("axe-golden")
    pages = [*PAGES, path, "/audit/1/", "/nothing/"]
    for place in pages:
        window.page.goto(place)
        results = Axe().run(window.page)
        found = [(rule["id"], node["html"][:160]) for rule in results.response["violations"] for node in rule["nodes"]]
        assert found == [], place
        overflow = window.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, place
    assert [text for text in window.complaints if "404" not in text] == []
