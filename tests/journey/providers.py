"""The sample provider of single sign-on as a process, and the way through it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.request import Request, urlopen

from playwright.sync_api import Page

from amicopy.local import processes, sample_provider
from tests.ports import free_port


@dataclass
class Provider:
    """The sample provider, as a process."""

    url: str

    def say(self, subject: str, groups: list[str] | None) -> None:
        """Has it say other groups of somebody from now on; None: nothing at all."""
        claims = sample_provider.claims(subject, groups or [])
        if groups is None:
            claims.pop("groups")
        body = json.dumps(claims).encode()
        asked = Request(f"{self.url}/users/{subject}", body, {"Content-Type": "application/json"}, method="PUT")
        with urlopen(asked, timeout=10):
            pass


@contextmanager
def sample() -> Iterator[Provider]:
    port = free_port()
    process = processes.start(sample_provider.command("127.0.0.1", port), {"PATH": "/usr/bin:/bin"})
    try:
        found = Provider(f"http://127.0.0.1:{port}")
        assert processes.wait_for(found.url, {"provider": process}, seconds=30) == ""
        yield found
    finally:
        processes.stop(process)


def sign_on(page: Page, subject: str) -> None:
    page.get_by_role("link", name="Sign in with the sample provider").click()
    # Its style sheet is elsewhere.
    page.get_by_role("button", name=subject, exact=True).first.click()
