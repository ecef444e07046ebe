"""Fields with a list, in a browser: chosen from by keyboard alone, and what is known to fail submitted anyway."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.journey.browsing import MARKS, Windows
from tests.journey.test_browser_barriers import barriers

pytestmark = MARKS
SLOW = 20_000
SOURCE = "ami-0a7f3c92d41be6058"
KEY = "[name=destinations-0-KmsKeyId]"


def options(page: Page, field: str) -> Locator:
    return page.locator(f"#f-{field}-options [role=option]")


def begin(page: Page, region: str = "eu-west-1") -> None:
    """An empty form with the Regions chosen."""
    page.goto("/requests/new/")
    page.locator("[name=SourceRegion]").select_option("us-east-1")
    page.locator("[name=destinations-0-DestinationRegion]").select_option(region)


def test_source_and_key_are_chosen_by_keyboard_alone(windows: Windows) -> None:
    page = windows("requester").page
    begin(page)
    page.locator("[name=SourceRegion]").focus()
    page.keyboard.press("Tab")
    source = page.locator("[name=SourceImageId]")
    expect(source).to_be_focused()
    # Copies of other tests may have the rest of such a name.
    page.keyboard.type("golden-al")
    expect(options(page, "SourceImageId")).to_have_count(3, timeout=SLOW)
    expect(source).to_have_attribute("aria-expanded", "true")
    expect(source).to_have_attribute("aria-controls", "f-SourceImageId-list")
    expect(page.locator("#f-SourceImageId-count")).to_have_text(re.compile(r"^3 of \d+ AMIs in us-east-1 fit\.$"))
    assert barriers(page, "form") == []
    page.keyboard.press("ArrowDown")
    expect(source).to_have_attribute("aria-activedescendant", "f-SourceImageId-option-1")
    page.keyboard.press("End")
    expect(source).to_have_attribute("aria-activedescendant", "f-SourceImageId-option-3")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(source).to_have_value(SOURCE)
    expect(source).to_be_focused()
    expect(source).to_have_attribute("aria-expanded", "false")
    expect(page.locator("#source-preview")).to_contain_text("52 GiB in 2 volumes", timeout=SLOW)

    key = page.locator(KEY)
    key.focus()
    page.keyboard.press("ArrowDown")
    expect(options(page, "destinations-0-KmsKeyId")).to_have_count(3, timeout=SLOW)
    expect(key).to_have_attribute("aria-activedescendant", "f-destinations-0-KmsKeyId-option-1")
    # One that can't be used is there with the reason, and isn't taken.
    retired = page.locator("[role=option][data-value='alias/retired']")
    expect(retired).to_have_attribute("aria-disabled", "true")
    for _ in range(3):
        if key.get_attribute("aria-activedescendant") == retired.get_attribute("id"):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(key).to_have_value("")
    expect(page.locator("#f-destinations-0-KmsKeyId-count")).to_contain_text("This key is disabled")
    page.keyboard.press("Escape")
    expect(page.locator("#f-destinations-0-KmsKeyId-options")).to_be_hidden()
    expect(key).to_be_focused()
    page.keyboard.type("golden")
    expect(options(page, "destinations-0-KmsKeyId")).to_have_count(1, timeout=SLOW)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(key).to_have_value("alias/golden-images")


def test_a_complete_id_is_looked_at_before_the_field_is_left(windows: Windows) -> None:
    page = windows("requester").page
    begin(page)
    source = page.locator("[name=SourceImageId]")
    source.press_sequentially(SOURCE)
    expect(page.locator("#source-preview")).to_contain_text("52 GiB in 2 volumes", timeout=SLOW)
    expect(source).to_be_focused()
    expect(page.locator("#f-SourceImageId-options")).to_be_hidden()


def test_several_sources_are_added_and_taken_away(windows: Windows) -> None:
    page = windows("requester").page
    begin(page)
    source = page.locator("[name=SourceImageId]")
    for _ in range(2):
        source.focus()
        page.keyboard.press("ArrowDown")
        expect(source).to_have_attribute("aria-activedescendant", re.compile("option-1$"), timeout=SLOW)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
    expect(source).to_have_value("")
    page.keyboard.press("ArrowDown")
    page.locator("[role=option][data-value='ami-0b81d5e6f0a297c34']").click(timeout=SLOW)
    page.keyboard.press("ArrowDown")
    page.locator(f"[role=option][data-value='{SOURCE}']").click(timeout=SLOW)
    expect(source).to_have_value(f"ami-0b81d5e6f0a297c34 {SOURCE}")


def test_a_disabled_key_stops_and_is_submitted_anyway_and_the_approver_reads_it_first(windows: Windows) -> None:
    window = windows("requester")
    window.expected.append("422")
    page = window.page
    begin(page)
    page.locator("[name=SourceImageId]").fill(SOURCE)
    page.locator("[name=Name]").fill("known-to-fail")
    page.locator("[name=destinations-0-Encrypted]").select_option("true")
    anyway = page.get_by_role("checkbox", name="Submit anyway")
    expect(anyway).to_be_hidden()
    page.locator(KEY).fill("alias/retired")
    page.locator("[name=reason]").fill("PLAT-1: week 47 image")
    part = page.get_by_role("region", name="Known to fail")
    expect(part).to_contain_text("This key is disabled", timeout=SLOW)
    expect(anyway).to_be_visible()
    # Under its row, where there is room for it, with a way out of it.
    row = page.locator("#destination-0 .problem")
    expect(row).to_contain_text("This key is disabled")
    expect(row).to_be_visible()
    row.get_by_role("link", name="Choose another key").click()
    expect(page.locator(KEY)).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("#submit").click()
    expect(page.locator(".errors")).to_contain_text("This key is disabled", timeout=SLOW)
    page.get_by_label("Submit anyway").check()
    page.locator("#submit").click()
    expect(page.locator(".errors")).to_contain_text("Enter why to submit it anyway", timeout=SLOW)
    expect(page.get_by_label("Submit anyway")).to_be_checked()
    assert barriers(page, "form") == []
    page.get_by_label("Why submit it anyway?").fill("The key is enabled on Monday.")
    page.locator("#submit").click()
    page.wait_for_url(re.compile("/requests/[0-9]+/"), timeout=SLOW)
    address = page.url
    expect(page.get_by_role("region", name="Submitted anyway")).to_contain_text("The key is enabled on Monday.")
    approver = windows("approver").page
    approver.goto(address)
    first = approver.locator("#progress section").first
    expect(first).to_contain_text("Submitted anyway, with 1 known problem")
    expect(first).to_contain_text("This key is disabled. AWS would take the request and fail the copy later.")
    first.get_by_role("button", name="Look whether it is still so").click()
    expect(approver.get_by_role("region", name="Submitted anyway")).to_contain_text("Still so.", timeout=SLOW)
    assert barriers(approver, "request") == []


def test_the_fields_work_without_a_script(windows: Windows) -> None:
    window = windows("requester", java_script_enabled=False)
    window.expected.append("422")
    page = window.page
    begin(page)
    page.locator("[name=SourceImageId]").fill(SOURCE)
    page.locator("[name=Name]").fill("without-a-script")
    page.locator("[name=destinations-0-Encrypted]").select_option("true")
    page.locator(KEY).fill("alias/retired")
    page.locator("[name=reason]").fill("PLAT-1: week 47 image")
    page.locator("#submit").click()
    expect(page.locator(".errors")).to_contain_text("This key is disabled", timeout=SLOW)
    page.get_by_label("Submit anyway").check()
    page.get_by_label("Why submit it anyway?").fill("The key is enabled on Monday.")
    page.locator("#submit").click()
    page.wait_for_url(re.compile("/requests/[0-9]+/"), timeout=SLOW)
    expect(page.get_by_role("region", name="Submitted anyway")).to_be_visible()
