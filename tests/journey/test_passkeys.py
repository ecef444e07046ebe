"""Second factors in a real browser: a passkey of Chromium's virtual authenticator, an app's code, a recovery code."""

from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journey import browsing
from tests.journey.conftest import PASSWORD, Running, everything

pytestmark = browsing.MARKS
FACTORS = "/settings/second-factors/"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An amicopy with a name, to which passkeys can be bound."""
    with everything(tmp_path_factory.mktemp("named"), "amicopy_named", changed={"SITE_URL": "http://localhost"}) as it:
        it.url = it.url.replace("127.0.0.1", "localhost")
        yield it


@pytest.fixture
def windows(browser: Browser, named: Running) -> Iterator[browsing.Windows]:
    opened = browsing.Windows(browser, named)
    yield opened
    opened.close()


def authenticator(window: browsing.Window, *, verified: bool = True) -> None:
    """Gives a window's page an authenticator, as https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/."""
    session = window.context.new_cdp_session(window.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": verified,
        "isUserVerified": verified,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def sign_out_and_half_in(page: Page, name: str) -> None:
    """Signs out, and in again up to the second step."""
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()


def codes_on(page: Page) -> list[str]:
    expect(page.get_by_role("heading", name="Recovery codes", exact=True)).to_be_visible()
    return page.locator("#recovery-codes").inner_text().split()


def add_passkey(page: Page) -> None:
    page.goto(FACTORS)
    page.get_by_role("button", name="Add a passkey").click()


def test_a_passkey_is_added_signs_in_and_is_asked_again(windows: browsing.Windows) -> None:
    window = windows("approver")
    page = window.page
    authenticator(window)
    add_passkey(page)
    codes = codes_on(page)
    assert len(codes) == 10
    sign_out_and_half_in(page, "approver")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    # And a recovery code does, where the passkey isn't at hand.
    sign_out_and_half_in(page, "approver")
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    sign_out_and_half_in(page, "approver")
    window.expected.append("422")
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("isn't a code that counts now")).to_be_visible()


def test_an_authenticator_that_knows_nobody_there_is_not_enough(windows: browsing.Windows) -> None:
    """The device has to have checked who holds it."""
    window = windows("auditor")
    authenticator(window, verified=False)
    add_passkey(window.page)
    expect(window.page.get_by_text("No passkey was made")).to_be_visible()


def test_an_apps_code_without_any_script(windows: browsing.Windows) -> None:
    window = windows("requester", java_script_enabled=False)
    page = window.page
    page.goto(FACTORS)
    expect(page.get_by_text("Adding a passkey needs a browser that runs scripts.")).to_be_visible()
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()
    page.get_by_role("link", name="Add an authenticator app").click()
    app = pyotp.TOTP(page.locator("#app-key").inner_text())
    page.get_by_label("Code that the app shows").fill(app.now())
    page.get_by_role("button", name="Add the app").click()
    codes = codes_on(page)
    sign_out_and_half_in(page, "requester")
    page.get_by_label("Code of your app").fill(codes[1].lower())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
