"""The form in a browser: look-ups while typing, rows, what survives a refresh, and four destinations to the end."""

import re
from collections.abc import Sequence
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.journey.browsing import MARKS, Windows
from tests.journey.conftest import Person, typed, until
from tests.twenty_regions import TWENTY

pytestmark = MARKS
OUTPOST = "arn:aws:outposts:us-east-1:111122223333:outpost/op-0a1b2c3d4e5f67890"
SLOW = 20_000


def choose_source(page: Page, region: str = "us-east-1") -> None:
    page.goto("/requests/new/")
    page.locator("[name=SourceRegion]").select_option(region)
    page.locator("[name=SourceImageId]").fill("ami-0a7f3c92d41be6058")
    page.locator("[name=SourceImageId]").press("Tab")


def test_source_key_and_clash_are_looked_up_while_somebody_goes_on_typing(windows: Windows) -> None:
    page = windows("requester").page
    choose_source(page, "eu-west-1")
    expect(page.locator("#source-preview")).to_contain_text("Not found in eu-west-1", timeout=SLOW)
    page.get_by_role("button", name="Use us-east-1 as the source Region").click()
    expect(page.locator("#source-preview")).to_contain_text("52 GiB in 2 volumes", timeout=SLOW)
    expect(page.locator("[name=SourceRegion]")).to_have_value("us-east-1")
    expect(page.locator("#form-says")).to_contain_text("Source found: golden-al2023")
    expect(page.locator("#source-tags")).to_contain_text("team=platform")

    page.locator("[name=destinations-0-DestinationRegion]").select_option("us-east-1")
    page.locator("[name=destinations-0-Encrypted]").select_option("true")
    page.locator("[name=destinations-0-KmsKeyId]").fill("alias/retired")
    # Leaving the field asks; the answer comes while the name is being typed, and takes neither focus nor text.
    page.locator("[name=Name]").focus()
    page.keyboard.type("bastion-encr")
    expect(page.locator("#f-destinations-0-KmsKeyId-err")).to_contain_text("This key is disabled", timeout=SLOW)
    expect(page.locator("[name=Name]")).to_be_focused()
    page.keyboard.type("ypted-3.2")
    expect(page.locator("[name=Name]")).to_have_value("bastion-encrypted-3.2")
    page.locator("[name=destinations-0-KmsKeyId]").fill("alias/golden-images")
    page.locator("[name=Description]").focus()
    expect(page.locator("#f-Name-err")).to_contain_text("has an AMI of this name already", timeout=SLOW)
    expect(page.locator("#f-destinations-0-KmsKeyId-err")).to_contain_text("Key found in us-east-1", timeout=SLOW)
    expect(page.locator("#f-destinations-0-Encrypted-err")).to_contain_text("encrypted with alias/golden-images")
    expect(page.locator("#aside pre").first).to_contain_text("--kms-key-id alias/golden-images")
    expect(page.locator("option[value='af-south-1']").first).to_be_disabled()

    page.locator("#check").click()
    expect(page.locator("#check-result")).to_contain_text("us-east-1: allowed", timeout=SLOW)
    expect(page.locator("#form-says")).to_contain_text("us-east-1: allowed")


def test_a_message_comes_when_a_field_is_left_and_goes_when_it_is_mended(windows: Windows) -> None:
    page = windows("requester").page
    page.goto("/requests/new/")
    name = page.locator("[name=Name]")
    name.fill("what*ever")
    expect(page.locator("#f-Name-err")).to_be_empty()
    name.press("Tab")
    expect(page.locator("#f-Name-err")).to_contain_text("Remove", timeout=SLOW)
    expect(page.locator("[name=Description]")).to_be_focused()
    expect(page.locator("#f-SourceImageId-err")).to_be_empty()
    name.fill("whatever")
    name.press("Tab")
    expect(page.locator("#f-Name-err")).to_be_empty(timeout=SLOW)


