"""People with addresses, servers that take messages, and a clock for waits."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.notify import tasks
from amicopy.notify.models import FOR_WEBHOOKS, Endpoint, Message, State
from amicopy.notify.sealing import seal
from tests.copies.conftest import account, approver, make_person, requester, submit
from tests.notify.servers import HookServer, MailServer

__all__ = ("account", "approver", "requester", "submit")


def address(user: User) -> User:
    user.email = f"{user.username}@people.example"
    user.save()
    return user


def somebody(name: str, *roles: str) -> User:
    return address(make_person(name, *roles))


def send_all() -> None:
    """Every message that waits is due now."""
    Message.objects.filter(state=State.WAITING).update(next_try_at=timezone.now())
    tasks.send_due()


@pytest.fixture
def mail(settings: Settings) -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 5
    settings.SITE_URL = "https://amicopy.example"
    yield server
    server.stop()


@pytest.fixture
def hooks() -> Iterator[HookServer]:
    server = HookServer()
    yield server
    server.stop()


@pytest.fixture
def endpoint(db: None, hooks: HookServer) -> Endpoint:
    return Endpoint.objects.create(name="tickets", sealed_url=seal(hooks.url), kinds=list(FOR_WEBHOOKS))


@pytest.fixture(autouse=True)
def _addresses(requester: User, approver: User) -> None:
    address(requester)
    address(approver)
