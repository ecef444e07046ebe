"""What a person wants to be told."""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import transaction

from amicopy.notify.models import MUTABLE, Mute


def wanted(person: User) -> list[str]:
    """The kinds of message the person gets."""
    muted = set(Mute.objects.filter(person=person).values_list("kind", flat=True))
    return [kind for kind in MUTABLE if kind not in muted]


def keep(person: User, kinds: Collection[str]) -> None:
    """Stores that the person wants these kinds and no others."""
    muted = [kind for kind in MUTABLE if kind not in kinds]
    with transaction.atomic():
        Mute.objects.filter(person=person).exclude(kind__in=muted).delete()
        Mute.objects.bulk_create([Mute(person=person, kind=kind) for kind in muted], ignore_conflicts=True)