def test_rows_come_and_go_in_place_and_keep_what_was_typed(windows: Windows) -> None:
    page = windows("requester").page
    page.goto("/requests/new/")
    page.locator("[name=Name]").fill("kept")
    page.locator("[name=destinations-0-DestinationRegion]").select_option("eu-west-1")
    page.locator("#add-destination").click()
    second = page.locator("[name=destinations-1-DestinationRegion]")
    expect(second).to_be_focused()
    second.select_option("us-west-2")
    page.locator("[name=destinations-1-KmsKeyId]").fill("alias/west")
    page.locator("#add-destination").click()
    page.locator("[name=destinations-2-DestinationRegion]").select_option("eu-west-2")
    page.get_by_role("button", name="Remove destination 1").click()
    expect(page.locator("li.drow:not(.all)")).to_have_count(2)
    expect(page.locator("#add-destination")).to_be_focused()
    expect(page.locator("[name=destinations-0-DestinationRegion]")).to_have_value("us-west-2")
    expect(page.locator("[name=destinations-0-KmsKeyId]")).to_have_value("alias/west")
    expect(page.locator("[name=destinations-1-DestinationRegion]")).to_have_value("eu-west-2")
    expect(page.locator("[name=destinations-1-KmsKeyId]")).to_have_value("")
    expect(page.locator("[name=Name]")).to_have_value("kept")
    page.locator("#add-tag").click()
    expect(page.locator("[name=tags-1-Key]")).to_be_focused()
    assert page.url.endswith("/requests/new/")


def test_what_was_typed_survives_a_refresh_and_an_ended_session_and_goes_when_it_is_sent(windows: Windows) -> None:
    window = windows("requester")
    page = window.page
    choose_source(page)
    page.locator("[name=Name]").fill("survivor")
    page.locator("[name=destinations-0-DestinationRegion]").select_option("eu-west-1")
    page.locator("#add-destination").click()
    page.locator("[name=destinations-1-DestinationRegion]").select_option("us-west-2")
    page.locator("[name=reason]").fill("PLAT-3: typed once")
    page.reload()
    expect(page.locator(".flash")).to_contain_text("What you typed before is back")
    expect(page.locator("[name=Name]")).to_have_value("survivor")
    expect(page.locator("[name=destinations-1-DestinationRegion]")).to_have_value("us-west-2")

    # The session ends; what is sent leads to sign-in and back, with everything typed.
    window.context.clear_cookies(name="sessionid")
    page.locator("#submit").click()
    page.get_by_label("User name").fill("requester")
    page.get_by_label("Password").fill(window.running.environ["SAMPLE_PASSWORD"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".flash")).to_contain_text("Nothing was submitted")
    expect(page.locator("[name=Name]")).to_have_value("survivor")
    expect(page.locator("[name=reason]")).to_have_value("PLAT-3: typed once")
    page.locator("#submit").click()
    expect(page.locator("[data-request][data-state=PENDING]")).to_be_visible(timeout=SLOW)
    page.goto("/requests/new/")
    expect(page.locator("[name=Name]")).to_have_value("")
    expect(page.locator(".flash")).to_have_count(0)


def test_the_form_is_filled_in_and_sent_by_keyboard_alone(windows: Windows) -> None:
    page = windows("requester").page
    page.goto("/requests/new/")
    page.locator("[name=SourceRegion]").focus()
    steps = ("us-east-1", "ami-0a7f3c92d41be6058")
    for text in steps:
        page.keyboard.type(text)
        page.keyboard.press("Tab")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            if page.locator(selector).evaluate("element => element === document.activeElement"):
                return
            page.keyboard.press("Tab")
        pytest.fail(f"Tab doesn't reach {selector}")

    tab_to("[name=Name]")
    page.keyboard.type("by-keyboard")
    tab_to("[name=destinations-0-DestinationRegion]")
    page.keyboard.type("eu-west-1")
    tab_to("[name=reason]")
    page.keyboard.type("no mouse")
    tab_to("#submit")
    page.keyboard.press("Enter")
    expect(page.locator("[data-request][data-state=PENDING]")).to_be_visible(timeout=SLOW)


