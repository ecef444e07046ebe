"""Pages that stay open: an outage and its end, an ended session, a tab in the background, and nothing that jumps."""

import re

from playwright.sync_api import Page, expect

from amicopy.local import processes
from tests.journey.browsing import MARKS, Windows
from tests.journey.conftest import Running, until

pytestmark = MARKS
# The page's clock can be set, so that no test has to wait out what people would.
STOPPED = "Updates have stopped."


def polls(page: Page, path: str) -> list[int]:
    """The statuses of the polls of this path from here on, as they come."""
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if answer.url.endswith(path) else None)
    return statuses


def test_a_page_says_that_amicopy_is_away_and_goes_on_when_it_is_back(windows: Windows, running: Running) -> None:
    window = windows("requester")
    # Cut off in the middle of a request, or refused before it; which one is a matter of milliseconds.
    window.expected += ["ERR_CONNECTION_", "ERR_EMPTY_RESPONSE", "Failed to fetch", "502"]
    page = window.page
    path = window.submit("outage-golden")
    page.clock.install()
    page.goto(path)
    running.kill("web")
    page.clock.fast_forward(20_000)
    page.clock.run_for(20_000)
    expect(page.locator("#updates-stopped")).to_contain_text(STOPPED)
    running.start("web")
    assert processes.wait_for(f"{running.url}/healthz", running.started, seconds=60) == ""

    def back() -> bool:
        page.clock.run_for(3_000)
        return page.locator("#updates-stopped").count() == 0

    assert until(back, seconds=30)
    expect(page.locator("#progress[hx-trigger]")).to_have_count(1)


def test_an_ended_session_leads_to_sign_in_and_back(windows: Windows) -> None:
    window = windows("requester")
    page = window.page
    path = window.submit("session-golden")
    window.context.clear_cookies(name="sessionid")
    page.wait_for_url(re.compile("/sign-in/"), timeout=20_000)
    page.get_by_label("User name").fill("requester")
    page.get_by_label("Password").fill(window.running.environ["SAMPLE_PASSWORD"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(re.escape(path)))
    expect(page.locator("[data-request][data-state=PENDING]")).to_be_visible()


def test_polls_are_rarer_in_the_background_and_unchanged_ones_have_no_body(windows: Windows) -> None:
    window = windows("requester")
    page, path = window.page, window.submit("background-golden")
    page.clock.install()
    page.goto(path)
    statuses = polls(page, path)
    for _ in range(5):
        page.clock.run_for(3_100)
        page.wait_for_timeout(150)
    assert len(statuses) >= 4
    assert set(statuses[1:]) == {304}
    statuses.clear()
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    for _ in range(10):
        page.clock.run_for(3_100)
        page.wait_for_timeout(150)
    assert 1 <= len(statuses) <= 3


def test_focus_open_details_and_scroll_stay_while_the_page_moves(windows: Windows) -> None:
    requester, approver = windows("requester", viewport={"width": 900, "height": 420}), windows("approver")
    path = requester.submit("steady-golden")
    approver.page.goto(path)
    approver.page.get_by_role("button", name=re.compile("Approve #")).click()
    page = requester.page
    copying = page.locator("[data-copy][data-state=COPYING]")
    expect(copying).to_be_visible(timeout=30_000)
    attempts = page.locator("[id^=attempts-]").first
    attempts.locator("summary").click()
    page.locator("#history").focus()
    page.evaluate("scrollTo(0, 150)")
    before, at = copying.get_attribute("data-progress"), page.evaluate("scrollY")
    assert until(lambda: page.locator("[data-copy]").first.get_attribute("data-progress") != before, seconds=30)
    assert attempts.get_attribute("open") is not None
    expect(page.locator("#history")).to_be_focused()
    assert page.evaluate("scrollY") == at


def test_what_stays_the_same_is_left_alone_and_what_changes_is_not(windows: Windows) -> None:
    requester, approver = windows("requester"), windows("approver")
    path = requester.submit("kept-golden")
    approver.page.goto(path)
    approver.page.get_by_role("button", name=re.compile("Approve #")).click()
    page = requester.page
    copying = page.locator("[data-copy][data-state=COPYING]")
    expect(copying).to_be_visible(timeout=30_000)
    # Whatever the server sends again takes these words away.
    page.evaluate("document.querySelector('#tl').textContent = 'Left alone'")
    before = copying.get_attribute("data-progress")
    assert until(lambda: page.locator("[data-copy]").first.get_attribute("data-progress") != before, seconds=30)
    expect(page.locator("#tl")).to_have_text("Left alone")
    expect(page.locator("[data-request][data-state=COMPLETED]")).to_be_visible(timeout=60_000)
    expect(page.locator("#tl")).to_have_text("Timeline")
    assert page.locator("#timeline .timeline li").count() > 3
    assert page.locator("#progress[hx-trigger]").count() == 0


def test_the_tab_tells_how_far_it_is_and_a_change_is_said_once(windows: Windows) -> None:
    requester, approver = windows("requester"), windows("approver")
    path = requester.submit("tab-golden")
    page = requester.page
    page.evaluate(
        """window.said = [];
        new MutationObserver(() => window.said.push(document.querySelector("#announce").textContent))
          .observe(document.querySelector("#announce"), {childList: true, characterData: true, subtree: true})"""
    )
    approver.page.goto(path)
    approver.page.get_by_role("button", name=re.compile("Approve #")).click()
    expect(page).to_have_title(re.compile(r"^[1-9]\d?% – tab-golden"), timeout=30_000)
    assert re.search(r"/progress-icon/\d+\.svg$", page.locator("#favicon").get_attribute("href") or "")
    expect(page.locator("[data-request][data-state=COMPLETED]")).to_be_visible(timeout=60_000)
    expect(page).to_have_title(re.compile("^tab-golden"))
    assert page.locator("#favicon").get_attribute("href") == "/static/favicon.svg"
    said = [re.sub(r"\d+%", "", words) for words in page.evaluate("window.said")]
    assert said[-1].startswith("Done")
    assert len(said) == len(set(said)), said
