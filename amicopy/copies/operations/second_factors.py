"""Second factors of people, their own doing: authenticator apps, passkeys, and recovery codes that each count once.

An administrator can reset somebody's, which gives power over them, see `voting.power`: whoever knows the password gets
in with it alone then. Codes of an app count once, by the step of time they are of, and so do answers of passkeys, by
their challenge, which `web.passkeys` makes and checks.
"""

import secrets
from datetime import datetime

import pyotp
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from pyotp.exceptions import OTPVerificationError

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.factor_models import RecoveryCode, SecondFactor
from amicopy.copies.core.permissions import NotAllowed, person, service_of
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.roles import ADMINISTRATOR
from amicopy.copies.core.token_models import digest_of
from amicopy.copies.operations import people
from amicopy.copies.voting import power
from amicopy.notify import outbox, sealing
from amicopy.notify.outbox import Notice

ISSUER = "amicopy"
MOST = 10
# The step of time before and the one after count as well: clocks of telephones are off by some seconds.
WINDOW = 1
CODES = 10
# 80 random bits in base32, in groups that people can read.
CODE_LETTERS, GROUP = 16, 4
RECOVERY = "recovery-code"


def of(user: User) -> list[SecondFactor]:
    """The person's second factors, the oldest first."""
    return list(SecondFactor.objects.filter(person=user))


def has(user: User) -> bool:
    return SecondFactor.objects.filter(person=user).exists()


def codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(person=user, used_at=None).count()


def demanded(user: User) -> bool:
    """Whether a role of the person's is among SECOND_FACTOR_ROLES; superusers count as administrators."""
    roles = settings.SECOND_FACTOR_ROLES
    return (user.is_superuser and ADMINISTRATOR in roles) or user.groups.filter(name__in=roles).exists()


def new_secret() -> str:
    """A secret for an authenticator app, in base32."""
    return pyotp.random_base32()


