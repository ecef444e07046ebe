"""Second factors: each code counts once, secrets are kept encrypted, and who resets somebody's has a hand in them."""

from datetime import datetime, timedelta
from io import StringIO

import pyotp
import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.factor_models import RecoveryCode, SecondFactor
from amicopy.copies.core.models import Account
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.roles import ROLES
from amicopy.copies.operations import people, proposals, second_factors
from amicopy.copies.requests import verbs
from amicopy.copies.voting import second_person
from amicopy.notify.models import Message
from amicopy.settings import values
from tests.copies.conftest import acting, approve, make_call, make_person
from tests.doctor import findings

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXP" * 2
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def code(at: datetime | None = None) -> str:
    return pyotp.TOTP(SECRET).at(at or timezone.now())


def with_app(user: User) -> User:
    """Somebody whose app gave a code a while ago."""
    factor = second_factors.add_app(acting(user), name="phone", secret=SECRET, code=code())
    SecondFactor.objects.filter(pk=factor.pk).update(counter=factor.counter - 10)
    return user


def take(user: User, typed: str) -> str:
    return second_factors.take_code(acting(user), user, typed)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def test_a_code_of_the_app_counts_once(approver: User) -> None:
    with_app(approver)
    now = timezone.now()
    assert take(approver, f" {code(now)[:3]} {code(now)[3:]} ") == "totp"
    assert take(approver, code(now)) == ""
    # Nor does the one before it, which is older than what was used.
    assert take(approver, code(now - timedelta(seconds=30))) == ""
    assert take(approver, code(now + timedelta(seconds=30))) == "totp"
    assert actions() == ["person.second_factor_added", *["person.second_factor_used"] * 2]


@pytest.mark.parametrize("typed", ["", "000000x", "１２３４５６", "12345", "\0", "A" * 16, "é" * 16, "9" * 400])
def test_what_is_no_code_is_none(approver: User, typed: str) -> None:
    with_app(approver)
    second_factors.make_codes(acting(approver))
    assert take(approver, typed) == ""


def test_a_code_from_another_time_is_none(approver: User) -> None:
    with_app(approver)
    assert take(approver, code(timezone.now() - timedelta(minutes=2))) == ""
    assert take(approver, code(timezone.now() + timedelta(minutes=2))) == ""


def test_an_app_is_added_with_a_code_of_it(approver: User) -> None:
    with pytest.raises(ValidationError, match="isn't the app's code"):
        second_factors.add_app(acting(approver), name="phone", secret=SECRET, code="000000")
    with_app(approver)
    with pytest.raises(ValidationError, match="already"):
        second_factors.add_app(acting(approver), name="other", secret=SECRET, code=code())
    with pytest.raises(ValidationError, match="Choose another name"):
        second_factors.add_passkey(acting(approver), name="phone", credential="x", counter=0)
    with pytest.raises(ValidationError, match="Enter a name"):
        second_factors.add_passkey(acting(approver), name=" \0", credential="x", counter=0)


def test_a_factor_is_of_its_kind_by_constraint(approver: User) -> None:
    with_app(approver)
    with pytest.raises(IntegrityError), transaction.atomic():
        SecondFactor.objects.update(kind="passkey")


def test_a_recovery_code_counts_once_and_new_ones_end_the_old(approver: User) -> None:
    with_app(approver)
    first, second, *_ = second_factors.make_codes(acting(approver))
    assert take(approver, first.lower()) == "recovery-code"
    assert take(approver, first) == ""
    assert second_factors.codes_left(approver) == 9
    second_factors.make_codes(acting(approver))
    assert take(approver, second) == ""
    assert second_factors.codes_left(approver) == 10


def test_nobody_has_codes_alone_or_those_of_another(approver: User, requester: User) -> None:
    with pytest.raises(NotAllowed, match="first"):
        second_factors.make_codes(acting(requester))
    with_app(approver)
    with_app(requester)
    mine = second_factors.make_codes(acting(approver))[0]
    assert take(requester, mine) == ""
    factor = SecondFactor.objects.get(person=approver)
    with pytest.raises(SecondFactor.DoesNotExist):
        second_factors.remove(acting(requester), factor.pk)
    second_factors.remove(acting(approver), factor.pk)
    assert not RecoveryCode.objects.filter(person=approver).exists()


