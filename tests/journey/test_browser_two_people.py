"""Two administrators in two browsers: who it is, asked once more, and a rule that counts once the other confirms it."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.journey.browsing import MARKS, Windows
from tests.journey.conftest import PASSWORD, ROOT, Running
from tests.journey.test_browser_barriers import barriers

pytestmark = MARKS
NAME = "two-people"
SECOND = f"""
from django.contrib.auth.models import Group, User
person, _ = User.objects.get_or_create(username="second")
person.set_password("{PASSWORD}")
person.save()
person.groups.set([Group.objects.get(name="administrator")])
"""
LONG_AGO = """
from importlib import import_module
from django.conf import settings
store = import_module(settings.SESSION_ENGINE).SessionStore
for row in store.get_model_class().objects.filter(person__username="admin"):
    session = store(row.session_key)
    session["shown_at"] = "2026-01-01T00:00:00+00:00"
    session.save()
"""
AFTER = f"""
from django.contrib.auth.models import User
from amicopy.copies.core.models import ApprovalRule
ApprovalRule.objects.filter(name="{NAME}").delete()
User.objects.get(username="second").groups.clear()
"""


def done(running: Running, code: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", code], env=running.environ, cwd=ROOT, check=True
    )


@pytest.fixture
def second(running: Running) -> Iterator[None]:
    """Another administrator, for this test: beside one alone, nothing waits."""
    done(running, SECOND)
    yield
    done(running, AFTER)


def test_a_rule_is_proposed_with_the_password_again_and_confirmed_by_another(
    running: Running, windows: Windows, second: None
) -> None:
    window, other = windows("admin"), windows("second").page
    window.expected += ["403", "422"]
    admin = window.page
    done(running, LONG_AGO)
    admin.goto("/rules/new/")
    admin.locator("[name=name]").fill(NAME)
    admin.locator("[name=DestinationRegion]").fill("ap-southeast-4")
    admin.locator("[name=requirements-0-group]").select_option("approver")
    admin.get_by_role("button", name="Add rule").last.click()
    expect(admin.get_by_role("heading", name="Is it still you?")).to_be_visible()
    assert barriers(admin, "Is it still you?") == []
    admin.get_by_label("Your password").fill("not it")
    admin.get_by_role("button", name="Go on").click()
    expect(admin.get_by_text("That isn't your password")).to_be_visible()
    admin.get_by_label("Your password").fill(PASSWORD)
    admin.get_by_role("button", name="Go on").click()
    expect(admin.locator(".flash")).to_contain_text("It waits for another administrator")

    other.goto("/")
    if not other.get_by_role("link", name="Changes").is_visible():
        other.get_by_text("Menu").click()
    expect(other.get_by_role("link", name="Changes")).to_contain_text("1")
    other.get_by_role("link", name="Changes").click()
    assert barriers(other, "/changes/") == []
    entry = other.get_by_role("listitem").filter(has_text=NAME)
    expect(entry).to_contain_text("ap-southeast-4")
    entry.get_by_role("button", name="Confirm").click()
    expect(other.locator(".flash")).to_contain_text("confirmed")
    admin.goto("/rules/")
    expect(admin.get_by_role("link", name=NAME, exact=True)).to_be_visible()
