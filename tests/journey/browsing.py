"""A real browser, as the tests and `make screenshots` use it."""

import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

if TYPE_CHECKING:
    from tests.journey.conftest import Running

CHROMIUM = Path("/usr/bin/chromium")
# What every module of browser tests is marked with.
MARKS = [
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.browser,
    pytest.mark.skipif(
        not os.environ.get("CI") and not CHROMIUM.exists(), reason="Chromium is not installed (/usr/bin/chromium)."
    ),
]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A page that breaks its own policy says so on the console, which `Window` listens to.
WATCH = """addEventListener("securitypolicyviolation",
  (event) => console.error(`Content-Security-Policy: ${event.violatedDirective} ${event.blockedURI}`))"""


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium, until the block ends."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Window:
    """A browser context with somebody signed in (nobody for an empty name), and what its console complained about.

    `expected` holds what a test makes the console complain about on purpose, as parts of messages.
    """

    def __init__(self, browser: Browser, running: "Running", name: str, **options: Any) -> None:
        self.running = running
        self.context: BrowserContext = browser.new_context(base_url=running.url, **options)
        self.context.add_init_script(WATCH)
        self.page: Page = self.context.new_page()
        # A look-up that a later one replaces is aborted, which htmx calls an error.
        self.expected: list[str] = ["signal is aborted without reason"]
        self._said: list[str] = []
        self.page.on("console", lambda message: self._said.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self._said.append(str(error)))
        self._answers: deque[str] = deque(maxlen=20)
        self.page.on("response", lambda answer: self._answers.append(f"{time.time():.1f} {answer.status} {answer.url}"))
        if name:
            self.sign_in(name)

    @property
    def complaints(self) -> list[str]:
        """What the console said that nobody expected: a broken policy, a failed request, an error of a script."""
        return [text for text in self._said if not any(part in text for part in self.expected)]

    @property
    def shown(self) -> str:
        """What somebody would see of it now, and the last answers it got."""
        seen = [f"{time.time():.1f} {self.page.url}", self.page.locator("body").inner_text()]
        return "\n".join([*seen, *self._answers])

    def sign_in(self, name: str) -> None:
        self.page.goto("/sign-in/")
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(self.running.environ["SAMPLE_PASSWORD"])
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Dashboard")).to_be_visible()

    def submit(self, name: str) -> str:
        """Submits a request through the form and returns its path."""
        page = self.page
        page.goto("/requests/new/")
        page.locator("[name=SourceRegion]").select_option("us-east-1")
        page.locator("[name=SourceImageId]").fill("ami-0a7f3c92d41be6058")
        page.locator("[name=Name]").fill(name)
        page.locator("[name=destinations-0-DestinationRegion]").select_option("eu-west-1")
        page.locator("[name=reason]").fill("PLAT-1: week 47 image")
        page.locator("#submit").click()
        expect(page.locator("[data-request][data-state=PENDING]")).to_be_visible()
        return re.sub(r"^https?://[^/]+", "", page.url)


class Mouse:
    """A person at the mouse, whose clicks are counted; what is typed costs the click into its field."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0

    def click(self, on: Locator) -> None:
        on.click()
        self.clicks += 1

    def type(self, into: Locator, text: str) -> None:
        self.click(into)
        self.page.keyboard.type(text)

    def choose(self, of: Locator, value: str) -> None:
        """Opens a list and takes one of it."""
        of.select_option(value)
        self.clicks += 2


def opened_in_queue(page: Page, name: str) -> Locator:
    """Opens a request in the queue of approvals and returns its panel."""
    page.goto("/approvals/")
    page.locator("#queue").get_by_role("link", name=name).click()
    panel = page.locator("[data-panel]").filter(has_text=name)
    expect(panel).to_be_visible()
    return panel


class Windows:
    """Opens windows for one test; at its end none may have complained."""

    def __init__(self, browser: Browser, running: "Running") -> None:
        self._browser, self._running = browser, running
        self._opened: list[Window] = []

    def __call__(self, name: str, **options: Any) -> Window:
        window = Window(self._browser, self._running, name, **options)
        self._opened.append(window)
        return window

    def close(self) -> None:
        complaints = [text for window in self._opened for text in window.complaints]
        for window in self._opened:
            # Only shown for a test that failed.
            sys.stderr.write(window.shown)
            window.context.close()
        assert not complaints, complaints