def test_the_last_one_stays_while_a_role_needs_it(approver: User, settings: Settings) -> None:
    with_app(approver)
    settings.SECOND_FACTOR_ROLES = ["approver"]
    app = SecondFactor.objects.get()
    with pytest.raises(NotAllowed, match="Add another one"):
        second_factors.remove(acting(approver), app.pk)
    second_factors.add_passkey(acting(approver), name="key", credential="x", counter=0)
    second_factors.remove(acting(approver), app.pk)


def test_a_passkey_whose_counter_went_back_is_refused(approver: User) -> None:
    actor = acting(approver)
    key = second_factors.add_passkey(actor, name="key", credential="x", counter=5)
    assert second_factors.take_passkey(actor, key, 6)
    assert not second_factors.take_passkey(actor, key, 6)
    assert not second_factors.take_passkey(actor, key, 0)
    # Some never count, and say 0.
    still = second_factors.add_passkey(actor, name="still", credential="y", counter=0)
    assert second_factors.take_passkey(actor, still, 0)


def test_neither_database_nor_history_holds_a_secret(approver: User) -> None:
    with_app(approver)
    codes = second_factors.make_codes(acting(approver))
    stored = ""
    for table in ("copies_secondfactor", "copies_recoverycode", "audit_auditevent", "notify_message"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            stored += str(cursor.fetchall())
    assert SECRET not in stored
    assert not [text for text in codes if text in stored or text.replace("-", "") in stored]


def test_secrets_are_encrypted_anew_and_the_doctor_says_what_is_lost(settings: Settings, approver: User) -> None:
    def told() -> list[tuple[bool, bool]]:
        return [(found.ok, found.warning) for found in findings() if found.what == "second factors"]

    settings.ENCRYPTION_KEYS = [OLD]
    with_app(approver)
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert told() == [(True, True)]
    out = StringIO()
    call_command("rotate_encryption", stdout=out)
    assert "1 authenticator apps encrypted with the first key" in out.getvalue()
    settings.ENCRYPTION_KEYS = [NEW]
    assert told() == []
    assert take(approver, code()) == "totp"
    settings.ENCRYPTION_KEYS = [OLD]
    assert told() == [(False, False)]


def test_a_reset_gives_a_hand_until_somebody_else_confirms(account: Account) -> None:
    """An administrator takes the factor of an approver away, and has a password link made: their vote is the
    administrator's own."""
    boss, ann = make_person("boss", "administrator"), with_app(make_person("ann", "approver"))
    make_person("bob", "approver")
    row = verbs.submit(acting(boss), account=account, reason="PLAT-1", calls=[make_call()])
    second_factors.reset(acting(boss), ann.pk)
    assert not second_factors.has(ann)
    with pytest.raises(NotAllowed, match="What ann may do comes from boss"):
        approve(ann, row)
    call_command("confirm_person", "ann", stdout=StringIO())
    assert approve(ann, row).state == "APPROVED"


def test_who_reset_an_administrators_factor_cannot_have_them_for_the_second_person() -> None:
    boss, other = make_person("boss", "administrator"), with_app(make_person("other", "administrator"))
    User.objects.update(last_login=timezone.now())
    assert other in second_person.confirmers(boss, "copies.manage_people")
    second_factors.reset(acting(boss), other.pk)
    assert other not in second_person.confirmers(boss, "copies.manage_people")
    # And somebody else's role still waits for another.
    assert proposals.set_roles(acting(boss), make_person("ann").pk, ["approver"]).proposal is not None


def test_a_reset_is_told_and_only_of_who_has_one(approver: User) -> None:
    boss = make_person("boss", "administrator")
    User.objects.filter(pk=approver.pk).update(email="approver@people.example")
    with pytest.raises(NotAllowed, match="no second factor"):
        second_factors.reset(acting(boss), approver.pk)
    with_app(approver)
    with pytest.raises(NotAllowed):
        second_factors.reset(acting(approver), boss.pk)
    with pytest.raises(NotAllowed):
        second_factors.reset(acting(boss), boss.pk)
    second_factors.reset(acting(boss), approver.pk)
    event = AuditEvent.objects.get(action="person.second_factor_reset")
    assert event.data["removed"] == [{"kind": "totp", "name": "phone"}]
    assert Message.objects.filter(event=event.pk, person=approver).exists()


def test_services_have_none(approver: User) -> None:
    with pytest.raises(NotAllowed, match="no second factor"):
        second_factors.reset_by_operator(acting(approver), people.added(acting(approver), name="pipeline").username)


def test_the_setting_knows_the_roles() -> None:
    assert tuple(ROLES) == values.ROLES
