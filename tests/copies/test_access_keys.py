"""Access keys: made for one account by who may ask in it, kept encrypted, with keys that rotate."""

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.token_models import ApiToken, well_formed
from amicopy.copies.operations import access_keys, tokens
from amicopy.notify.sealing import Unreadable
from tests.copies.conftest import acting
from tests.doctor import findings

pytestmark = pytest.mark.django_db
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def make(user: User, **more: Any) -> tuple[ApiToken, str]:
    return access_keys.make(acting(user), **{"name": "terraform", "account": "111122223333", "days": 30, **more})


def told() -> list[tuple[bool, bool]]:
    """What the doctor says of access keys: whether it is well, and whether it only warns."""
    return [(found.ok, found.warning) for found in findings() if found.what == "access keys"]


def test_neither_database_nor_history_holds_the_secret(requester: User, account: Account) -> None:
    row, secret = make(requester)
    assert well_formed(secret)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM copies_apitoken")
        stored = str(cursor.fetchall())
    event = AuditEvent.objects.get()
    assert secret not in stored
    assert secret[13:] not in repr(event.data)
    assert (event.action, event.data["api_token_id"]) == ("access_key.made", row.access_key_id)
    assert access_keys.secret_of(row.shown_id) == (row, secret)


def test_a_secret_is_of_a_key_by_constraint(requester: User, account: Account) -> None:
    row, _ = tokens.make(acting(requester), name="nightly", scopes=["read"], days=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiToken.objects.filter(pk=row.pk).update(sealed_secret="x")


def test_who_may_not_ask_makes_none(requester: User, approver: User, account: Account) -> None:
    with pytest.raises(NotAllowed):
        make(approver)
    token, _ = tokens.make(acting(requester), name="nightly", scopes=["request"], days=1)
    with pytest.raises(NotAllowed):
        access_keys.make(tokens.actor_with(token, address=""), name="x", account=account.account_id, days=1)
    Account.objects.update(enabled=False)
    with pytest.raises(InvalidRequest, match="account"):
        make(requester)


def test_secrets_are_encrypted_anew_with_the_first_key(settings: Settings, requester: User, account: Account) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    row, secret = make(requester)
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert told() == [(True, True)]
    out = StringIO()
    call_command("rotate_encryption", stdout=out)
    assert "1 access keys encrypted with the first key" in out.getvalue()
    settings.ENCRYPTION_KEYS = [NEW]
    assert told() == []
    assert access_keys.secret_of(row.shown_id)[1] == secret
    assert AuditEvent.objects.get(action="access_key.sealed_again").data == {"access_keys": 1}


def test_a_secret_that_no_key_decrypts_is_named_and_stays(
    settings: Settings, requester: User, account: Account
) -> None:
    row, secret = make(requester)
    kept = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [NEW]
    assert told() == [(False, False)]
    with pytest.raises(CommandError, match=row.shown_id):
        call_command("rotate_encryption", stdout=StringIO())
    with pytest.raises(Unreadable):
        access_keys.secret_of(row.shown_id)
    settings.ENCRYPTION_KEYS = kept
    assert access_keys.secret_of(row.shown_id)[1] == secret