def address(user: User, secret: str) -> str:
    """What an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.get_username(), issuer_name=ISSUER)


def add_app(actor: Actor, *, name: str, secret: str, code: str) -> SecondFactor:
    """Adds the app that made this code from this secret. Raises ValidationError by field, and NotAllowed."""
    step = _step(secret, code)
    if step is None:
        raise ValidationError({"code": ["That isn't the app's code now. Enter the next one it shows."]})
    if SecondFactor.objects.filter(person=actor.id, kind=SecondFactor.Kind.TOTP).exists():
        raise ValidationError({"code": ["You have an authenticator app already. Remove that one first."]})
    return _add(
        actor, SecondFactor(kind=SecondFactor.Kind.TOTP, name=name, sealed_secret=sealing.seal(secret), counter=step)
    )


def add_passkey(actor: Actor, *, name: str, credential: str, counter: int) -> SecondFactor:
    """Adds a passkey, which was checked. Raises ValidationError by field, and NotAllowed."""
    return _add(actor, SecondFactor(kind=SecondFactor.Kind.PASSKEY, name=name, credential=credential, counter=counter))


def _add(actor: Actor, factor: SecondFactor) -> SecondFactor:
    user = person(actor)
    if service_of(user):
        raise NotAllowed(f"{user.username} is a service account: nobody signs in as it.")
    factor.person, factor.made_at = user, timezone.now()
    factor.name = factor.name.replace("\0", "").strip()
    with transaction.atomic():
        lock_chain()
        _check_name(factor)
        factor.save()
        data = {**_about(user), "kind": factor.kind, "name": factor.name}
        event = record("person.second_factor_added", actor=actor, data=data)
        _tell(user, event, f"The {factor.get_kind_display().lower()} “{factor.name}” was added to your account.")
    return factor


def _check_name(factor: SecondFactor) -> None:
    theirs = SecondFactor.objects.filter(person=factor.person)
    if not factor.name or len(factor.name) > 60:
        raise ValidationError({"name": ["Enter a name of 1 to 60 characters, to know it again."]})
    if theirs.filter(name=factor.name).exists():
        raise ValidationError({"name": [f"Choose another name. You have a “{factor.name}” already."]})
    if theirs.count() >= MOST:
        raise ValidationError({"name": [f"You have {MOST} already. Remove one first."]})


def remove(actor: Actor, number: int) -> SecondFactor:
    """Removes one of the acting person's own; with the last one go the recovery codes. Raises DoesNotExist of the
    model, and NotAllowed for the last one while a role demands one."""
    user = person(actor)
    with transaction.atomic():
        lock_chain()
        factor = SecondFactor.objects.get(person=user, pk=number)
        last = not SecondFactor.objects.filter(person=user).exclude(pk=number).exists()
        if last and demanded(user):
            raise NotAllowed("Your role needs a second factor. Add another one before you remove this one.")
        factor.delete()
        if last:
            RecoveryCode.objects.filter(person=user).delete()
        data = {**_about(user), "kind": factor.kind, "name": factor.name}
        event = record("person.second_factor_removed", actor=actor, data=data)
        _tell(user, event, f"The {factor.get_kind_display().lower()} “{factor.name}” was removed from your account.")
    return factor


def make_codes(actor: Actor) -> list[str]:
    """New recovery codes of the acting person's, which can't be had again; those of before end. Raises NotAllowed for
    who has no second factor."""
    user = person(actor)
    texts = [
        "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(CODE_LETTERS)) for _ in range(CODES)
    ]
    with transaction.atomic():
        lock_chain()
        if not has(user):
            raise NotAllowed("Add an authenticator app or a passkey first.")
        RecoveryCode.objects.filter(person=user).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(person=user, digest=digest_of(text)) for text in texts)
        record("person.recovery_codes_made", actor=actor, data={**_about(user), "codes": CODES})
    return ["-".join(text[at : at + GROUP] for at in range(0, CODE_LETTERS, GROUP)) for text in texts]


def take_code(actor: Actor, user: User, typed: str) -> str:
    """What a code was of that somebody typed: an app, or a recovery code, which is used up. Empty for none."""
    text = "".join(typed.split()).replace("-", "").upper()
    now = timezone.now()
    with transaction.atomic():
        lock_chain()
        if len(text) == CODE_LETTERS:
            unused = RecoveryCode.objects.filter(person=user, digest=digest_of(text), used_at=None)
            if has(user) and unused.update(used_at=now):
                left = codes_left(user)
                event = _used(actor, user, RECOVERY, left=left)
                _tell(user, event, f"A recovery code of your account was used. {left} are left.")
                return RECOVERY
            return ""
        app = SecondFactor.objects.filter(person=user, kind=SecondFactor.Kind.TOTP).select_for_update().first()
        step = _step(sealing.unseal(app.sealed_secret), text) if app else None
        if app is None or step is None or step <= app.counter:
            return ""
        _count(app, step, now)
        _used(actor, user, app.kind, name=app.name)
        return app.kind


def take_passkey(actor: Actor, factor: SecondFactor, counter: int) -> bool:
    """Notes that a passkey gave an answer, which was checked; False, and nothing, where its counter shows that there
    are two of it (https://www.w3.org/TR/webauthn-3/#sctn-sign-counter)."""
    with transaction.atomic():
        lock_chain()
        stored = SecondFactor.objects.select_for_update().filter(pk=factor.pk).first()
        if stored is None or ((counter or stored.counter) and counter <= stored.counter):
            return False
        _count(stored, counter, timezone.now())
        _used(actor, factor.person, factor.kind, name=factor.name)
    return True


def failed(actor: Actor, user: User, *, what: str, rests: bool) -> None:
    """Records a second factor that wasn't one, and `what` it was given for. With `rests` none is looked at for a while
    now, and the person is told: whoever tried knows their password."""
    with transaction.atomic():
        record("person.second_factor_failed", actor=actor, data={**_about(user), "for": what})
        if rests:
            event = record("person.locked_out", actor=actor, data={"username": user.username, "limit": "code"})
            said = "Somebody who knows your password, or has a session of yours, gave five wrong second factors."
            _tell(user, event, f"{said} If it wasn't you, change your password.")


def reset(actor: Actor, user_id: int) -> User:
    """Removes all second factors of somebody else's, who has lost them. Raises NotAllowed."""
    with transaction.atomic():
        user = people.changeable(actor, user_id)
        power.give(user, Grant.Kind.SECOND_FACTOR, by=actor)
        _reset(actor, user)
    return user


def reset_by_operator(actor: Actor, name: str) -> User:
    """As `reset`, for an operator at the command line. Raises User.DoesNotExist, and NotAllowed."""
    with transaction.atomic():
        lock_chain()
        user = User.objects.select_for_update().get(username=name)
        _reset(actor, user)
    return user


def _reset(actor: Actor, user: User) -> None:
    found = of(user)
    if not found:
        raise NotAllowed(f"{user.username} has no second factor, so there is nothing to reset.")
    RecoveryCode.objects.filter(person=user).delete()
    SecondFactor.objects.filter(person=user).delete()
    removed = [{"kind": factor.kind, "name": factor.name} for factor in found]
    event = record("person.second_factor_reset", actor=actor, data={**_about(user), "removed": removed})
    by = actor.name if actor.id is not None else "Whoever operates amicopy"
    _tell(user, event, f"{by} removed all second factors from your account. Your password alone opens it now.")


def _step(secret: str, code: str) -> int | None:
    """The step of time that a code of this secret is of, around now."""
    text = "".join(code.split())
    if not (text.isascii() and text.isdecimal()):
        return None
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(text, for_time=timezone.now(), valid_window=WINDOW)
    except OTPVerificationError:
        return None


def _count(factor: SecondFactor, counter: int, now: datetime) -> None:
    factor.counter, factor.used_at = counter, now
    factor.save(update_fields=["counter", "used_at"])


def _used(actor: Actor, user: User, kind: str, **more: object) -> AuditEvent:
    return record("person.second_factor_used", actor=actor, data={**_about(user), "kind": kind, **more})


def _about(user: User) -> dict[str, object]:
    return {"person": user.username, "person_id": user.pk}


def _tell(user: User, event: AuditEvent, said: str) -> None:
    text = f"{said} If you don't expect it, tell somebody else who runs amicopy."
    notice = Notice.of_account(event.pk, subject="Your second factors", text=text, path=reverse("sign-in"))
    outbox.put(notice, people=[user.pk], webhooks=False)
