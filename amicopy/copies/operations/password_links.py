"""Links with which a person sets their password: one at a time, good for one use within PASSWORD_RESET_TIMEOUT.

A link goes to the person's own address where mail is set up, and is shown to nobody then. It ends with the next one,
with its use, with another address, and with being switched off. The person is told of each, and of its use.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.copies.core.models import PasswordLink
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.power_models import Grant
from amicopy.copies.voting import power
from amicopy.notify import outbox
from amicopy.notify import password_links as secrets
from amicopy.notify.models import Kind, Message
from amicopy.notify.outbox import Notice


class Tokens(PasswordResetTokenGenerator):
    """What Django's page for setting a password asks: whether a link is good."""

    def make_token(self, user: User) -> str:
        raise NotImplementedError("A link is made by `make`, with its event.")

    def check_token(self, user: User | None, token: str | None) -> bool:
        return user is not None and open_link(user, token or "") is not None


def open_link(user: User, token: str) -> PasswordLink | None:
    """The link that a token is of, while it is good."""
    number = secrets.link_of(token)
    if number is None or not constant_time_compare(secrets.token(user, number), token):
        return None
    if not user.is_active or user.is_superuser:
        return None
    since = timezone.now() - timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    return _still_open(user).filter(pk=number, made_at__gt=since).select_related("made_by").first()


def make(user: User, *, actor: Actor) -> tuple[str, str] | None:
    """Makes a link for a person, who is locked, and ends the one before. Returns the two parts of its path, or None
    where it goes to the person by mail."""
    end(user, "Another link was made.")
    link = PasswordLink.objects.create(person=user, made_by_id=actor.id, made_at=timezone.now())
    mailed = settings.EMAIL_ON and bool(user.email) and actor.id is not None
    event = record("person.link_made", actor=actor, data={**_about(user), "mailed_to": user.email if mailed else ""})
    place = urlsafe_base64_encode(force_bytes(user.pk))
    if not mailed:
        return place, secrets.token(user, link.pk)
    days = settings.PASSWORD_RESET_TIMEOUT // (24 * 3600)
    text = (
        f"{actor.name} made a link with which you set your password for amicopy. It works once, for {days} days, and "
        "your present password works until then. If you don't expect it, ask somebody else who runs amicopy."
    )
    _tell(user, event.pk, Kind.LINK, "Set your password", text, reverse("password-set", args=[place, str(link.pk)]))
    return None


def end(user: User, words: str) -> None:
    """Ends the person's link, if there is one; a mail with it that wasn't sent isn't needed any more."""
    _still_open(user).update(ended_at=timezone.now())
    outbox.call_off(Message.objects.filter(person=user, kind=Kind.LINK), words)


def use(user: User, token: str, *, actor: Actor) -> None:
    """Ends a link with its use, in the transaction that sets the password. Whoever made it has a hand in the person
    from then on. Raises NotAllowed when it isn't good any more."""
    lock_chain()
    link = open_link(user, token)
    if link is None or not _still_open(user).filter(pk=link.pk).update(ended_at=timezone.now()):
        raise NotAllowed("This link was used already or is too old. Ask an administrator for another one.")
    if link.made_by is not None:
        maker = Actor(name=link.made_by.username, source="page", id=link.made_by.pk)
        power.give(user, Grant.Kind.PASSWORD, by=maker)
    made_by = link.made_by.username if link.made_by else ""
    event = record("person.password_set", actor=actor, data={**_about(user), "link_made_by": made_by})
    by = f"{made_by} made" if made_by else "whoever operates amicopy made"
    text = (
        f"Your password for amicopy was set, by a link that {by}. If that wasn't you, tell somebody else who runs it."
    )
    _tell(user, event.pk, Kind.ACCOUNT, "Your password was set", text, reverse("sign-in"))


def _still_open(user: User) -> QuerySet[PasswordLink]:
    return PasswordLink.objects.filter(person=user, ended_at__isnull=True)


def _tell(user: User, event: int, kind: Kind, subject: str, text: str, path: str) -> None:
    notice = Notice.of_account(event, kind=kind, subject=subject, text=text, path=path)
    outbox.put(notice, people=[user.pk], webhooks=False)


def _about(user: User) -> dict[str, object]:
    return {"person": user.username, "person_id": user.pk}
