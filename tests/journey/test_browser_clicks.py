"""How many clicks the daily jobs take, from the dashboard on. Six decisions are in test_browser_queue.py."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.journey.browsing import MARKS, Mouse, Windows
from tests.journey.conftest import Person, Running
from tests.journey.test_browser_layout import asked

pytestmark = MARKS
IMAGE = "ami-0a7f3c92d41be6058"
REGIONS = ("eu-west-1", "eu-central-1", "us-west-2", "sa-east-1")
# Besides a click for each Region.
MOST_TO_ASK = 8
MOST_TO_ANSWER = 5
SLOW = 20_000


def test_an_ami_to_four_regions_is_asked_for_in_twelve_clicks(windows: Windows) -> None:
    page = windows("requester", viewport={"width": 1280, "height": 900}).page
    mouse = Mouse(page)
    mouse.click(page.get_by_role("link", name="New copy request").first)
    mouse.choose(page.locator("[name=SourceRegion]"), "us-east-1")
    mouse.type(page.locator("[name=SourceImageId]"), IMAGE)
    mouse.type(page.locator("[name=Name]"), "clicked-{region}")
    for number, region in enumerate(REGIONS, 1):
        mouse.click(page.locator(f"#region-{region}"))
        expect(page.locator("li.drow:not(.all)")).to_have_count(number, timeout=SLOW)
    mouse.type(page.locator("[name=reason]"), "PLAT-8: four Regions")
    mouse.click(page.locator("#submit"))
    expect(page.locator("[data-request][data-state=PENDING]")).to_be_visible(timeout=SLOW)
    rows = page.locator(".destinations tbody").all()
    assert sorted(row.locator(".sub.mono").first.inner_text() for row in rows) == sorted(REGIONS)
    assert mouse.clicks <= MOST_TO_ASK + len(REGIONS)


def test_who_approved_a_copy_and_what_was_sent_takes_one_search_and_one_page(
    windows: Windows, running: Running
) -> None:
    """Also after the same AMI was copied elsewhere, and asked for once more to the same Region."""
    number = asked(running, "answered-golden", "eu-west-1", "us-west-2")
    Person(running.url, "requester").submit(Name="answered-later", reason="PLAT-9: not decided")
    page = windows("auditor", viewport={"width": 1280, "height": 900}).page
    searched: list[str] = []
    page.on("request", lambda sent: searched.append(sent.url) if "/audit/?" in sent.url else None)
    mouse = Mouse(page)
    mouse.click(page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit"))
    mouse.type(page.locator("#q"), f"{IMAGE} eu-west-1")
    week = page.get_by_label("From", exact=True)
    mouse.click(week)
    week.fill(f"{datetime.now(UTC) - timedelta(days=7):%Y-%m-%d}")
    mouse.click(page.get_by_role("button", name="Apply"))
    page.wait_for_url(re.compile("since="))
    mouse.click(page.locator(".found-copies").get_by_role("link", name="answered-golden in eu-west-1"))
    expect(page).to_have_url(re.compile(f"/requests/{number}/copies/eu-west-1/$"))
    expect(page.locator(".answer")).to_contain_text("Asked by requester, approved by approver, sent once by amicopy")
    sent = page.locator(".matrix tr").filter(has_text="SourceImageId")
    expect(sent).to_contain_text(IMAGE)
    expect(page.get_by_role("button", name="Bundle (ZIP)")).to_be_visible()
    assert len(searched) == 1, searched
    assert mouse.clicks <= MOST_TO_ANSWER
