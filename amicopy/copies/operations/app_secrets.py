"""Secrets of authenticator apps in the database: encrypted anew with another key, and those that no key decrypts."""

from django.db import transaction
from django.db.models import QuerySet

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.copies.core.factor_models import SecondFactor
from amicopy.notify import sealing


def seal_again(actor: Actor) -> tuple[int, list[str]]:
    """Encrypts secrets anew where the first of ENCRYPTION_KEYS didn't; returns how many those are, and whose apps none
    of the keys decrypts, which stay as they are."""
    with transaction.atomic():
        lock_chain()
        anew, lost = sealing.sealed_again(_apps().select_for_update(of=("self",)))
        for app in anew:
            app.save(update_fields=["sealed_secret"])
        if anew:
            record("second_factor.sealed_again", actor=actor, data={"apps": len(anew)})
    return len(anew), [f"the authenticator app of {app.person.username}" for app in lost]


def unreadable() -> list[str]:
    """Whose authenticator apps none of ENCRYPTION_KEYS decrypts."""
    return [app.person.username for app in _apps() if not sealing.is_readable(app.sealed_secret)]


def sealed_before() -> int:
    """How many secrets the first of ENCRYPTION_KEYS didn't encrypt."""
    return sum(not sealing.is_current(app.sealed_secret) for app in _apps())


def _apps() -> QuerySet[SecondFactor]:
    return SecondFactor.objects.filter(kind=SecondFactor.Kind.TOTP).select_related("person")
