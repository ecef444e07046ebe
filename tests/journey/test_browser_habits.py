"""What people who come every day rely on: the keyboard alone, shortcuts, saved views, pages that are there at once."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journey.browsing import MARKS, Window, Windows
from tests.journey.screens import WIDTHS

pytestmark = MARKS
# The weight over the wire is tested with compression, as in production: tests/web/test_static.py.
MOST_REQUESTS = 8
PLACES = ("/", "/requests/", "/requests/new/", "/approvals/", "/audit/", "/settings/", "/help/")


def tab_to(page: Page, selector: str, *, most: int = 120) -> None:
    """Presses Tab until this is focused, and sees that every stop on the way can be seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        unseen = page.evaluate(
            "document.querySelector(':focus:not(:focus-visible, body, [type=datetime-local])')?.outerHTML ?? ''"
        )
        assert unseen == "", unseen
    pytest.fail(f"Tab never reaches {selector}.")


def type_into(page: Page, selector: str, text: str) -> None:
    tab_to(page, selector)
    page.keyboard.type(text)


def test_the_whole_job_by_keyboard_alone(windows: Windows) -> None:
    requester, approver, auditor = windows("requester"), windows("approver"), windows("auditor")
    page = requester.page
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    tab_to(page, "a[href='/requests/new/']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/new/")
    for selector, text in (
        ("[name=SourceRegion]", "us-east-1"),
        ("[name=SourceImageId]", "ami-0a7f3c92d41be6058"),
        ("[name=Name]", "keyboard-golden"),
        ("[name=destinations-0-DestinationRegion]", "eu-west-1"),
        ("[name=reason]", "PLAT-1: week 47 image"),
    ):
        type_into(page, selector, text)
    tab_to(page, "#submit")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/requests/\d+/$"))
    number = page.url.rstrip("/").rpartition("/")[2]

    page = approver.page
    page.goto("/")
    tab_to(page, "nav a[href='/approvals/']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/approvals/")
    tab_to(page, f"#r{number}")
    page.keyboard.press("Enter")
    tab_to(page, f"#approve-{number}")
    page.keyboard.press("Enter")
    expect(page.locator("#queue-said")).to_contain_text("is approved")

    expect(requester.page.locator("[data-request][data-state=COMPLETED]")).to_be_visible(timeout=60_000)
    page = auditor.page
    page.goto(f"/requests/{number}/")
    tab_to(page, "#history")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/audit/"))
    expect(page.get_by_role("link", name="New AMI is available").first).to_be_visible()


def test_shortcuts_lead_everywhere_and_a_sheet_lists_them(windows: Windows) -> None:
    page = windows("approver").page
    sheet = page.locator("#shortcuts")
    page.keyboard.press("?")
    expect(sheet).to_be_visible()
    expect(sheet).to_contain_text("Search the list")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    for keys, path in (("r", "/requests/"), ("a", "/approvals/"), ("h", "/audit/"), ("s", "/settings/"), ("d", "/")):
        page.keyboard.press("g")
        page.keyboard.press(keys)
        page.wait_for_url(f"**{path}")
    page.goto("/requests/")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("?g")
    expect(page.locator("#q")).to_have_value("?g")
    expect(sheet).to_be_hidden()


def test_shortcuts_can_be_turned_off(windows: Windows) -> None:
    page = windows("approver").page
    page.goto("/settings/")
    page.get_by_role("checkbox", name="Keyboard shortcuts").uncheck()
    page.get_by_role("button", name="Save settings").click()
    page.keyboard.press("?")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.locator("#shortcuts")).to_be_hidden()
    assert page.url.endswith("/settings/")


def test_a_view_is_saved_found_again_and_deleted(windows: Windows) -> None:
    page = windows("requester").page
    page.goto("/requests/")
    page.locator("#q").fill("keyboard-golden")
    page.get_by_role("button", name="Apply").click()
    page.locator("#save-view summary").click()
    page.locator("#view-name").fill("Typed by hand")
    page.get_by_role("button", name="Save view").click()
    page.goto("/requests/")
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Typed by hand").click()
    expect(page.locator("#q")).to_have_value("keyboard-golden")
    page.locator("#delete-view").click()
    expect(page.locator(".flash")).to_contain_text("is deleted")
    # The way back is a button away.
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("navigation", name="Views").get_by_role("link", name="Typed by hand")).to_be_visible()
    page.locator("#delete-view").click()


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_come_at_once_and_nothing_jumps(windows: Windows, width: int) -> None:
    window = windows("admin", viewport={"width": width, "height": WIDTHS[width]})
    window.submit("light-golden")
    for place in PLACES:
        requests, shift = cold(window, place)
        assert requests <= MOST_REQUESTS, (place, requests)
        assert shift <= 0.01, (place, shift)


def cold(window: Window, place: str) -> tuple[int, float]:
    """Requests and layout shift of a page in a browser that has nothing of it yet; look-ups come after it."""
    page = window.context.new_page()
    session = window.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    got: list[tuple[str, str]] = []
    session.on("Network.responseReceived", lambda event: got.append((event["type"], event["response"]["url"])))
    page.add_init_script(
        """window.shift = 0;
        new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.shift += entry.value })
          .observe({type: "layout-shift", buffered: true})"""
    )
    page.goto(place, wait_until="networkidle")
    shift = page.evaluate("window.shift")
    page.close()
    # The browser's own icons, in its date fields, are no requests.
    return len([kind for kind, url in got if kind not in {"Fetch", "XHR"} and url.startswith("http")]), shift
