"""Checks of how people and programs are told: e-mail, webhooks, and what is stored encrypted for them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from amicopy.copies.operations import access_keys, app_secrets
from amicopy.copies.operations.health.finding import Finding, Part, down, look, well
from amicopy.copies.operations.health.queue_ages import OVERDUE
from amicopy.copies.voting import voters
from amicopy.notify import sealing
from amicopy.notify.models import Endpoint, Message, State

# What was given up longer ago than this has been seen, or never will be.
LATELY = timedelta(days=7)


def email() -> Iterator[Finding]:
    """Whether people can be written to, and the mail server takes what is written."""
    if not settings.EMAIL_ON:
        yield look(Part.EMAIL, "email-off")
        return
    unreachable = voters.deciders().filter(email="").count()
    if unreachable:
        yield look(Part.EMAIL, "deciders-without-address", count=unreachable)
    found = _counts(Q(person__isnull=False))
    if found["late"]:
        yield down(Part.EMAIL, "messages-late", since=found["late_since"], count=found["late"], minutes=_minutes())
    if found["tried"]:
        yield look(Part.EMAIL, "email-failing", since=found["tried_since"], count=found["tried"])
    if found["failed"]:
        yield look(Part.EMAIL, "email-undelivered", count=found["failed"])
    if not (unreachable or found["late"] or found["tried"] or found["failed"]):
        yield well(Part.EMAIL, "email-sent", since=found["sent"])


def webhooks() -> Iterator[Finding]:
    """Whether each webhook takes what is posted, and its address can be decrypted."""
    former, wrong = [], False
    for endpoint in Endpoint.objects.existing():
        try:
            _ = endpoint.url, endpoint.key
        except sealing.Unreadable:
            wrong = True
            yield down(Part.WEBHOOKS, "webhook-unreadable", name=endpoint.name)
            continue
        if not endpoint.sealed_now:
            former.append(endpoint.name)
        found = _counts(Q(endpoint=endpoint))
        wrong = wrong or bool(found["late"] or found["tried"] or found["failed"])
        if found["late"]:
            late = {"count": found["late"], "minutes": _minutes()}
            yield down(Part.WEBHOOKS, "messages-late", place=endpoint.name, since=found["late_since"], **late)
        if found["tried"]:
            tried = found["tried"]
            yield look(Part.WEBHOOKS, "webhook-failing", place=endpoint.name, since=found["tried_since"], count=tried)
        if found["failed"]:
            yield look(Part.WEBHOOKS, "webhook-undelivered", place=endpoint.name, count=found["failed"])
    if former:
        yield look(Part.WEBHOOKS, "webhooks-former-key", names=former)
    if not wrong and not former:
        yield well(Part.WEBHOOKS, "webhooks-well", count=Endpoint.objects.existing().count())


def sealed_keys() -> Iterator[Finding]:
    """Whether access keys can be decrypted, and with the newest key."""
    if lost := access_keys.unreadable():
        yield down(Part.ACCESS_KEYS, "access-keys-unreadable", names=lost)
    elif former := access_keys.sealed_before():
        yield look(Part.ACCESS_KEYS, "access-keys-former-key", count=former)


def sealed_apps() -> Iterator[Finding]:
    """Whether secrets of authenticator apps can be decrypted, and with the newest key."""
    if lost := app_secrets.unreadable():
        yield down(Part.SECOND_FACTORS, "apps-unreadable", names=lost)
    elif former := app_secrets.sealed_before():
        yield look(Part.SECOND_FACTORS, "apps-former-key", count=former)


def _minutes() -> int:
    return OVERDUE.seconds // 60


def _counts(whose: Q) -> dict[str, Any]:
    """Messages of one kind of receiver: late without a try, tried in vain, given up lately, and when one last went."""
    now = timezone.now()
    late = Q(state=State.WAITING, tries=0, next_try_at__lt=now - OVERDUE)
    tried = Q(state__in=(State.WAITING, State.SENDING), tries__gt=0)
    failed = Q(state=State.FAILED, trying_since__gt=now - LATELY)
    return Message.objects.filter(whose).aggregate(
        late=Count("pk", filter=late),
        late_since=Min("next_try_at", filter=late),
        tried=Count("pk", filter=tried),
        tried_since=Min("trying_since", filter=tried),
        failed=Count("pk", filter=failed),
        sent=Max("sent_at"),
    )