def filled_in(regions: Sequence[str], tags: int = 0) -> str:
    """A link to the form with these destinations and so many tags."""
    fields = [("account", "sandbox"), ("SourceRegion", "us-east-1"), ("SourceImageId", "ami-0a7f3c92d41be6058")]
    fields += [("Name", "{source}-{region}"), ("reason", "PLAT-5: everywhere")]
    fields += [("DestinationRegion", region) for region in regions]
    fields += [("TagSpecifications", f"key-{number}=value {number}") for number in range(tags)]
    return f"/requests/new/?{urlencode(fields)}"


def test_twenty_destinations_and_fifty_tags_stay_within_1800_px(windows: Windows) -> None:
    window = windows("requester", viewport={"width": 1280, "height": 900})
    # Somebody who has a preset has a line more.
    preset = typed(**{"save-preset": "1", "preset-name": "Weekly", "destinations-1-DestinationRegion": "us-west-2"})
    Person(window.running.url, "requester").post("/requests/new/", **preset)
    page = window.page
    page.goto(filled_in(TWENTY, tags=50))
    expect(page.locator("#f-preset")).to_be_visible()
    expect(page.locator("#source-preview")).to_contain_text("52 GiB in 2 volumes", timeout=SLOW)
    expect(page.locator("li.drow:not(.all)")).to_have_count(20)
    # Every look-up was answered, and nothing is in the way.
    expect(page.locator("#messages-turn > div")).to_have_count(0, timeout=SLOW)
    expect(page.locator("#in-the-way li")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollHeight") <= 1800
    for width in (320, 390, 1280, 1920, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_twenty_destinations_are_ticked_filled_in_and_sent_by_keyboard(windows: Windows) -> None:
    """Tab, the space bar and typing only: Regions, one key for all of them, and the request."""
    page = windows("requester").page
    page.goto("/requests/new/")
    press = page.keyboard.press

    def tab_to(selector: str) -> None:
        for _ in range(300):
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            press("Tab")
        pytest.fail(f"Tab doesn't reach {selector}")

    page.locator("[name=SourceRegion]").focus()
    page.keyboard.type("us-east-1")
    tab_to("[name=SourceImageId]")
    page.keyboard.type("ami-0a7f3c92d41be6058")
    expect(page.locator("#source-preview")).to_contain_text("52 GiB in 2 volumes", timeout=SLOW)
    tab_to("[name=Name]")
    page.keyboard.type("keys-{region}")
    # In the order of the page, as somebody goes down the boxes.
    boxes = page.locator("[name=region]").evaluate_all("boxes => boxes.map((box) => box.value)")
    for number, region in enumerate(sorted(TWENTY, key=boxes.index), 1):
        tab_to(f"#region-{region}")
        press("Space")
        expect(page.locator("li.drow:not(.all)")).to_have_count(number, timeout=SLOW)
        expect(page.locator(f"#region-{region}")).to_be_focused()
    tab_to(".drow.all [name=Encrypted]")
    page.keyboard.type("Encrypt")
    tab_to(".drow.all [name=KmsKeyId]")
    page.keyboard.type("alias/golden-images")
    press("Escape")
    page.locator("[name=apply]").focus()
    press("Enter")
    expect(page.locator("[name=destinations-19-KmsKeyId]")).to_have_value("alias/golden-images", timeout=SLOW)
    expect(page.locator(".drow.all [name=KmsKeyId]")).to_have_value("")
    tab_to("[name=reason]")
    page.keyboard.type("PLAT-7: everywhere")
    tab_to("#submit")
    press("Enter")
    expect(page.locator("[data-request][data-state=PENDING]")).to_be_visible(timeout=SLOW)
    expect(page.locator("main")).to_contain_text("ap-southeast-2")


def test_a_tick_taken_away_takes_its_row_away(windows: Windows) -> None:
    page = windows("requester").page
    page.goto(filled_in(TWENTY[:3]))
    expect(page.locator("li.drow:not(.all)")).to_have_count(3)
    page.locator(f"#region-{TWENTY[0]}").press("Space")
    expect(page.locator("li.drow:not(.all)")).to_have_count(2, timeout=SLOW)
    expect(page.locator(f"#region-{TWENTY[0]}")).to_be_focused()


def test_two_sources_are_sent_without_a_script_and_followed_together(windows: Windows) -> None:
    window = windows("requester", java_script_enabled=False)
    page = window.page
    page.goto("/requests/new/")
    page.locator("[name=SourceRegion]").select_option("us-east-1")
    page.locator("[name=SourceImageId]").fill("ami-0a7f3c92d41be6058 ami-0b81d5e6f0a297c34")
    page.locator("[name=Name]").fill("{source}-both")
    for region in ("eu-west-1", "us-west-2"):
        page.locator(f"#region-{region}").check()
    page.get_by_role("button", name="Update the table below").click()
    expect(page.locator("li.drow:not(.all)")).to_have_count(2)
    page.locator("#paste summary").click()
    page.locator("[name=paste]").fill("stage=web")
    page.locator("#add-pasted").click()
    expect(page.locator("[name=tags-0-Key]")).to_have_value("stage")
    page.locator("[name=reason]").fill("PLAT-6: both kinds")
    page.locator("#submit").click()
    expect(page.locator("h1")).to_have_text("2 requests, 4 copies")
    expect(page.locator("[data-request][data-state=PENDING]")).to_have_count(2)


def test_two_regions_an_outpost_and_a_local_zone_go_through_to_the_end(windows: Windows, approver: Person) -> None:
    window = windows("requester")
    page = window.page
    choose_source(page)
    page.locator("[name=Name]").fill("four-{region}-golden")
    for number, region in enumerate(("eu-west-1", "us-west-2", "us-east-1", "us-east-1")):
        if number:
            page.locator("#add-destination").click()
        page.locator(f"[name=destinations-{number}-DestinationRegion]").select_option(region)
    # A Region that stands in its line is opened to make another place of it.
    for number in (2, 3):
        page.locator("[name=open-destination]").nth(2).press("Enter")
        expect(page.locator(f"#f-destinations-{number}-kind-zone")).to_be_attached()
    page.locator("#f-destinations-2-kind-outpost").check()
    page.locator("[name=destinations-2-DestinationOutpostArn]").fill(OUTPOST)
    page.locator("#f-destinations-3-kind-zone").check()
    page.locator("[name=destinations-3-DestinationAvailabilityZone]").fill("us-east-1-bos-1a")
    page.locator("[name=reason]").fill("PLAT-4: everywhere")
    expect(page.locator("#aside")).to_contain_text("4 copies start", timeout=SLOW)
    page.locator("#check").click()
    for place in ("eu-west-1", "us-west-2", "Outpost op-0a1b2c3d4e5f67890", "us-east-1-bos-1a"):
        expect(page.locator("#check-result")).to_contain_text(f"{place}: allowed", timeout=SLOW)
    page.locator("#submit").click()
    expect(page.locator("[data-request][data-state=PENDING]")).to_be_visible(timeout=SLOW)
    number = int(re.findall(r"/requests/(\d+)/", page.url)[0])
    approver.approve(number)
    assert until(lambda: approver.state(number) == "COMPLETED", seconds=120)
    assert approver.copies(number) == ["AVAILABLE"] * 4
    made = [image for image in window.running.control("images") if image["Name"].startswith("four-")]
    assert sorted(image["Name"] for image in made) == [
        "four-eu-west-1-golden",
        "four-us-east-1-golden",
        "four-us-east-1-golden",
        "four-us-west-2-golden",
    ]
