"""Access keys for the EC2 endpoint: tokens that sign instead of being sent, each for one account.

A signature can only be checked by who has the secret, so it is kept encrypted, see `notify.sealing`, until the key is
revoked. Everything else, whose it is, its end, its addresses, its revocation, is a token's: see `tokens`.
"""

from collections.abc import Collection

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import FieldError, InvalidRequest
from amicopy.copies.core.models import Account
from amicopy.copies.core.permissions import person
from amicopy.copies.core.token_models import ApiToken, Scope
from amicopy.copies.operations import tokens
from amicopy.notify import sealing


def make(actor: Actor, *, name: str, account: str, days: int, addresses: Collection[str] = ()) -> tuple[ApiToken, str]:
    """Makes an access key for the acting person and returns it with its secret, which can't be had again. `account` is
    the one that copies are asked for in, by its digits. Raises as `tokens.make`, and NotAllowed for who may not ask."""
    user = person(actor)
    permissions.check_submit(user)
    if not Account.objects.open_to(user).filter(account_id=account).exists():
        raise InvalidRequest([FieldError("account", "Choose the AWS account to copy into.")])
    return tokens.make(
        actor,
        name=name,
        scopes=[Scope.REQUEST],
        days=days,
        addresses=addresses,
        accounts=[account],
        access_key=True,
    )


def secret_of(access_key_id: str) -> tuple[ApiToken, str]:
    """The access key of this name with its secret. Raises ApiToken.DoesNotExist where there is none, or it was revoked,
    and sealing.Unreadable."""
    row = ApiToken.objects.select_related("person").exclude(sealed_secret="").get(access_key_id=access_key_id)
    return row, sealing.unseal(row.sealed_secret)


def used(row: ApiToken, *, address: str) -> None:
    """The key signed something that came from an address now. Raises tokens.Refused where it doesn't work."""
    tokens.check_use(row, address=address)
    if tokens.use_is_news(row, address):
        with transaction.atomic():
            # Once for each address and day: whoever asks every minute fills no history.
            if row.last_used_from != address or not _today(row):
                record("access_key.used", actor=tokens.actor_with(row, address=address), data=tokens.about(row))
            tokens.keep_use(row, address)


def _today(row: ApiToken) -> bool:
    """Whether its last use was on this day, in UTC."""
    return row.last_used_at is not None and row.last_used_at.date() == timezone.now().date()


def seal_again(actor: Actor) -> tuple[int, list[str]]:
    """Encrypts secrets anew where the first of ENCRYPTION_KEYS didn't; returns how many those are, and the names of
    the access keys that none of the keys decrypts, which stay as they are."""
    with transaction.atomic():
        lock_chain()
        anew, lost = sealing.sealed_again(_keys().select_for_update())
        for row in anew:
            row.save(update_fields=["sealed_secret"])
        if anew:
            record("access_key.sealed_again", actor=actor, data={"access_keys": len(anew)})
    return len(anew), [row.shown_id for row in lost]


def unreadable() -> list[str]:
    """The names of the access keys whose secrets none of ENCRYPTION_KEYS decrypts."""
    return [row.shown_id for row in _keys() if not sealing.is_readable(row.sealed_secret)]


def sealed_before() -> int:
    """How many secrets the first of ENCRYPTION_KEYS didn't encrypt."""
    return sum(not sealing.is_current(row.sealed_secret) for row in _keys())


def _keys() -> QuerySet[ApiToken]:
    return ApiToken.objects.exclude(sealed_secret="")
