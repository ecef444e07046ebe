"""Two groups and a quorum of two, in a real browser: from the rule that an administrator adds to the last vote."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import Locator, expect

from tests.journey.browsing import MARKS, Window, Windows, opened_in_queue
from tests.journey.conftest import PASSWORD, ROOT, Running, until

pytestmark = MARKS
# A Region that no other test copies to, so that the rule holds up nobody else.
REGION = "ap-southeast-2"
PEOPLE = f"""
from django.contrib.auth.models import Group, User
security, _ = Group.objects.get_or_create(name="security")
for name in ("security-1", "security-2"):
    person, _ = User.objects.get_or_create(username=name)
    person.set_password("{PASSWORD}")
    person.save()
    person.groups.set([security, Group.objects.get(name="approver")])
"""


@pytest.fixture
def security(running: Running) -> None:
    """Two people who are in the group security and may decide."""
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", PEOPLE]
    subprocess.run(command, env=running.environ, cwd=ROOT, check=True)


def add_rule(admin: Window, name: str) -> None:
    """Adds a rule that asks for two of security and one approver, tried before it is saved."""
    page = admin.page
    page.goto("/rules/new/")
    page.locator("[name=name]").fill(name)
    page.locator("[name=DestinationRegion]").fill(REGION)
    page.locator("[name=requirements-0-count]").fill("2")
    page.locator("[name=requirements-0-group]").select_option("security")
    page.get_by_role("button", name="Add role or team").click()
    page.locator("[name=requirements-1-group]").select_option("approver")
    page.locator("[name=try-account]").select_option(index=1)
    page.locator("[name=try-region]").fill(REGION)
    page.get_by_role("button", name="Try with this edit").click()
    expect(page.locator("[data-trial=asked]")).to_contain_text("2 approvals from security and 1 from approver")
    page.get_by_role("button", name="Add rule").last.click()
    expect(page.locator(".flash")).to_contain_text("is added")
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def submit(requester: Window, name: str) -> str:
    """Submits a request into the rule's Region and returns its path."""
    page = requester.page
    page.goto("/requests/new/")
    page.locator("[name=SourceRegion]").select_option("us-east-1")
    page.locator("[name=SourceImageId]").fill("ami-0a7f3c92d41be6058")
    page.locator("[name=Name]").fill(name)
    page.locator("[name=destinations-0-DestinationRegion]").select_option(REGION)
    page.locator("[name=reason]").fill("PLAT-1: Sydney needs it before Monday")
    page.locator("#submit").click()
    expect(page.locator("[data-request][data-state=PENDING]")).to_be_visible()
    return re.sub(r"^https?://[^/]+", "", page.url)


def said(window: Window, words: str) -> Locator:
    """What the page says was done: in a message, or by itself where a script decided in place."""
    return window.page.locator(".flash, #queue-said").filter(has_text=words)


def approve_in_queue(approver: Window, name: str) -> None:
    panel = opened_in_queue(approver.page, name)
    expect(panel).to_contain_text("Asks for your vote")
    panel.get_by_role("button", name=re.compile("Approve #")).click()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_two_groups_and_a_quorum_of_two_have_to_agree(windows: Windows, security: None, script: bool) -> None:
    name = f"two-groups-{'script' if script else 'plain'}"
    people = {
        who: windows(who, java_script_enabled=script)
        for who in ("admin", "requester", "security-1", "security-2", "approver")
    }
    add_rule(people["admin"], name)
    path = submit(people["requester"], name)

    approve_in_queue(people["security-1"], name)
    expect(said(people["security-1"], "waits for more approvals")).not_to_have_count(0)
    people["security-1"].page.goto("/approvals/?queue=others")
    people["security-1"].page.get_by_role("link", name=name).first.click()
    mine = people["security-1"].page.locator("[data-panel]").filter(has_text=name)
    expect(mine).to_contain_text("1 approval from security and 1 from approver")
    expect(mine.get_by_role("button", name=re.compile("Approve #"))).to_have_count(0)

    approver = people["approver"].page
    approver.goto(path)
    approver.get_by_role("button", name=re.compile("Approve #")).click()
    expect(approver.locator("[data-request][data-state=PENDING]")).to_be_visible()

    approve_in_queue(people["security-2"], name)
    expect(said(people["security-2"], "is approved")).not_to_have_count(0)

    def finished() -> bool:
        people["requester"].page.goto(path)
        return people["requester"].page.locator("[data-request][data-state=COMPLETED]").count() == 1

    assert until(finished, seconds=90)
    people["admin"].page.goto("/rules/")
    entry = people["admin"].page.get_by_role("listitem").filter(has_text=name)
    entry.get_by_role("link", name=re.compile("Delete")).click()
    people["admin"].page.get_by_role("button", name="Delete rule").click()
    expect(people["admin"].page.locator(".flash")).to_contain_text("is deleted")
