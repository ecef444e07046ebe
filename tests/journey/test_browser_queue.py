"""The queue of approvals by keyboard: six decisions in one sitting, one of them taken back, and somebody who is
faster."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.journey.browsing import MARKS, Mouse, Windows
from tests.journey.conftest import ROOT, Person, Running, everything

pytestmark = MARKS
# An AMI was copied to the Region before, so that it isn't new.
COPIED = """
from amicopy.copies.core.models import CopyRequest, ImageCopy
ImageCopy.objects.filter(request={0}).update(state="AVAILABLE", ImageId="ami-0123456789abcdef0", next_step_at=None)
CopyRequest.objects.filter(pk={0}).update(state="COMPLETED")
"""
ENCRYPTED = {"destinations-0-Encrypted": "true", "destinations-0-KmsKeyId": "alias/golden-images"}
# More chips than stand in a row.
SHARED = {
    "SourceImageId": "ami-0a7f3c92d41be6058",
    "destinations-1-DestinationRegion": "ap-northeast-1",
    "LaunchPermission-UserIds": "333344445555",
    "LaunchPermission-OrganizationArns": "arn:aws:organizations::111122223333:organization/o-exampleorg1",
}
# More than a job of six decisions should take.
MOST_KEYS = 30
MOST_CLICKS = 10


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """All processes, with time to take an approval back; so much that a busy machine isn't too slow for it."""
    var, changed = tmp_path_factory.mktemp("queue"), {"APPROVAL_UNDO_SECONDS": "60"}
    with everything(var, "amicopy_queue", changed=changed) as it:
        first = Person(it.url, "requester").submit(Name="copied-before", **ENCRYPTED)
        command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", COPIED.format(first)]
        subprocess.run(command, env=it.environ, cwd=ROOT, check=True)
        yield it


class Keys:
    """A person at the keyboard, who counts."""

    def __init__(self, page: Page) -> None:
        self.page, self.pressed = page, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def opened(self, number: int) -> None:
        """Waits until a request is open and its name has the focus."""
        expect(self.page.locator(f"#request-{number}.is-open")).to_be_visible()
        expect(self.page.locator(f"#r{number}")).to_be_focused()

    def decided(self, number: int, state: str) -> None:
        expect(self.page.locator(f"#request-{number}[data-state={state}]")).to_be_visible()


def test_six_decisions_by_keyboard_take_thirty_keys_at_most(windows: Windows, requester: Person) -> None:
    risky = [requester.submit(Name=f"risky-{each}", **SHARED) for each in range(3)]
    routine = [requester.submit(Name=f"routine-{each}", **ENCRYPTED) for each in range(3)]
    page = windows("approver", viewport={"width": 1280, "height": 900}).page
    page.goto("/approvals/")
    rows = page.locator("#queue li[data-request]")
    expect(rows).to_have_count(6)
    assert [int(row.get_attribute("data-request") or 0) for row in rows.all()] == [*risky, *routine]
    # All of them are on the screen.
    last = rows.last.locator("article").bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= 900
    keys = Keys(page)
    keys.press("j")
    keys.opened(risky[0])

    # One to look at closely wants Enter as well.
    keys.press("a")
    expect(page.locator(f"#approve-{risky[0]}")).to_be_focused()
    keys.decided(risky[0], "PENDING")
    keys.press("Enter")
    keys.opened(risky[1])
    keys.decided(risky[0], "APPROVED")

    # Without a reason nothing is rejected, and that is said at its field.
    keys.press("r", "Control+Enter")
    wrong = page.locator(f"#reason-{risky[1]}")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_be_focused()
    expect(page.locator(f"#reason-{risky[1]}-err")).to_contain_text("Enter why the request is rejected.")
    keys.press("n", "o", "Control+Enter")
    keys.opened(risky[2])
    keys.decided(risky[1], "REJECTED")

    keys.press("s", "n", "o", "Control+Enter")
    keys.opened(routine[0])
    keys.decided(risky[2], "CHANGES_REQUESTED")

    # A routine one is approved at once; the next two as well, and one of them is taken back and given again.
    keys.press("a")
    keys.opened(routine[1])
    keys.press("a")
    keys.opened(routine[2])
    expect(page.locator(".undo")).to_contain_text(f"Approved #{routine[1]}")
    keys.press("u")
    keys.opened(routine[1])
    keys.decided(routine[1], "PENDING")
    keys.press("a")
    keys.opened(routine[2])
    keys.press("a")
    keys.decided(routine[2], "APPROVED")
    for number in routine:
        keys.decided(number, "APPROVED")
    assert keys.pressed <= MOST_KEYS


