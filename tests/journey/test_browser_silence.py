"""Pages while nobody works: real workers are stopped under pages that stay open."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.journey.browsing import MARKS, Windows
from tests.journey.conftest import Running

pytestmark = MARKS
# Half a minute of silence, and a poll.
SOON = 60_000


def test_open_pages_say_that_nothing_runs_and_that_it_does_again(
    windows: Windows, running: Running, tmp_path: Path
) -> None:
    requester, admin = windows("requester"), windows("admin")
    path = requester.submit("silent-golden")
    admin.page.goto("/system/")
    expect(admin.page.get_by_role("region", name="Workers")).to_contain_text("Runs on")
    running.kill("worker")
    try:
        says = re.compile(r"Nothing has run since \d\d:\d\d;\s+copies at AWS go on\.")
        strip = requester.page.locator("#strip")
        expect(strip).to_contain_text(says, timeout=SOON)
        expect(strip.get_by_role("link")).to_have_count(0)
        assert requester.page.url.endswith(path), "nobody went anywhere"
        requester.page.screenshot(path=tmp_path / "strip.png")
        expect(admin.page.locator("#strip").get_by_role("link", name="What is wrong")).to_be_visible(timeout=SOON)
        down = admin.page.get_by_role("region", name="Down", exact=True)
        expect(down.get_by_role("region", name="Workers")).to_contain_text("None is heard", timeout=SOON)
        admin.page.screenshot(path=tmp_path / "system.png", full_page=True)
    finally:
        running.start("worker")
    expect(strip).not_to_contain_text("Nothing has run", timeout=SOON)
    expect(admin.page.get_by_role("region", name="Workers")).to_contain_text("Runs on", timeout=SOON)
