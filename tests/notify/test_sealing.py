"""Addresses and signing keys of webhooks at rest: encrypted, with keys that rotate."""

import base64
import hashlib
import hmac
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.notify import sealing
from amicopy.notify.models import FOR_WEBHOOKS, Endpoint, Message
from amicopy.notify.sealing import seal
from tests.copies.conftest import Submit
from tests.doctor import findings
from tests.notify.conftest import send_all
from tests.notify.servers import HookServer

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def stored() -> str:
    """All that the database holds of webhooks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM notify_endpoint")
        return str(cursor.fetchall())


def rotate() -> str:
    out = StringIO()
    call_command("rotate_encryption", stdout=out)
    return out.getvalue()


def told() -> list[tuple[bool, bool]]:
    """What the doctor says of webhooks: whether it is well, and whether it only warns."""
    return [(found.ok, found.warning) for found in findings() if found.what == "webhooks"]


def test_the_database_holds_neither_address_nor_key(endpoint: Endpoint) -> None:
    assert endpoint.key.startswith("whsec_")
    assert endpoint.url not in stored()
    assert endpoint.key.removeprefix("whsec_") not in stored()
    assert Endpoint.objects.create(name="other", sealed_url=seal(endpoint.url)).sealed_url != endpoint.sealed_url


def test_a_new_key_encrypts_and_an_old_one_decrypts_until_all_is_rotated(settings: Settings, hooks: HookServer) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    before = Endpoint.objects.create(name="tickets", sealed_url=seal(hooks.url), kinds=list(FOR_WEBHOOKS))
    key = before.key
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert told() == [(True, True)]
    assert rotate().startswith("1 webhooks encrypted with the first key\n")
    assert rotate().startswith("0 webhooks encrypted with the first key\n")
    settings.ENCRYPTION_KEYS = [NEW]
    assert told() == [(True, False)]
    after = Endpoint.objects.get()
    assert (after.url, after.key) == (hooks.url, key)
    assert [event.data for event in AuditEvent.objects.filter(action="webhook.sealed_again")] == [{"webhooks": 1}]


def test_what_no_key_decrypts_is_named_and_stays_as_it_is(settings: Settings, endpoint: Endpoint) -> None:
    settings.ENCRYPTION_KEYS = [NEW]
    assert told() == [(False, False)]
    with pytest.raises(CommandError, match="tickets"):
        rotate()
    assert Endpoint.objects.get().sealed_url == endpoint.sealed_url
    with pytest.raises(sealing.Unreadable):
        _ = Endpoint.objects.get().url


def test_a_message_to_an_address_that_cannot_be_decrypted_waits_and_says_why(
    settings: Settings, endpoint: Endpoint, submit: Submit
) -> None:
    submit()
    settings.ENCRYPTION_KEYS = [NEW]
    send_all()
    message = Message.objects.get(endpoint=endpoint)
    assert (message.state, message.last_error) == ("waiting", str(sealing.Unreadable()))
    assert endpoint.shown == "an address that can't be decrypted"


@pytest.mark.django_db(transaction=True)
def test_webhooks_of_before_keep_their_address_and_their_key(settings: Settings) -> None:
    last = MigrationExecutor(connection).loader.graph.leaf_nodes()
    MigrationExecutor(connection).migrate([("notify", "0004_alarms")])
    try:
        old = MigrationExecutor(connection).loader.project_state([("notify", "0004_alarms")]).apps
        row = old.get_model("notify", "Endpoint").objects.create(name="tickets", url="https://hooks.example/T00")
        digest = hmac.new(settings.SECRET_KEY.encode(), f"amicopy webhook {row.salt}".encode(), hashlib.sha256).digest()
    finally:
        MigrationExecutor(connection).migrate(last)
    endpoint = Endpoint.objects.get()
    assert (endpoint.url, endpoint.key) == (
        "https://hooks.example/T00",
        "whsec_" + base64.b64encode(digest).decode(),
    )