def test_six_decisions_take_ten_clicks_at_most(windows: Windows, requester: Person) -> None:
    """From the dashboard on; one of them is a rejection, with its reason."""
    numbers = [requester.submit(Name=f"clicked-{each}", **ENCRYPTED) for each in range(6)]
    page = windows("approver", viewport={"width": 1280, "height": 900}).page
    mouse = Mouse(page)
    mouse.click(page.get_by_role("navigation", name="Main").get_by_role("link", name="Approvals"))
    mouse.click(page.locator(f"#r{numbers[0]}"))
    for number in numbers:
        # What is decided opens the next one.
        expect(page.locator(f"#request-{number}.is-open")).to_be_visible()
        if number == numbers[2]:
            mouse.type(page.locator(f"#reason-{number}"), "Not this week")
            mouse.click(page.locator(f"#reject-{number}"))
        else:
            mouse.click(page.locator(f"#approve-{number}"))
    for number in numbers:
        state = "REJECTED" if number == numbers[2] else "APPROVED"
        expect(page.locator(f"#request-{number}[data-state={state}]")).to_be_visible()
    assert mouse.clicks <= MOST_CLICKS


def test_letters_decide_nothing_after_g_while_typing_and_where_they_are_turned_off(
    windows: Windows, requester: Person
) -> None:
    number = requester.submit(Name="stays", **ENCRYPTED)
    page = windows("approver").page
    page.goto("/approvals/")
    page.locator(f"#r{number}").click()
    expect(page.locator(f"#request-{number}.is-open")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/approvals/")
    page.locator(f"#r{number}").click()
    page.locator(f"#reason-{number}").fill("")
    page.keyboard.type("asrux")
    expect(page.locator(f"#reason-{number}")).to_have_value("asrux")
    page.goto("/settings/")
    page.get_by_label(re.compile("shortcuts", re.IGNORECASE)).first.uncheck()
    page.get_by_role("button", name="Save").first.click()
    page.goto(f"/approvals/?open={number}")
    page.locator(f"#r{number}").focus()
    page.keyboard.press("a")
    page.keyboard.press("j")
    page.goto(f"/approvals/?open={number}")
    expect(page.locator(f"#request-{number}[data-state=PENDING]")).to_be_visible()
    requester.post(f"/requests/{number}/withdraw/", page=requester.get(f"/requests/{number}/"))


def test_somebody_faster_replaces_the_buttons_and_not_what_was_typed(windows: Windows, requester: Person) -> None:
    number = requester.submit(Name="decided-by-two", **ENCRYPTED)
    page, other = windows("approver").page, windows("admin").page
    page.goto(f"/approvals/?open={number}")
    reason = page.locator(f"#reason-{number}")
    reason.fill("Ask the vendor first")
    other.goto(f"/approvals/?open={number}")
    other.locator(f"#approve-{number}").click()
    expect(other.locator(f"#request-{number}[data-state=APPROVED]")).to_be_visible()
    page.locator(f"#reject-{number}").click()
    panel = page.locator(f"[data-panel='{number}']")
    expect(panel).to_contain_text("approved already")
    expect(panel.get_by_role("button", name=re.compile("Approve|Reject|Send back"))).to_have_count(0)
    expect(reason).to_have_value("Ask the vendor first")


def test_without_a_script_an_approval_is_taken_back_by_the_message(windows: Windows, requester: Person) -> None:
    number = requester.submit(Name="taken-back", **ENCRYPTED)
    window = windows("approver", java_script_enabled=False)
    # The console tells of the refusal, too.
    window.expected.append("422")
    page = window.page
    page.goto("/approvals/")
    page.locator(f"#r{number}").click()
    page.get_by_role("button", name=f"Reject #{number}").click()
    expect(page.locator(f"#reason-{number}-err")).to_contain_text("Enter why the request is rejected.")
    page.locator(f"#approve-{number}").click()
    expect(page.locator(".flash")).to_contain_text("Nothing starts before")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".flash")).to_contain_text("is taken back")
    page.goto(f"/requests/{number}/")
    expect(page.locator("[data-request][data-state=PENDING]")).to_be_visible()
