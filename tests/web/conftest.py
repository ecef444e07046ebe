"""Signed-in browsers for the pages' tests."""

from collections.abc import Callable

import pytest
from django.test import Client, RequestFactory

from amicopy.copies.core.engine_models import Pulse
from amicopy.copies.core.models import Account
from amicopy.copies.operations.health import silence
from amicopy.web import sessions
from tests.copies.conftest import make_person

SignedIn = Callable[..., Client]


@pytest.fixture
def signed_in(db: None) -> SignedIn:
    """A client signed in as a person with these roles; the name is the first role unless given."""

    def make(*roles: str, name: str = "") -> Client:
        client = Client()
        person = make_person(name or roles[0], *roles)
        client.force_login(person)
        # As the first page does, which costs statements that no other page does.
        page = RequestFactory().get("/")
        page.session, page.user = client.session, person
        sessions.begin(page)
        page.session.save()
        return client

    return make


@pytest.fixture(autouse=True)
def something_runs(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker swept a moment ago: pages say nothing of what is missing unless a test is about that. They ask for it
    once, however long a test takes."""
    Pulse.mark("sweep")
    monkeypatch.setattr(silence, "KEPT_SECONDS", 3600.0)


@pytest.fixture(autouse=True)
def account(db: None) -> Account:
    """An account, and somebody who can approve in it: a request nobody could approve is refused."""
    make_person("approver", "approver")
    account, _ = Account.objects.get_or_create(name="sandbox", account_id="111122223333")
    return account


def settled(client: Client) -> Client:
    """The client after its first page, for who counts statements: some of what every page says is asked for once."""
    assert client.get("/help/").status_code == 200
    return client


def typed(**changes: str) -> dict[str, str]:
    """What a requester types for one copy to eu-west-1."""
    return {
        "account": "sandbox",
        "SourceRegion": "us-east-1",
        "SourceImageId": "ami-0a7f3c92d41be6058",
        "Name": "golden-al2023-2026.11.24",
        "destinations-0-DestinationRegion": "eu-west-1",
        "reason": "PLAT-1: week 47 image",
        **changes,
    }
