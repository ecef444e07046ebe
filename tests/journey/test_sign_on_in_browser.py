"""Signing on in a real browser with a real provider: in, a role by a group, another group, none, and out."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from amicopy.local import sample_provider
from tests.journey.browsing import MARKS, Windows
from tests.journey.conftest import Running, everything
from tests.journey.providers import Provider, sample, sign_on
from tests.journey.test_browser_barriers import barriers

pytestmark = MARKS


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with sample() as found:
        yield found


@pytest.fixture(scope="module")
def running(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    changed = {**sample_provider.environ(provider.url), "PASSWORD_SIGN_IN": "admin"}
    with everything(tmp_path_factory.mktemp("var"), "amicopy_sign_on", changed=changed) as it:
        yield it


@pytest.fixture
def windows(browser: Browser, running: Running) -> Iterator[Windows]:
    found = Windows(browser, running)
    yield found
    found.close()


def test_somebody_signs_on_has_a_role_another_one_none_and_signs_out(windows: Windows, provider: Provider) -> None:
    window = windows("")
    window.expected += ["cdn.jsdelivr.net", "ERR_", "favicon.ico", "404"]
    page = window.page
    page.goto("/requests/?q=golden")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    # Passwords are hidden, but for the administrator who has one.
    expect(page.get_by_label("Password")).to_have_count(0)
    assert barriers(page, "/sign-in/") == []
    sign_on(page, "provider-requester")
    expect(page).to_have_url(f"{window.running.url}/requests/?q=golden")
    expect(page.get_by_role("link", name="New copy request").first).to_be_visible()

    def again() -> None:
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="You are signed out of amicopy")).to_be_visible()
        page.get_by_role("link", name="Stay signed in there").click()
        sign_on(page, "provider-requester")
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()

    # Another group, another role.
    provider.say("provider-requester", ["image-approvers"])
    again()
    expect(page.get_by_role("navigation").get_by_role("link", name="Approvals").first).to_be_visible()
    # The provider says nothing of groups: the role is gone, and it is said.
    provider.say("provider-requester", None)
    again()
    expect(page.get_by_text("said nothing of your groups")).to_be_visible()
    expect(page.get_by_role("navigation").get_by_role("link", name="Approvals")).to_have_count(0)
    # Out, here and there.
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out of amicopy")).to_be_visible()
    assert barriers(page, "/sign-out/") == []
    page.get_by_role("link", name="Sign out at the sample provider").click()
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/requests/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_whoever_has_no_group_of_ours_is_told_so(windows: Windows) -> None:
    window = windows("")
    window.expected += ["cdn.jsdelivr.net", "ERR_", "favicon.ico", "403"]
    page = window.page
    page.goto("/sign-in/")
    sign_on(page, "provider-nobody")
    expect(page.get_by_role("heading", name="Nothing here is for you yet")).to_be_visible()
    assert barriers(page, "/sign-on/sample/return") == []
    page.get_by_role("link", name="Go to the sign-in page").click()
    page.get_by_role("link", name="Sign in with a password").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(window.running.environ["SAMPLE_PASSWORD"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_somebody_who_is_here_links_themselves_and_unlinks(windows: Windows) -> None:
    window = windows("")
    # A page of the provider's, whose style sheet is elsewhere; and what is refused on purpose in the end.
    window.expected += ["cdn.jsdelivr.net", "ERR_", "favicon.ico", "404", "403"]
    page = window.page
    page.goto("/sign-in/?password")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(window.running.environ["SAMPLE_PASSWORD"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.goto("/settings/")
    page.get_by_role("link", name="Single sign-on").click()
    page.get_by_role("button", name="Link with the sample provider").click()
    assert barriers(page, "/settings/sign-on/") == []
    page.get_by_role("link", name="Go on to the sample provider").click()
    page.get_by_role("button", name="provider-auditor", exact=True).first.click()
    expect(page.get_by_text("You are linked.")).to_be_visible()
    expect(page.get_by_text("Known there as provider-auditor")).to_be_visible()
    assert barriers(page, "/settings/sign-on/") == []
    # By the provider, in another browser: the same person, with what their groups give besides.
    other = windows("")
    other.expected += window.expected
    other.page.goto("/sign-in/")
    sign_on(other.page, "provider-auditor")
    other.page.goto("/people/")
    expect(other.page.get_by_role("row").filter(has_text="admin").filter(has_text="auditor").first).to_be_visible()
    page.get_by_role("button", name="Unlink the sample provider").click()
    expect(page.get_by_text("You are unlinked.")).to_be_visible()
    # What began there is over, and begins no more.
    other.page.goto("/people/")
    expect(other.page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_on(other.page, "provider-auditor")
    expect(other.page.get_by_role("heading", name="You unlinked this")).to_be_visible()
